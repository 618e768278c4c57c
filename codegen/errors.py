"""What stops the pipeline, each with a message of one line that says what and where."""

from __future__ import annotations

__all__ = ["CodegenError", "DocumentError", "GenerationError", "OverlayError"]


class CodegenError(Exception):
    """The pipeline cannot go on; nothing on disk has changed."""


class DocumentError(CodegenError):
    """The OpenAPI document cannot be used."""


class OverlayError(CodegenError):
    """The overlay is malformed or does not fit the document."""


class GenerationError(CodegenError):
    """The client could not be generated from a good document."""
