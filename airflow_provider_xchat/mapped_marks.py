"""
Which of a mapped task's instances sends a mark that is listed more than once.

All instances see the same list, so each knows by itself: the first one with the mark sends it. Nothing has to be
written for the others, and no two of them can race.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_xchat.exceptions import XChatInputError
from airflow_provider_xchat.inputs import checked_conversation_id, checked_sequence_id

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["sent_by"]


def sent_by(context: Context, conversation_id: Any, sequence_id: Any) -> int | None:
    """
    Tell which other instance of this task sends the same mark.

    :param context: the task's
    :param conversation_id: the conversation
    :param sequence_id: up to which message event it is marked
    :return: its map_index; None when this one sends it
    """
    index = getattr(context["ti"], "map_index", -1)
    if index is None or index <= 0:
        return None
    mapped = context["dag"].get_task(context["ti"].task_id)
    if not hasattr(mapped, "_get_specified_expand_input"):
        return None  # its group is mapped, so no list of marks is at hand
    wanted = _mark(conversation_id, sequence_id)
    own = {"conversation_id": conversation_id, "seen_until_sequence_id": sequence_id}
    for earlier, arguments in enumerate(itertools.islice(_mapped_arguments(mapped, context), index)):
        # An argument that is not mapped is the same for all.
        mark = {**own, **arguments}
        if _mark(mark["conversation_id"], mark["seen_until_sequence_id"]) == wanted:
            return earlier
    return None


def _mark(conversation_id: Any, sequence_id: Any) -> tuple[Any, Any]:
    try:
        return checked_conversation_id(conversation_id), int(checked_sequence_id(sequence_id))
    except XChatInputError:  # another instance's, which says so itself
        return repr(conversation_id), repr(sequence_id)


def _mapped_arguments(mapped: Any, context: Context) -> Iterator[Mapping[str, Any]]:
    """Give the mapped arguments of all instances, in the order of their map_index."""
    given = mapped._get_specified_expand_input().value  # noqa: SLF001  what expand() was given has no public name
    if not isinstance(given, Mapping):
        yield from (item for item in _resolved(given, context) if isinstance(item, Mapping))
        return
    lists = [_items(_resolved(value, context)) for value in given.values()]
    for values in itertools.product(*lists):
        yield dict(zip(given, values, strict=True))


def _resolved(value: Any, context: Context) -> Any:
    # An XComArg gives the whole list that was returned.
    return value.resolve(context) if hasattr(value, "resolve") else value


def _items(value: Any) -> Iterable[Any]:
    return value.items() if isinstance(value, Mapping) else value
