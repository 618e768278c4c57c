"""Field and expansion names that X's OpenAPI document lists for an operation."""

from __future__ import annotations

from typing import Any

from airflow_provider_xchat.api.inputs import checked_names
from airflow_provider_xchat.exceptions import XChatInputError

__all__ = ["checked_known_names"]


def checked_known_names(operation: str, argument: str, value: Any, allow_unknown: Any = None) -> list[str]:
    """
    Check the list of names for a query parameter.

    :param operation: the name of the operation's generated module
    :param argument: the name of the argument, for messages
    :param value: a list of names, a text that contains one, or None
    :param allow_unknown: names to accept even if they are not in the document
    :return: the names in their order, without duplicates; empty for None
    :raises XChatInputError: when the value is not a list of names, or a name or the parameter is not in the document
    """
    from xchat_client.known_values import KNOWN_VALUES  # data only: DAG files may import it

    known = KNOWN_VALUES[operation]
    if value and argument not in known:
        raise XChatInputError(f"Invalid argument {argument}: X's OpenAPI document has no such parameter any more")
    return checked_names(argument, value, known.get(argument, ()), allow_unknown)
