"""
The JSON types of an OpenAPI document, as far as the cut and the comparison rely on them.

The validator knows more, but only documents of these types can be cut for it; and in OpenAPI 3.1 it passes over
schemas of request bodies and headers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from codegen.errors import DocumentError
from codegen.grammar import Kind, ListOf, MapOf

__all__ = ["require_shape"]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_text_map(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_type(value: Any) -> bool:
    return _is_text(value) or _is_text_list(value)


def _is_exclusive(value: Any) -> bool:
    return _is_boolean(value) or _is_number(value)


def _is_step(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_location(value: Any) -> bool:
    return value in ("query", "querystring", "header", "path", "cookie")


def _is_security(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(requirement, dict) and all(map(_is_text_list, requirement.values())) for requirement in value
    )


_TEXT: Final = (_is_text, "a text")
_BOOLEAN: Final = (_is_boolean, "true or false")
_NUMBER: Final = (_is_number, "a number")
_LIST: Final = (_is_list, "a list")
_TEXT_LIST: Final = (_is_text_list, "a list of texts")
_EXCLUSIVE: Final = (_is_exclusive, "true, false or a number")
_SECURITY: Final = (_is_security, "a list of objects that hold lists of texts")
_OBJECT: Final = (lambda value: isinstance(value, dict), "an object")

#: kind of object -> field of plain data -> its type; a field that is not listed may be anything
_FIELDS: Final[dict[str, dict[str, tuple[Callable[[Any], bool], str]]]] = {
    "document": {"security": _SECURITY},
    "operation": {"operationId": _TEXT, "tags": _TEXT_LIST, "security": _SECURITY, "deprecated": _BOOLEAN},
    "parameter": {
        "name": _TEXT,
        "in": (_is_location, "query, querystring, header, path or cookie"),
        "style": _TEXT,
        "required": _BOOLEAN,
    },
    "header": {"required": _BOOLEAN},
    "request body": {"required": _BOOLEAN},
    "discriminator": {"propertyName": _TEXT, "mapping": (_is_text_map, "an object that holds texts")},
    "oauth flow": {"scopes": _OBJECT},
    "schema": {
        "type": (_is_type, "a text or a list of texts"),
        "required": _TEXT_LIST,
        "enum": _LIST,
        **dict.fromkeys(("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"), _NUMBER),
        **dict.fromkeys(("minProperties", "maxProperties"), _NUMBER),
        **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), _EXCLUSIVE),
        **dict.fromkeys(("uniqueItems", "nullable", "deprecated", "readOnly", "writeOnly"), _BOOLEAN),
        "multipleOf": (_is_step, "a number above 0"),
    },
}

#: fields that must be there for a place in the document to be told from another, unless there is a reference
_DEMANDED: Final = {"parameter": ("name", "in")}


def require_shape(node: Any, kind: Kind, place: str) -> None:
    """
    Refuse an object of another type than OpenAPI says; the objects below it are not looked at.

    :param node: an object or list of an OpenAPI document
    :param kind: its kind
    :param place: its place, for the error
    :raises DocumentError: saying the value and the expected type
    """
    match kind:
        case ListOf():
            _require(isinstance(node, list), node, "a list", place)
        case "schema":
            _require(isinstance(node, (dict, bool)), node, "an object, true or false", place)
        case _:
            _require(isinstance(node, dict), node, "an object", place)
    if isinstance(kind, (MapOf, ListOf)) or not isinstance(node, dict):
        return
    if "$ref" in node:
        _require(_is_text(node["$ref"]), node["$ref"], "a text", f"{place}.$ref")
    for field, (is_right, expected) in _FIELDS.get(kind, {}).items():
        if field in node:
            _require(is_right(node[field]), node[field], expected, f"{place}.{field}")
    for field in _DEMANDED.get(kind, ()):
        _require(field in node or "$ref" in node, node, f"an object with '{field}'", place)


def _require(is_right: bool, value: Any, expected: str, place: str) -> None:
    if not is_right:
        shown = ascii(value)
        shown = shown if len(shown) <= 80 else f"{shown[:79]}…"
        raise DocumentError(f"{place} is {shown}, expected {expected}")
