"""Field and expansion names, checked against those that X's document lists for an operation."""

from __future__ import annotations

from typing import Any

from airflow_provider_xchat.api.inputs import checked_names
from airflow_provider_xchat.exceptions import XChatInputError

__all__ = ["checked_known_names"]


def checked_known_names(operation: str, argument: str, value: Any, allow_unknown: Any = None) -> list[str]:
    """
    Check a list of names that goes into a query parameter.

    :param operation: the name of the operation's generated module
    :param argument: the name of the argument, for messages
    :param value: a list of names, a text that holds one, or None
    :param allow_unknown: names to accept although the document does not list them
    :return: the names in their order, each once; empty for None
    :raises XChatInputError: when it is not a list of names, a name is unknown, or the document has no such parameter
    """
    from xchat_client.known_values import KNOWN_VALUES  # data alone: DAG files get here for names that they spell out

    known = KNOWN_VALUES[operation]
    if value and argument not in known:
        raise XChatInputError(f"{argument} cannot be sent: X's document has no such list of names any more")
    return checked_names(argument, value, known.get(argument, ()), allow_unknown)
