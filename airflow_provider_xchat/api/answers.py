"""
Read responses: return the JSON, or raise an error. Pure: no network, no Airflow.

X uses several forms for the same thing; each function says which ones, and where they were seen.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from airflow_provider_xchat.advice import NOT_JSON, problem_kind, problem_text
from airflow_provider_xchat.api.storable import read_json, storable_text
from airflow_provider_xchat.exceptions import (
    XChatAnswerError,
    XChatAPIError,
    XChatAuthError,
    XChatBadRequestError,
    XChatCreditsError,
    XChatForbiddenError,
    XChatNotFoundError,
    XChatRateLimitError,
    XChatServerError,
)
from airflow_provider_xchat.limits.headers import reported_reset
from airflow_provider_xchat.runtime.redaction import redact, secret_forms

__all__ = [
    "Answer",
    "api_error",
    "log_partial_errors",
    "problems_of",
    "read_conversation",
    "read_mark",
    "request_id_of",
    "without_secrets",
]

log = logging.getLogger(__name__)


class Answer(Protocol):
    """HTTP response: the attributes used of ``xchat_client.types.Response``."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; their names ignore case."""

    @property
    def content(self) -> bytes:
        """The body."""


@dataclass(frozen=True)
class _Redacted:
    status_code: int
    headers: Mapping[str, str]
    content: bytes


# Redacting shorter texts would damage other words.
_MIN_SECRET_LENGTH = 6

_ERRORS: dict[int, type[XChatAPIError]] = {
    400: XChatBadRequestError,
    401: XChatAuthError,
    402: XChatCreditsError,
    403: XChatForbiddenError,
    404: XChatNotFoundError,
    429: XChatRateLimitError,
}

#: status of problem types, for problems without a valid status
_STATUS_OF_TYPE = {
    "invalid-request": 400,
    "resource-not-found": 404,
    "not-authorized-for-resource": 403,
    "not-authorized-for-field": 403,
    "client-forbidden": 403,
    "disallowed-resource": 403,
    "unsupported-authentication": 403,
    "credits": 402,
    "credits-depleted": 402,
    "usage-capped": 429,
    "rate-limit-exceeded": 429,
    "resource-unavailable": 503,
    "internal-error": 500,
}


def without_secrets(answer: Answer, secrets: Iterable[str]) -> Answer:
    """
    Redact secrets in a response, which may repeat the request and its token.

    Errors, logs, XComs, files and events must be made from the returned response only.

    :param answer: the HTTP response
    :param secrets: the secrets
    :return: the response; the same object if it contains no secret
    """
    secrets = [secret for secret in secrets if len(secret) >= _MIN_SECRET_LENGTH]
    forms, content = secret_forms(secrets), answer.content
    headers_text = "\n".join(answer.headers.values())
    in_headers = any(form in headers_text for form in forms)
    in_content = any(form.encode() in content for form in forms)
    if b"\\u00" in content:  # JSON may escape any character
        text = json.dumps(_json(content), ensure_ascii=False)
        if any(secret in text for secret in secrets):
            in_content, content = True, text.encode("utf-8", "replace")
    if not (in_headers or in_content):
        return answer
    for form in forms:
        content = content.replace(form.encode(), b"***")
    headers = {name.lower(): redact(value, secrets) for name, value in answer.headers.items()}
    return _Redacted(answer.status_code, headers, content)


def read_conversation(answer: Answer, request: str) -> dict[str, Any]:
    """
    Read the response of getChatConversation.

    The JSON is returned unchanged, except that ``data`` is always a list. X's documents have an array up to version
    2.166 and a single object since 2.167; X may send no ``data``.

    :param answer: the HTTP response
    :param request: method and path of the request, for messages
    :return: the JSON
    :raises XChatAPIError: when X refused or failed, or sent problems instead of data
    :raises XChatAnswerError: when a successful response is not a JSON object
    """
    body = _success_body(answer, request)
    data = body.get("data")
    problems = problems_of(body)
    if problems and not data:
        raise _api_error(answer, problems, request)
    if not isinstance(data, list):
        body["data"] = [] if data is None else [data]
    return body


def read_mark(answer: Answer, request: str) -> dict[str, Any]:
    """
    Read the response of markChatConversationRead.

    :param answer: the HTTP response; any 2xx is a success, as X sometimes sends 201
    :param request: method and path of the request, for messages
    :return: the JSON
    :raises XChatAPIError: when X refused or failed, sent problems instead of data, or did not confirm the mark
    :raises XChatAnswerError: when a successful response is not a JSON object
    """
    body = _success_body(answer, request)
    data = body.get("data")
    if not isinstance(data, dict) or data.get("success") is not True:
        problems = problems_of(body) or [{"title": "not marked as read", "detail": f"data is {json.dumps(data)[:200]}"}]
        raise _api_error(answer, problems, request)
    return body


def api_error(answer: Answer, request: str) -> XChatAPIError:
    """
    Return the error for an error response.

    :param answer: the HTTP response
    :param request: method and path of the request, for messages
    :return: the error of its status, with its problems
    """
    return _api_error(answer, _error_problems(answer), request)


def problems_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    Return the problems in a body.

    :param body: a JSON object
    :return: the items of ``errors`` as objects, without empty ones
    """
    errors = body.get("errors")
    listed = errors if isinstance(errors, list) else [errors]
    return [item if isinstance(item, dict) else {"title": str(item)} for item in listed if item]


def log_partial_errors(logger: Any, body: Mapping[str, Any]) -> None:
    """
    Log the problems that X reported together with data.

    :param logger: the logger of the task
    :param body: the JSON of a successful response
    """
    for problem in problems_of(body):
        logger.warning("X returned partial errors: %s", problem_text(problem))


def _success_body(answer: Answer, request: str) -> dict[str, Any]:
    status = answer.status_code
    if not 200 <= status <= 299:
        raise api_error(answer, request)
    body = _json(answer.content) if answer.content else None
    if isinstance(body, dict):
        return body
    content_type = answer.headers.get("content-type", "no content type")
    found = "a body that is not JSON" if body is None else f"JSON of another shape ({body!r:.60})"
    found = found if answer.content else "an empty body"
    raise XChatAnswerError(
        f"X answered {status} to {request} with {found} ({content_type}): expected a JSON object",
        status,
        request=request,
        request_id=request_id_of(answer.headers),
    )


def _json(content: bytes) -> Any:
    try:
        value, was_replaced = read_json(content)
    except (ValueError, RecursionError):
        return None
    if was_replaced:
        log.warning(
            "X's response contains values that cannot be stored (NUL, unpaired surrogates, NaN); they are replaced by"
            " U+FFFD and null."
        )
    return value


def _error_problems(answer: Answer) -> list[dict[str, Any]]:
    """
    Return the problems of an error response: RFC 7807 (X's API v2), ``{"errors": [{"code", "message"}]}`` (seen on 401,
    403 and 429), a flat ``{"code", "message"}`` (X's document), or a response not from X, such as a proxy's HTML.
    """
    body = _json(answer.content)
    if not isinstance(body, dict):
        text = storable_text(" ".join(answer.content[:2000].decode(errors="replace").split()))
        return [{"title": NOT_JSON, "detail": text[:200]}] if text else []
    if "title" in body or "type" in body or "detail" in body:
        return [body]
    return problems_of(body) or ([body] if body else [])


def _api_error(answer: Answer, problems: list[dict[str, Any]], request: str) -> XChatAPIError:
    status = answer.status_code
    if 200 <= status <= 299:  # problems instead of data
        status = _status_of(problems, status)
    error = _ERRORS.get(status, XChatServerError if 500 <= status <= 599 else XChatAPIError)
    if status == 429 and any(problem_kind(problem) == "usage-capped" for problem in problems):
        error = XChatCreditsError  # a monthly cap: to retry after a rate-limit window would cost requests and fail
    return error(
        status,
        problems,
        request=request,
        reset_at=reported_reset(answer.headers),
        request_id=request_id_of(answer.headers),
    )


def _status_of(problems: list[dict[str, Any]], default: int) -> int:
    for problem in problems:
        status = problem.get("status")
        if isinstance(status, int) and 400 <= status <= 599:
            return status
        kind = problem_kind(problem)
        if kind in _STATUS_OF_TYPE:
            return _STATUS_OF_TYPE[kind]
    return default


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """
    Return the id of a request at X or at the proxy in front of it; neither header is documented.

    :param headers: the headers of the response; their names ignore case
    :return: the id, at most 100 characters; None when no header has one
    """
    for name in ("x-transaction-id", "x-request-id", "cf-ray"):
        if text := headers.get(name):
            return text[:100]
    return None
