"""
From X's whole document to the cut that we use: pure functions, dict in, dict out.

The cut holds facts only (no prose, no examples), just what the selected operations reach, in an order that
depends on nothing but the facts. So two documents that mean the same to our operations give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, Final, cast

from codegen.errors import DocumentError
from codegen.grammar import COMPONENT_KINDS, METHODS, Kind, ListOf, MapOf, child_kind, children
from codegen.references import PROSE, Reached, followed, reference_to, references, resolve
from codegen.shapes import require_shape

__all__ = ["cut", "fingerprint", "operation_ids", "operations", "parameters", "prune", "relax_answers", "resolve"]

Document = dict[str, Any]

#: objects that carry no prose, or whose keys the author chose
_KINDS_WITHOUT_PROSE: Final = frozenset({"discriminator", "components", "document", "paths", "responses", "callback"})

#: objects in which OpenAPI demands a text; the cut keeps it empty and the overlay may fill it
_TEXT_DEMANDED: Final = {"response": "description"}

#: lists that are sets: (kind of object, field)
_SETS: Final = frozenset(
    {("schema", "required"), ("schema", "enum"), ("schema", "type"), ("operation", "tags")}
    | {("operation", "security"), ("document", "security"), ("server variable", "enum")}
)

#: formats whose values the generator writes in another form than it has read them
_REWRITTEN: Final = frozenset({"date", "uuid"})

_TOP_LEVEL_ORDER: Final = ("openapi", "info", "servers", "security", "paths", "components")


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """
    Yield every operation of a document.

    :param document: an OpenAPI document
    :return: tuples of path, method in lower case, and the Operation Object
    """
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if isinstance(item, dict) and isinstance(item.get(method), dict):
                yield path, method, item[method]


def parameters(document: Document, path: str, operation: Document) -> Iterator[Document]:
    """
    Yield the parameters of an operation, those of its path first, references followed.

    :param document: an OpenAPI document
    :param path: the path that the operation stands at
    :param operation: the Operation Object
    """
    for node in (*document["paths"][path].get("parameters", ()), *operation.get("parameters", ())):
        yield followed(document, node)


def operation_ids(document: Document) -> set[str]:
    """
    Name the operations of a document.

    :param document: an OpenAPI document
    :return: the ``operationId`` of each operation that has one
    """
    named = (operation.get("operationId") for _, _, operation in operations(document))
    return {operation_id for operation_id in named if isinstance(operation_id, str)}


def cut(document: Document, operation_ids: Collection[str]) -> Document:
    """
    Select operations with all that they reach, drop prose and examples, and order what has no order.

    :param document: an OpenAPI 3 document; it is not changed
    :param operation_ids: the ``operationId`` of each operation to keep
    :return: a new document
    :raises DocumentError: when an operation is missing or named twice, a reference points to nothing or goes in a
        circle, or an object has another type than OpenAPI says
    """
    selected = _select(document, operation_ids)
    return cast("Document", _canonical(prune(selected, document), "document"))


def _select(document: Document, operation_ids: Collection[str]) -> Document:
    require_shape(document, "document", "the document")
    info = document.get("info", {})
    require_shape(info, "info", "info")
    paths: Document = {}
    found: dict[str, str] = {}
    for path, method, operation in operations(document):
        operation_id = operation.get("operationId")
        if not isinstance(operation_id, str) or operation_id not in operation_ids:
            continue
        place = f"{method.upper()} {path}"
        if operation_id in found:
            raise DocumentError(f"operationId {operation_id!r} stands twice: {found[operation_id]} and {place}")
        found[operation_id] = place
        item = document["paths"][path]
        kept = {key: value for key, value in item.items() if key not in (*METHODS, "additionalOperations")}
        paths.setdefault(path, kept)[method] = operation
    missing = sorted(set(operation_ids) - set(found))
    if missing:
        raise DocumentError(f"operation {', '.join(missing)} is not in the document")
    kept_fields = ("openapi", "servers", "security")
    return {
        **{key: document[key] for key in kept_fields if key in document},
        "info": {"title": info.get("title", ""), "version": info.get("version", "")},
        "paths": paths,
    }


def prune(document: Document, source: Document | None = None) -> Document:
    """
    Keep only those components that the paths of a document reach.

    :param document: an OpenAPI document; it is not changed
    :param source: where components are looked up, when they do not stand in the document itself
    :return: the document with the reached components and no others
    :raises DocumentError: when a reference points to nothing
    """
    source = document if source is None else source
    require_shape(source.get("components", {}), "components", "components")
    for section in COMPONENT_KINDS.keys() & source.get("components", {}).keys():
        require_shape(source["components"][section], MapOf(COMPONENT_KINDS[section]), f"components.{section}")
    reached = Reached(source)
    reached.follow(document.get("paths", {}), "paths", "paths")
    reached.follow(document.get("servers", []), ListOf("server"), "servers")
    reached.require_no_circle()
    pruned = reached.document(document)
    schemes = _used_security_schemes(document, source)
    if schemes:
        pruned["components"]["securitySchemes"] = schemes
    return pruned


def _used_security_schemes(document: Document, source: Document) -> dict[str, Any]:
    """Take the schemes that operations name, OAuth flows with just the scopes that they ask for."""
    scopes: dict[str, set[str]] = {}
    requirements = list(document.get("security", []))
    for _, _, operation in operations(document):
        requirements += operation.get("security", [])
    for requirement in requirements:
        for name, wanted in requirement.items():
            scopes.setdefault(name, set()).update(wanted)
    return {name: _with_scopes(_security_scheme(source, name), wanted) for name, wanted in scopes.items()}


def _security_scheme(source: Document, name: str) -> Document:
    """Look a scheme up; it may be a reference to another one."""
    reference = reference_to("components", "securitySchemes", name)
    reached = Reached(source)
    reached.follow({"$ref": reference}, "security scheme", "security")
    reached.require_no_circle()
    scheme = resolve(source, reference)
    while "$ref" in scheme:
        scheme = resolve(source, scheme["$ref"])
    return cast("Document", scheme)


def _with_scopes(scheme: Document, wanted: Collection[str]) -> Document:
    if "flows" not in scheme:
        return scheme
    flows = {
        name: {**flow, "scopes": {scope: "" for scope in flow.get("scopes", {}) if scope in wanted}}
        for name, flow in scheme["flows"].items()
    }
    return {**scheme, "flows": flows}


def _canonical(node: Any, kind: Kind | None) -> Any:
    """Drop prose, order keys, and order those lists that are sets; everything else stays as it came."""
    if isinstance(node, list):
        below = kind.kind if isinstance(kind, ListOf) else None
        items = [_canonical(item, below) for item in node]
        return _as_set(items) if below == "parameter" else items
    if not isinstance(node, dict):
        return node
    if kind is None:
        return {key: _canonical(node[key], None) for key in sorted(node)}
    kept: Document = {}
    for key in sorted(node, key=_key_order(kind)):
        if not _is_prose(kind, key):
            value = _canonical(node[key], child_kind(kind, key))
            kept[key] = _ordered_set(value, kind, key)
    demanded = _TEXT_DEMANDED.get(kind) if isinstance(kind, str) else None
    if demanded and "$ref" not in kept:
        kept[demanded] = ""
    return kept


def _key_order(kind: Kind) -> Any:
    if kind != "document":
        return str
    return lambda key: (_TOP_LEVEL_ORDER.index(key) if key in _TOP_LEVEL_ORDER else len(_TOP_LEVEL_ORDER), key)


def _is_prose(kind: Kind, key: str) -> bool:
    if not isinstance(kind, str) or kind in _KINDS_WITHOUT_PROSE:
        return False
    return key in PROSE and not (kind == "info" and key == "title")


def _ordered_set(value: Any, kind: Kind, key: str) -> Any:
    if not isinstance(value, list) or (kind, key) not in _SETS:
        return value
    if key == "security":
        value = [{name: sorted(scopes) for name, scopes in requirement.items()} for requirement in value]
    return _as_set(value)


def _as_set(items: list[Any]) -> list[Any]:
    """Sort and take doubles out; X has published enums with a value twice, which breaks generators."""
    unique = {fingerprint(item): item for item in items}
    return [unique[key] for key in sorted(unique)]


def fingerprint(value: Any) -> str:
    """
    Write a value so that two are the same text when JSON holds them for equal: 1 is 1.0, and not true.

    :param value: plain data
    """
    return json.dumps(_with_whole_numbers(value), sort_keys=True, ensure_ascii=False)


def _with_whole_numbers(value: Any) -> Any:
    match value:
        case dict():
            return {key: _with_whole_numbers(below) for key, below in value.items()}
        case list():
            return [_with_whole_numbers(below) for below in value]
        case float() if value.is_integer():
            return int(value)
    return value


def relax_answers(document: Document) -> Document:
    """
    Make every property of schemas that only answers use optional, and let objects and arrays be no null.

    X has stopped sending members that its document called required (``id`` of a conversation among them), so
    a reader that insists loses answers. A null in place of an object is read as any other value that does not fit, so
    that nobody has to ask for it twice. Members that the document does not list stay readable, too. What we send
    ourselves stays as strict as the document says.

    :param document: an OpenAPI document; it is not changed
    :return: a copy without ``required`` in the schemas that only answers reach, and without ``nullable`` in those of
        objects and arrays
    """
    return cast("Document", _relaxed(document, "document", _sent(document)))


def _sent(document: Document) -> set[str]:
    """Give the reference of each component that a request reaches."""
    fields: tuple[tuple[str, Kind], ...] = (("parameters", ListOf("parameter")), ("requestBody", "request body"))
    names: set[str] = set()
    pending: list[tuple[Any, Kind]] = []
    for path, _, operation in operations(document):
        for owner in (operation, document["paths"][path]):
            pending += [(owner[field], kind) for field, kind in fields if field in owner]
    while pending:
        node, kind = pending.pop()
        for reference, wanted in references(node, kind, document):
            if reference not in names:
                names.add(reference)
                pending.append((resolve(document, reference), wanted))
        pending += [(value, below) for _, value, below in children(node, kind)]
    return names


def _relaxed(node: Any, kind: Kind | None, sent: set[str], place: str = "#") -> Any:
    if isinstance(node, list):
        below = kind.kind if isinstance(kind, ListOf) else None
        return [_relaxed(item, below, sent, place) for item in node]
    if not isinstance(node, dict) or kind is None or place in sent or kind in ("parameter", "request body"):
        return node
    relaxed = {key: _relaxed(value, child_kind(kind, key), sent, f"{place}/{key}") for key, value in node.items()}
    if kind != "schema":
        return relaxed
    types = relaxed.get("type")
    if isinstance(types, list) and len(types) == 2 and "null" in types:
        types = next(name for name in types if name != "null")
    if types in ("object", "array"):
        relaxed["type"] = types
        relaxed.pop("nullable", None)
    for keyword in ("required", *(("additionalProperties",) if "properties" in relaxed else ())):
        relaxed.pop(keyword, None)
    if relaxed.get("format") in _REWRITTEN:
        del relaxed["format"]
    return relaxed
