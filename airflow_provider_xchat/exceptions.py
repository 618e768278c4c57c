"""
Every error that this provider raises on purpose.

::

    XChatError
    ├── XChatInputError *           what was given cannot be right; nothing was sent
    ├── XChatConnectionError        no whole answer came: DNS, refused, timeout, cut off
    ├── XChatAnswerError            an answer came that is none of the API's: not JSON, or JSON of another shape
    ├── XChatSignInError            xchat login ended without a token; nothing was changed
    ├── XChatTokenStoreError        the place where rotated tokens are kept cannot be read or written
    │   └── XChatTokenLostError *   a rotated token could not be saved: sign in again
    └── XChatAPIError               X answered, and said no; has status and problems
        ├── XChatBadRequestError *  400: X finds the request wrong
        ├── XChatAuthError *        401, or a dead refresh token: sign in again
        ├── XChatCreditsError *     402: the account has no credits left
        ├── XChatForbiddenError *   403: a scope is missing, or the account is not in the conversation
        ├── XChatNotFoundError *    404: no such conversation
        ├── XChatRateLimitError     429: too many requests; has reset_at
        └── XChatServerError        5xx: X failed

``*`` fails an Airflow task at once, whatever its ``retries``: another try would cost money and end the same.
No error holds a token, a request header or the body of a request.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

__all__ = [
    "XChatAPIError",
    "XChatAnswerError",
    "XChatAuthError",
    "XChatBadRequestError",
    "XChatConnectionError",
    "XChatCreditsError",
    "XChatError",
    "XChatForbiddenError",
    "XChatInputError",
    "XChatNotFoundError",
    "XChatRateLimitError",
    "XChatServerError",
    "XChatSignInError",
    "XChatTokenLostError",
    "XChatTokenStoreError",
]

Problem = Mapping[str, Any]


class XChatError(AirflowException):
    """Anything that went wrong with X Chat."""


class XChatInputError(XChatError, AirflowFailException):
    """An argument or the connection cannot be used as it is; nothing was sent."""


class XChatConnectionError(XChatError):
    """
    No whole answer came; whether X has acted on the request is unknown.

    :param message: what happened
    :param nothing_sent: whether it is known that X has not got the request
    """

    def __init__(self, message: str, *, nothing_sent: bool = False) -> None:
        super().__init__(message)
        self.nothing_sent = nothing_sent


class XChatAnswerError(XChatError):
    """
    A success that is not what the API answers.

    :param message: what was received and what was expected
    :param status: the HTTP status
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class XChatSignInError(XChatError):
    """The sign-in ended without a token; nothing was changed."""


class XChatTokenStoreError(XChatError):
    """
    The token store cannot be read or written, or others keep it locked; no token was used up.

    Another try may succeed.
    """


class XChatTokenLostError(XChatTokenStoreError, AirflowFailException):
    """
    X has rotated the token, and the new one could not be saved: somebody must sign in again.

    :param message: what went wrong
    :param conn_id: the connection
    """

    def __init__(self, message: str, conn_id: str) -> None:
        super().__init__(f"{message} {_sign_in(conn_id)}")
        self.conn_id = conn_id


class XChatAPIError(XChatError):
    """
    X refused a request or failed at it.

    :param status: the HTTP status that says what happened
    :param problems: what X said, each as the JSON object that came (RFC 7807 or one of X's older forms)
    :param request: method and path of the request
    :param reset_at: when the rate limit lets the next request through, if the answer said so
    """

    #: what to do about it, for the message
    advice = ""

    def __init__(
        self,
        status: int,
        problems: Sequence[Problem] = (),
        *,
        request: str = "",
        reset_at: datetime | None = None,
    ) -> None:
        super().__init__(status, problems)
        self.status = status
        self.problems = list(problems)
        self.request = request
        self.reset_at = reset_at

    def __str__(self) -> str:
        said = "; ".join(problem_text(problem) for problem in self.problems) or "no details"
        to = f" to {self.request}" if self.request else ""
        return f"X answered {self.status}{to}: {said}. {self._advice()}".rstrip()

    def _advice(self) -> str:
        return self.advice


class XChatBadRequestError(XChatAPIError, AirflowFailException):
    """X finds the request wrong, for example a name that it does not know; the same request would end the same."""


class XChatAuthError(XChatAPIError, AirflowFailException):
    """The access token, the refresh token or the client is not, or no longer, good: somebody must sign in again."""

    #: the connection whose token it is, where that is known
    conn_id: str | None = None

    def _advice(self) -> str:
        if any(problem.get("error") in ("invalid_client", "unauthorized_client") for problem in self.problems):
            return f"X does not take the client id or the client secret: correct them. {_sign_in(self.conn_id)}"
        if any("error" in problem for problem in self.problems):
            return f"The refresh token was used up, revoked or has expired. {_sign_in(self.conn_id)}"
        return f"The access token is invalid or has expired. {_sign_in(self.conn_id)}"


class XChatCreditsError(XChatAPIError, AirflowFailException):
    """The account of the app has no credits left."""

    advice = "The app's account with X has used up its credits: top it up in X's developer portal."


class XChatForbiddenError(XChatAPIError, AirflowFailException):
    """The token lacks a scope, or the account is not a member of the conversation."""

    advice = (
        "Reading needs the scopes dm.read, tweet.read and users.read, marking as read dm.write in place of dm.read;"
        " and the account that signed in must be in the conversation."
    )


class XChatNotFoundError(XChatAPIError, AirflowFailException):
    """There is no such conversation, or the account cannot see it."""


class XChatRateLimitError(XChatAPIError):
    """Too many requests; ``reset_at`` says when the next one may go, where X told."""

    def _advice(self) -> str:
        if self.reset_at is None:
            return "X did not say when the limit resets."
        return f"The limit resets at {self.reset_at.astimezone(UTC).isoformat(timespec='seconds')}."


class XChatServerError(XChatAPIError):
    """X failed; the same request may succeed later."""


def sign_in_command(conn_id: str | None) -> str:
    """
    Say what to type to sign in.

    :param conn_id: the connection; None where it is not known
    :return: a command line for a shell
    """
    return f"xchat login --conn-id {shlex.quote(conn_id or 'xchat_default')}"


def _sign_in(conn_id: str | None) -> str:
    return f"To sign in again: {sign_in_command(conn_id)}"


def problem_text(problem: Problem) -> str:
    """
    Put a problem into words, whichever of X's forms it has.

    :param problem: an RFC 7807 object, an object with ``code`` and ``message``, or one of OAuth 2.0 (RFC 6749,
        section 5.2)
    :return: a phrase, without a full stop at its end
    """
    if isinstance(problem.get("error"), str):
        return ": ".join(str(problem[name]).rstrip(".") for name in ("error", "error_description") if problem.get(name))
    if "message" in problem:
        code = f" (code {problem['code']})" if "code" in problem else ""
        return f"{str(problem['message']).rstrip('.')}{code}"
    texts = [str(problem[member]).rstrip(".") for member in ("title", "detail") if problem.get(member)]
    return ": ".join(dict.fromkeys(texts)) or str(problem.get("type") or dict(problem))
