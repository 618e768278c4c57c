"""Errors as JSON, as a trigger sends them to its task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_xchat import exceptions
from airflow_provider_xchat.exceptions import XChatAPIError, XChatAuthError, XChatError, XChatInputError

__all__ = ["from_payload", "to_payload"]


def to_payload(error: Exception) -> dict[str, Any]:
    """
    Put an error into JSON, for a trigger's event.

    :param error: the error
    :return: what :func:`from_payload` makes the error of
    """
    told: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, XChatAPIError):
        told |= {"status": error.status, "problems": error.problems}
        told |= {"request": error.request, "request_id": error.request_id}
    if isinstance(error, XChatAuthError):
        told |= {"conn_id": error.conn_id, "is_static": error.is_static}
    return told


def from_payload(told: Mapping[str, Any]) -> XChatError:
    """
    Make an error of what a trigger has told, one that fails a task at once.

    :param told: what :func:`to_payload` gave
    :return: the error, of the same type where it is one of X's answers
    """
    kind = getattr(exceptions, str(told.get("type")), None)
    if isinstance(kind, type) and issubclass(kind, XChatAPIError):
        error = kind(told["status"], told["problems"], request=told["request"], request_id=told["request_id"])
        if isinstance(error, XChatAuthError):
            error.conn_id, error.is_static = told["conn_id"], told.get("is_static") is True
        return error
    return XChatInputError(str(told.get("message")))
