"""Whether a document is one that the pipeline can work with."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator, OpenAPIV32SpecValidator

from codegen import document as documents
from codegen.errors import DocumentError

__all__ = ["checked_cut", "require_openapi3", "validate"]

_VALIDATORS: Final = {
    "3.0": OpenAPIV30SpecValidator,
    "3.1": OpenAPIV31SpecValidator,
    "3.2": OpenAPIV32SpecValidator,
}


def require_openapi3(document: dict[str, Any], name: str) -> dict[str, Any]:
    """
    Refuse what is no OpenAPI 3 document, or one of a version that is not supported.

    :param document: what was read
    :param name: what to call it in an error
    :return: the document
    :raises DocumentError: when it is something else
    """
    version = str(document.get("openapi", ""))
    if not version.startswith("3."):
        found = f"openapi: {version}" if version else "no 'openapi' member"
        raise DocumentError(f"{name} is not an OpenAPI 3 document: {found}")
    if _feature_version(document) not in _VALIDATORS:
        raise DocumentError(f"{name} is OpenAPI {version}; supported are {', '.join(_VALIDATORS)}")
    if not isinstance(document.get("paths", {}), dict):
        raise DocumentError(f"{name} is not an OpenAPI 3 document: 'paths' is no object")
    return document


def validate(document: dict[str, Any], name: str) -> None:
    """
    Refuse an OpenAPI document that breaks the specification.

    :param document: a cut, or a corrected document
    :param name: what to call it in an error
    :raises DocumentError: naming the first fault and its place
    """
    try:
        error = next(_VALIDATORS[_feature_version(document)](document).iter_errors(), None)
    except Exception as failure:  # noqa: BLE001 (of any class, on a pattern for example)
        raise DocumentError(f"{name} cannot be validated: {failure!r}") from None
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path) or "the top level"
        raise DocumentError(f"{name} is not valid OpenAPI: {error.message.partition(chr(10))[0]} (at {where})")


def _feature_version(document: dict[str, Any]) -> str:
    return ".".join(str(document.get("openapi", "")).split(".")[:2])


def checked_cut(document: dict[str, Any], operation_ids: Collection[str], name: str) -> dict[str, Any]:
    """
    Cut a document, and make sure that the cut is good; faults elsewhere in the document do not matter.

    :param document: an OpenAPI 3 document
    :param operation_ids: the operations to keep
    :param name: what to call the document in an error
    :return: the cut
    :raises DocumentError: when it cannot be cut, or the cut breaks the specification
    """
    try:
        cut = documents.cut(document, operation_ids)
    except DocumentError as error:
        raise DocumentError(f"{name}: {error}") from None
    validate(cut, f"our cut of {name}")
    return cut
