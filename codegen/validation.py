"""Whether a document is one that the pipeline can work with."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from codegen import document as documents
from codegen.errors import DocumentError

__all__ = ["checked_cut", "require_openapi3", "validate"]


def require_openapi3(document: dict[str, Any], name: str) -> dict[str, Any]:
    """
    Refuse what is no OpenAPI 3 document.

    :param document: what was read
    :param name: what to call it in an error
    :return: the document
    :raises DocumentError: when it is something else
    """
    version = str(document.get("openapi", ""))
    if not version.startswith("3."):
        found = f"openapi: {version}" if version else "no 'openapi' member"
        raise DocumentError(f"{name} is not an OpenAPI 3 document: {found}")
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
    is_31 = str(document["openapi"]).startswith("3.1")
    validator = (OpenAPIV31SpecValidator if is_31 else OpenAPIV30SpecValidator)(document)
    for error in validator.iter_errors():
        where = ".".join(str(part) for part in error.absolute_path) or "the top level"
        raise DocumentError(f"{name} is not valid OpenAPI: {error.message.splitlines()[0]} (at {where})")


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
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # An array where OpenAPI has an object, and the like; what the walk fell over is all that can be told.
        raise DocumentError(f"{name} is not built like OpenAPI where our operations are: {error!r}") from None
    validate(cut, f"our cut of {name}")
    return cut
