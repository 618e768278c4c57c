"""
From an HTTP answer to the dict that an operator returns, or to one of the errors. Pure: no network, no Airflow.

X says the same thing in several forms; which ones, and where they were seen, stands at each function.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from airflow_provider_xchat.advice import NOT_JSON, kind_of
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
from airflow_provider_xchat.runtime.redaction import redact, secret_forms

__all__ = ["Answer", "api_error", "cleaned", "conversation_answer", "mark_answer", "problems_of", "request_id_of"]

log = logging.getLogger(__name__)


class Answer(Protocol):
    """What is needed of ``xchat_client.types.Response``."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by names in any case."""

    @property
    def content(self) -> bytes:
        """The body."""


@dataclass(frozen=True)
class _Cleaned:
    status_code: int
    headers: Mapping[str, str]
    content: bytes


# Shorter texts would take letters out of other words.
_SHORTEST_SECRET = 6

_ERRORS: dict[int, type[XChatAPIError]] = {
    400: XChatBadRequestError,
    401: XChatAuthError,
    402: XChatCreditsError,
    403: XChatForbiddenError,
    404: XChatNotFoundError,
    429: XChatRateLimitError,
}

#: ends of problem types that say what happened, for problems without a usable status
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


def cleaned(answer: Answer, secrets: Iterable[str]) -> Answer:
    """
    Take secrets out of an answer: an error page may repeat the request, and with it the token.

    Everything that goes on from an answer, to errors, logs, XComs, files and events, goes on from what this returns.

    :param answer: the HTTP answer
    :param secrets: what must not be in it
    :return: the same answer where it has none of them
    """
    secrets = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
    forms, content = secret_forms(secrets), answer.content
    told = "\n".join(answer.headers.values())
    in_headers = any(form in told for form in forms)
    in_content = any(form.encode() in content for form in forms)
    if b"\\u00" in content:  # JSON may have any character so
        text = json.dumps(_json(content), ensure_ascii=False)
        if any(secret in text for secret in secrets):
            in_content, content = True, text.encode("utf-8", "replace")
    if not (in_headers or in_content):
        return answer
    for form in forms:
        content = content.replace(form.encode(), b"***")
    headers = {name.lower(): redact(value, secrets) for name, value in answer.headers.items()}
    return _Cleaned(answer.status_code, headers, content)


def conversation_answer(answer: Answer, request: str) -> dict[str, Any]:
    """
    Read the answer of getChatConversation.

    The JSON comes back as it is, with one promise on top: ``data`` is a list. X's documents said an array up to
    version 2.166 and say a single object since 2.167; when there is nothing to show, ``data`` may be left out.

    :param answer: the HTTP answer
    :param request: method and path of the request, for messages
    :return: the answer's JSON
    :raises XChatAPIError: when X refused or failed, or sent problems in place of data
    :raises XChatAnswerError: when a success is not a JSON object
    """
    body = _success_body(answer, request)
    data = body.get("data")
    problems = problems_of(body)
    if problems and not data:
        raise _api_error(answer, problems, request)
    if not isinstance(data, list):
        body["data"] = [] if data is None else [data]
    return body


def mark_answer(answer: Answer, request: str) -> dict[str, Any]:
    """
    Read the answer of markChatConversationRead.

    :param answer: the HTTP answer; any 2xx is a success, as X's tooling answers 201 at times
    :param request: method and path of the request, for messages
    :return: the answer's JSON
    :raises XChatAPIError: when X refused or failed, sent problems in place of data, or did not confirm the mark
    :raises XChatAnswerError: when a success is not a JSON object
    """
    body = _success_body(answer, request)
    data = body.get("data")
    if not isinstance(data, dict) or data.get("success") is not True:
        problems = problems_of(body) or [{"title": "not marked as read", "detail": f"data is {json.dumps(data)[:200]}"}]
        raise _api_error(answer, problems, request)
    return body


def api_error(answer: Answer, request: str) -> XChatAPIError:
    """
    Make an error of an answer that says no.

    :param answer: the HTTP answer, no success
    :param request: method and path of the request, for messages
    :return: the error that fits its status, with the problems that it tells
    """
    return _api_error(answer, _error_problems(answer), request)


def problems_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    List the problems of a body.

    :param body: a JSON object
    :return: the members of ``errors`` that say something, as objects; empty when there are none
    """
    errors = body.get("errors")
    listed = errors if isinstance(errors, list) else [errors]
    return [item if isinstance(item, dict) else {"title": str(item)} for item in listed if item]


def _success_body(answer: Answer, request: str) -> dict[str, Any]:
    status = answer.status_code
    if not 200 <= status <= 299:
        raise api_error(answer, request)
    body = _json(answer.content) if answer.content else None
    if isinstance(body, dict):
        return body
    kind = answer.headers.get("content-type", "no content type")
    found = "a body that is not JSON" if body is None and answer.content else f"JSON of another shape ({body!r:.60})"
    found = found if answer.content else "an empty body"
    raise XChatAnswerError(
        f"X answered {status} to {request} with {found} ({kind}); expected a JSON object",
        status,
        request=request,
        request_id=request_id_of(answer.headers),
    )


def _json(content: bytes) -> Any:
    try:
        value, was_odd = read_json(content)
    except (ValueError, RecursionError):
        return None
    if was_odd:
        log.warning(
            "An answer of X had characters or numbers that cannot be stored (NUL, half of a surrogate pair, NaN); they"
            " are replaced by U+FFFD and null."
        )
    return value


def _error_problems(answer: Answer) -> list[dict[str, Any]]:
    """
    Read what an error answer says: RFC 7807 (X's API v2), ``{"errors": [{"code", "message"}]}`` (seen on 401, 403
    and 429), a flat ``{"code", "message"}`` (X's document), or something that is not X's: a proxy's HTML, nothing.
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
    if 200 <= status <= 299:  # problems in place of data; what happened stands in them
        status = _status_of(problems, status)
    error = _ERRORS.get(status, XChatServerError if 500 <= status <= 599 else XChatAPIError)
    if status == 429 and any(kind_of(problem) == "usage-capped" for problem in problems):
        error = XChatCreditsError  # the cap of a month: waiting for a rate limit would cost requests, and end the same
    return error(
        status,
        problems,
        request=request,
        reset_at=_reset_at(answer.headers),
        request_id=request_id_of(answer.headers),
    )


def _status_of(problems: list[dict[str, Any]], otherwise: int) -> int:
    for problem in problems:
        status = problem.get("status")
        if isinstance(status, int) and 400 <= status <= 599:
            return status
        kind = kind_of(problem)
        if kind in _STATUS_OF_TYPE:
            return _STATUS_OF_TYPE[kind]
    return otherwise


def _reset_at(headers: Mapping[str, str]) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(headers.get("x-rate-limit-reset", "")), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """
    Return X's own id of a request, or that of the proxy in front; neither is documented.

    :param headers: the response's headers, by names in any case
    :return: the id, of at most 100 characters; None when there is none
    """
    for name in ("x-transaction-id", "x-request-id", "cf-ray"):
        if text := headers.get(name):
            return text[:100]
    return None
