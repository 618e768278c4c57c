"""What stops the pipeline, each with a message of one line that says what and where."""

from __future__ import annotations

__all__ = ["CodegenError", "DocumentError", "GenerationError", "OverlayError"]


class CodegenError(Exception):
    """
    The pipeline cannot go on; nothing on disk has changed.

    :param message: the reason; texts of the document in it may have any characters, so it is put on one line
    """

    def __init__(self, message: str) -> None:
        shown = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in message)
        super().__init__(shown)


class DocumentError(CodegenError):
    """The OpenAPI document cannot be used."""


class OverlayError(CodegenError):
    """The overlay is malformed or does not fit the document."""


class GenerationError(CodegenError):
    """The client could not be generated from a good document."""
