"""
Our corrections to X's document, as data: OpenAPI Overlay 1.0, applied strictly.

Stricter than the specification in two points. An action that matches nothing is an error: it was written for
something that X has changed, so somebody must look. And every action gives its reason in ``description``.

Source: OpenAPI Overlay Specification 1.0.0 (4.4.3, "Action Object"); JSONPath as in RFC 9535.
"""

from __future__ import annotations

import copy
from typing import Any

from jsonpath import JSONPathEnvironment, JSONPathError, JSONPathMatch

from codegen.errors import OverlayError

__all__ = ["apply"]

_JSONPATH = JSONPathEnvironment(strict=True)
_ACTION_FIELDS = frozenset({"target", "description", "update", "remove"})


def apply(document: dict[str, Any], overlay: Any) -> dict[str, Any]:
    """
    Apply the actions of an overlay in their order.

    :param document: an OpenAPI document; it is not changed
    :param overlay: an Overlay Object, as read from ``overlay.yaml``
    :return: the corrected document
    :raises OverlayError: when the overlay is malformed, or an action matches nothing or cannot be applied
    """
    corrected = copy.deepcopy(document)
    for number, action in enumerate(_actions(overlay), start=1):
        place = f"overlay action {number}"
        target = _checked_target(action, place)
        matches = _matches(corrected, target, place)
        if action.get("remove") is True:
            _remove(matches, f"{place} ({target})")
        else:
            corrected = _update(corrected, matches, action["update"], f"{place} ({target})")
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


def _checked_target(action: Any, place: str) -> str:
    if not isinstance(action, dict) or not isinstance(action.get("target"), str):
        raise OverlayError(f"{place} must be an object with a JSONPath as its 'target'")
    unknown = {key for key in action if not str(key).startswith("x-")} - _ACTION_FIELDS
    if unknown:
        raise OverlayError(f"{place} has unknown fields: {', '.join(sorted(map(str, unknown)))}")
    if not str(action.get("description") or "").strip():
        raise OverlayError(f"{place} gives no reason in its 'description'")
    if ("update" in action) == (action.get("remove") is True):
        raise OverlayError(f"{place} must have either 'update' or 'remove: true'")
    return str(action["target"])


def _matches(document: dict[str, Any], target: str, place: str) -> list[JSONPathMatch]:
    try:
        matches = list(_JSONPATH.finditer(target, document))
    except JSONPathError as error:
        reason = str(error).splitlines()[0]
        raise OverlayError(f"{place}: target {target!r} is not a JSONPath: {reason}") from None
    if not matches:
        raise OverlayError(
            f"{place}: target {target!r} matches nothing in the document; X has changed what it was written for,"
            " so correct the action or take it out"
        )
    return matches


def _remove(matches: list[JSONPathMatch], place: str) -> None:
    # Backwards, so that taking an item out of a list does not shift those that are still to go.
    for match in reversed(matches):
        if match.parent is None:
            raise OverlayError(f"{place} would remove the whole document")
        del match.parent.obj[match.parts[-1]]  # type: ignore[attr-defined]


def _update(document: dict[str, Any], matches: list[JSONPathMatch], update: Any, place: str) -> dict[str, Any]:
    for match in matches:
        target = match.obj
        if isinstance(target, list):
            target.append(copy.deepcopy(update))
        elif isinstance(target, dict) and isinstance(update, dict):
            _merge(target, update)
        else:
            raise OverlayError(
                f"{place} matches a {type(target).__name__} and updates it by a {type(update).__name__}; objects"
                " can be merged and lists can be added to"
            )
    return document


def _merge(target: dict[str, Any], update: dict[str, Any]) -> None:
    for key, value in update.items():
        present = target.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value)
        elif isinstance(present, list) and isinstance(value, list):
            present.extend(copy.deepcopy(value))
        else:
            target[key] = copy.deepcopy(value)
