"""
Our corrections to X's document, as data: OpenAPI Overlay 1.0, applied strictly, and actions that follow an operation.

An action of the specification has a JSONPath as its ``target``. X renames schemas and moves operations, so an action of
ours names the operations by their operationId and what of them it means, and references are followed on the way::

    operations: [getChatConversation]     # the Operation Object itself, or with one of:
    parameter: user.fields                #   a parameter ({} for that in the path); user.fields[] is its items' schema
    request: seen_until_sequence_id       #   a member of the request's body
    response: includes.users[].name       #   a member of a success; "." is its whole body

In such a path ``[]`` means the items of an array, and anything else means itself. What an action does is ``update`` or
``remove``, as the specification has it, or one of:

- ``keep: [users]``: take away all members of an object but these
- ``members: {name: text}``: describe those members of an object that are there, and the object itself as "."
- ``one-or-many: true``: allow both a list of something and that something alone
- ``values: [name]``: add to the values that are listed; where none are, any is allowed already

Stricter than the specification in two points. An action that matches nothing is an error, as it was written for
something that X has changed; ``optional: true`` is for what a document may leave out. And every action gives its reason
in ``description``.

Source: OpenAPI Overlay Specification 1.0.0 (4.4.3, "Action Object"); JSONPath as in RFC 9535.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from jsonpath import JSONPathEnvironment, JSONPathError

from codegen.addresses import COMPOSITIONS, VARIABLE, Slot, slots
from codegen.errors import OverlayError
from codegen.references import followed

__all__ = ["apply"]

_JSONPATH: Final = JSONPathEnvironment(strict=True)
_WHERE: Final = ("parameter", "request", "response")
#: verbs that change the place itself, not what a reference there leads to
_OF_THE_PLACE: Final = ("remove", "one-or-many")
_VERBS: Final = ("update", "remove", "keep", "members", "one-or-many", "values")
_FIELDS: Final = frozenset({"target", "operations", "description", "optional", *_WHERE, *_VERBS})


@dataclass(frozen=True)
class _Action:
    """
    One action of the overlay, checked.

    :param place: how to name it in messages
    :param given: its fields
    :param verb: what it does, a field
    """

    place: str
    given: dict[str, Any]
    verb: str

    @property
    def needs_a_copy(self) -> bool:
        """Whether others may refer to the same and mean something else: an id is not always one of a conversation."""
        return self.verb == "update" and ("request" in self.given or self.given.get("parameter") == VARIABLE)


def apply(document: dict[str, Any], overlay: Any, report: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """
    Apply the actions of an overlay in their order.

    :param document: an OpenAPI document; it is not changed
    :param overlay: an Overlay Object, as read from ``overlay.yaml``
    :param report: takes a sentence for each optional action that matches nothing
    :return: the corrected document
    :raises OverlayError: when the overlay is malformed, or an action matches nothing or cannot be applied
    """
    corrected = copy.deepcopy(document)
    for number, given in enumerate(_actions(overlay), start=1):
        action = _checked(given, f"overlay action {number}")
        found = list(_found(corrected, action))
        if found:
            _do(action, corrected, found)
        elif given.get("optional") is True:
            report(f"{action.place} matches nothing in this document, and may")
        else:
            raise OverlayError(
                f"{action.place} matches nothing in the document; X has changed what it was written for, so correct"
                " the action or take it out"
            )
    return corrected


def _actions(overlay: Any) -> list[Any]:
    if not isinstance(overlay, dict) or not str(overlay.get("overlay", "")).startswith("1.0."):
        raise OverlayError("the overlay must be an object with 'overlay: 1.0.0' (OpenAPI Overlay 1.0)")
    info = overlay.get("info")
    if not isinstance(info, dict) or not {"title", "version"} <= set(info):
        raise OverlayError("the overlay's 'info' must have 'title' and 'version'")
    actions = overlay.get("actions")
    if not isinstance(actions, list) or not actions:
        raise OverlayError("the overlay's 'actions' must be a list of at least one action")
    return actions


def _checked(given: Any, place: str) -> _Action:
    if not isinstance(given, dict) or isinstance(given.get("target"), str) == isinstance(given.get("operations"), list):
        raise OverlayError(f"{place} must be an object with a JSONPath as its 'target', or a list of 'operations'")
    unknown = {key for key in given if not str(key).startswith("x-")} - _FIELDS
    if unknown:
        raise OverlayError(f"{place} has unknown fields: {', '.join(sorted(map(str, unknown)))}")
    if not str(given.get("description") or "").strip():
        raise OverlayError(f"{place} gives no reason in its 'description'")
    verbs = [verb for verb in _VERBS if verb in given and given[verb] is not False]
    if len(verbs) != 1:
        raise OverlayError(f"{place} must have either 'update' or 'remove: true', or one of {', '.join(_VERBS[2:])}")
    where = [word for word in _WHERE if word in given]
    if len(where) > 1 or (where and "target" in given):
        raise OverlayError(f"{place} must have at most one of {', '.join(_WHERE)}, and none beside a 'target'")
    if "target" in given:
        shown = f"target {given['target']!r}"
    else:
        shown = " ".join([", ".join(map(str, given["operations"])), *(f"{word} {given[word]}" for word in where)])
    return _Action(f"{place}: {shown}", given, verbs[0])


def _found(document: dict[str, Any], action: _Action) -> Iterator[Slot]:
    """Yield each place that an action means, once."""
    given = action.given
    if "target" in given:
        yield from _matches(document, given["target"], action.place)
        return
    where = next((word for word in _WHERE if word in given), "")
    seen: set[object] = set()
    for operation_id in given["operations"]:
        for slot in slots(document, str(operation_id), where, str(given.get(where, "")), action.place):
            of_the_place = action.verb in _OF_THE_PLACE or action.needs_a_copy
            thing = (id(slot.holder), slot.key) if of_the_place else id(followed(document, slot.node))
            if thing not in seen:
                seen.add(thing)
                yield slot


def _matches(document: dict[str, Any], target: str, place: str) -> Iterator[Slot]:
    try:
        for match in _JSONPATH.finditer(target, document):
            parent = match.parent
            yield Slot([document], 0) if parent is None else Slot(parent.obj, match.parts[-1])
    except JSONPathError as error:
        raise OverlayError(f"{place} is not a JSONPath: {str(error).splitlines()[0]}") from None


def _do(action: _Action, document: dict[str, Any], found: list[Slot]) -> None:
    value = action.given[action.verb]
    # Backwards, so that taking an item out of a list does not shift those that are still to go.
    for slot in reversed(found):
        node = _node(action, document, slot)
        match action.verb:
            case "update":
                _update(document, node, value, action.place)
            case "remove":
                if node is document:
                    raise OverlayError(f"{action.place} would remove the whole document")
                slot.remove()
            case "one-or-many":
                _allow_one_or_many(slot, node)
            case "keep":
                _keep(document, node, value)
            case "values":
                _add_values(document, node, value)
            case "members":
                _describe(document, node, value)


def _node(action: _Action, document: dict[str, Any], slot: Slot) -> Any:
    if "target" in action.given:
        return slot.node
    node = followed(document, slot.node)
    if action.needs_a_copy and node is not slot.node:
        node = copy.deepcopy(node)
        slot.set(node)
    return node


def _allow_one_or_many(slot: Slot, schema: dict[str, Any]) -> None:
    if not {"oneOf", "anyOf"} & schema.keys():
        items = schema.get("items", slot.node)
        slot.set({"oneOf": [{"type": "array", "items": items}, copy.deepcopy(items)]})


def _parts(document: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a schema and what it is composed of."""
    return [schema, *(followed(document, node) for word in COMPOSITIONS for node in schema.get(word, ()))]


def _keep(document: dict[str, Any], schema: dict[str, Any], names: list[str]) -> None:
    for part in _parts(document, schema):
        members = part.get("properties", {})
        if members:
            part["properties"] = {name: members[name] for name in names if name in members}
        if "required" in part:
            part["required"] = [name for name in part["required"] if name in names]
        if part.get("required") == []:
            del part["required"]


def _add_values(document: dict[str, Any], schema: dict[str, Any], values: list[Any]) -> None:
    for part in _parts(document, schema):
        if "enum" in part:
            part["enum"] = [*part["enum"], *(value for value in values if value not in part["enum"])]


def _describe(document: dict[str, Any], schema: dict[str, Any], texts: dict[str, str]) -> None:
    if "." in texts:
        schema["description"] = texts["."]
    for part in _parts(document, schema):
        for name in texts.keys() & part.get("properties", {}).keys():
            part["properties"][name]["description"] = texts[name]


def _update(document: dict[str, Any], target: Any, update: Any, place: str) -> None:
    if isinstance(target, list):
        target.append(copy.deepcopy(update))
    elif isinstance(target, dict) and isinstance(update, dict):
        _merge(document, target, update)
    else:
        raise OverlayError(
            f"{place} matches a {type(target).__name__} and updates it by a {type(update).__name__}; objects can be"
            " merged and lists can be added to"
        )


def _merge(document: dict[str, Any], target: dict[str, Any], update: dict[str, Any]) -> None:
    for key, value in update.items():
        present = target.get(key)
        if isinstance(value, dict) and isinstance(present, dict) and isinstance(present.get("$ref"), str):
            # Beside a reference, OpenAPI 3.0 reads nothing.
            present = target[key] = copy.deepcopy(followed(document, present))
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(document, present, value)
        elif isinstance(present, list) and isinstance(value, list):
            # A value that X has taken over meanwhile stands there already.
            present.extend(copy.deepcopy(item) for item in value if item not in present)
        else:
            target[key] = copy.deepcopy(value)
