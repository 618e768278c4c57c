"""Errors as JSON, for the events of triggers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_xchat import exceptions
from airflow_provider_xchat.exceptions import XChatAPIError, XChatAuthError, XChatError, XChatInputError

__all__ = ["from_payload", "to_payload"]


def to_payload(error: Exception) -> dict[str, Any]:
    """
    Convert an error to JSON.

    :param error: the error
    :return: the payload, without secrets
    """
    payload: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, XChatAPIError):
        payload |= {"status": error.status, "problems": error.problems}
        payload |= {"request": error.request, "request_id": error.request_id}
    if isinstance(error, XChatAuthError):
        payload |= {"conn_id": error.conn_id, "is_static": error.is_static}
    return payload


def from_payload(payload: Mapping[str, Any]) -> XChatError:
    """
    Convert a payload to an error that fails a task without retries.

    :param payload: the payload of :func:`to_payload`
    :return: the error, of the same type if it is an error response of X
    """
    kind = getattr(exceptions, str(payload.get("type")), None)
    if isinstance(kind, type) and issubclass(kind, XChatAPIError):
        error = kind(
            payload["status"], payload["problems"], request=payload["request"], request_id=payload["request_id"]
        )
        if isinstance(error, XChatAuthError):
            error.conn_id, error.is_static = payload["conn_id"], payload.get("is_static") is True
        return error
    return XChatInputError(str(payload.get("message")))
