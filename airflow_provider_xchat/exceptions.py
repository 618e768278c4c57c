"""
Errors of this provider.

::

    XChatError
    ├── XChatInputError *           invalid argument or connection; nothing was sent
    ├── XChatConnectionError        no complete response: DNS, refused, timeout, cut off
    ├── XChatAnswerError            a response that is not the API's: not JSON, or JSON of another shape
    ├── XChatConversationsError     some of many conversations could not be fetched; has errors
    │   └── XChatConversationsRefusedError *  and a retry would fail for all of them
    ├── XChatSignInError            xchat login got no token; nothing was changed
    ├── XChatTokenStoreError        the token store cannot be read or written
    │   ├── XChatTokenLostError *   a rotated token could not be saved: sign in again
    │   └── XChatTokenStoreUnusableError  the store must be repaired first, for example its Fernet key
    └── XChatAPIError               an error response of X; has status and problems
        ├── XChatBadRequestError *  400: invalid request
        ├── XChatAuthError *        401, or an invalid refresh token: sign in again
        ├── XChatCreditsError *     402, or a usage cap: the account has no credits left
        ├── XChatForbiddenError *   403: a scope or access is missing, or the account is not in the conversation
        ├── XChatNotFoundError *    404: no such conversation
        ├── XChatRateLimitError     429, or not sent because the rate limit is exhausted; has retry_at
        └── XChatServerError        5xx: X failed

``*`` fails an Airflow task without retries: a retry would cost money and fail again. The hook has already retried
transient errors (connection, answer, server); docs/errors.md has the table. No error holds a token, a request header or
a request body.
"""

from __future__ import annotations

import copyreg
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_xchat.advice import (
    Problem,
    advice_for_credits,
    advice_for_forbidden,
    advice_for_unauthorized,
    problems_text,
    sign_in_command,
)

__all__ = [
    "XChatAPIError",
    "XChatAnswerError",
    "XChatAuthError",
    "XChatBadRequestError",
    "XChatConnectionError",
    "XChatConversationsError",
    "XChatConversationsRefusedError",
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
    "XChatTokenStoreUnusableError",
]


class XChatError(AirflowException):
    """Base class of all errors; they can be pickled and copied."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the constructor with args, which do not hold all arguments of ours.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class XChatInputError(XChatError, AirflowFailException):
    """Invalid argument or connection; nothing was sent."""


class XChatConnectionError(XChatError):
    """
    No complete response; whether X has processed the request is unknown.

    :param message: the text of the error
    :param nothing_sent: whether X certainly has not received the request
    :param request: method and path of the request
    :param may_pass: whether a retry may succeed; False for a certificate that cannot be verified
    """

    def __init__(self, message: str, *, nothing_sent: bool = False, request: str = "", may_pass: bool = True) -> None:
        super().__init__(message)
        self.nothing_sent = nothing_sent
        self.request = request
        self.may_pass = may_pass


class XChatAnswerError(XChatError):
    """
    Successful response that is not one of the API's.

    :param message: what was received and what was expected
    :param status: the HTTP status
    :param request: method and path of the request
    :param request_id: X's id of the request, for X's support
    """

    def __init__(
        self, message: str, status: int | None = None, *, request: str = "", request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.request = request
        self.request_id = request_id


class XChatConversationsError(XChatError):
    """
    Some of many conversations could not be fetched; the others are kept, and a retry fetches only these.

    :param message: the text of the error
    :param errors: the errors by conversation id, each an object with ``type``, ``message`` and ``status``
    """

    def __init__(self, message: str, errors: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(message)
        self.errors = dict(errors)


class XChatConversationsRefusedError(XChatConversationsError, AirflowFailException):
    """As :class:`XChatConversationsError`, and a retry would fail for all of them."""


class XChatSignInError(XChatError):
    """The sign-in got no token; nothing was changed."""


class XChatTokenStoreError(XChatError):
    """The token store cannot be read or written, or another process holds its lock; no token was used up."""


class XChatTokenStoreUnusableError(XChatTokenStoreError):
    """The token store holds an unreadable value, or does not return a value just saved; it must be repaired first."""


class XChatTokenLostError(XChatTokenStoreError, AirflowFailException):
    """
    X has rotated the token, and the new one could not be saved: a new sign-in is necessary.

    :param message: the reason
    :param conn_id: id of the connection
    """

    def __init__(self, message: str, conn_id: str) -> None:
        super().__init__(f"{message} To sign in again: {sign_in_command(conn_id)}")
        self.conn_id = conn_id


class XChatAPIError(XChatError):
    """
    Error response of X.

    :param status: the HTTP status, or the one that the problems of a successful response stand for
    :param problems: the problems that X reported, as JSON objects (RFC 7807 or one of X's older forms)
    :param request: method and path of the request
    :param reset_at: the rate limit's reset time as X sent it, plausible or not
    :param retry_at: when to retry; None when X sent no plausible time
    :param request_id: X's id of the request, for X's support
    """

    def __init__(
        self,
        status: int,
        problems: Sequence[Problem] = (),
        *,
        request: str = "",
        reset_at: datetime | None = None,
        retry_at: datetime | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(status, problems)
        self.status = status
        self.problems = list(problems)
        self.request = request
        self.reset_at = reset_at
        self.retry_at = retry_at
        self.request_id = request_id

    @property
    def problem_type(self) -> str | None:
        """The ``type`` of the first problem, a URI (RFC 7807); None when X sent none."""
        return self._first("type")

    @property
    def title(self) -> str | None:
        """The ``title`` of the first problem; its ``message`` in X's older forms."""
        return self._first("title") or self._first("message")

    @property
    def detail(self) -> str | None:
        """The ``detail`` of the first problem."""
        return self._first("detail")

    def _first(self, member: str) -> str | None:
        value = self.problems[0].get(member) if self.problems else None
        return None if value is None else str(value)

    def __str__(self) -> str:
        request = f" to {self.request}" if self.request else ""
        request_id = f" (request {self.request_id})" if self.request_id else ""
        return (
            f"X answered {self.status}{request}: {problems_text(self.problems)}{request_id}. {self._advice()}".rstrip()
        )

    def _advice(self) -> str:
        return ""


class XChatBadRequestError(XChatAPIError, AirflowFailException):
    """Invalid request, for example with an unknown field name; a retry would fail again."""


class XChatAuthError(XChatAPIError, AirflowFailException):
    """Invalid or expired access token, refresh token or client: a new sign-in is necessary."""

    #: id of the connection; None when it is unknown
    conn_id: str | None = None
    #: whether the connection has no refresh token
    is_static: bool = False

    def _advice(self) -> str:
        return advice_for_unauthorized(self.problems, self.conn_id, is_static=self.is_static)


class XChatCreditsError(XChatAPIError, AirflowFailException):
    """The app's account has no credits left (402), or its usage cap, for example of a month, is reached (429)."""

    def _advice(self) -> str:
        return advice_for_credits(self.problems)


class XChatForbiddenError(XChatAPIError, AirflowFailException):
    """A scope or an access level is missing, or the account is locked or not in the conversation."""

    def _advice(self) -> str:
        return advice_for_forbidden(self.problems)


class XChatNotFoundError(XChatAPIError, AirflowFailException):
    """The conversation does not exist, or the account cannot see it."""


class XChatRateLimitError(XChatAPIError):
    """
    The rate limit is exhausted: X returned 429, or the request was not sent because X would.

    ``retry_at`` is the time of the next request; None when X has refused for 15 minutes without a reset time.
    """

    #: whether the request was held back
    nothing_sent: bool = False
    #: whether ``retry_at`` is this provider's own choice, as X sent no plausible reset time
    is_guess: bool = False

    @classmethod
    def unsent(cls, request: str, retry_at: datetime, *, is_guess: bool) -> Self:
        """
        Return the error for a request that is held back.

        :param request: method and path
        :param retry_at: when it may be sent
        :param is_guess: whether X has not sent that time
        """
        error = cls(429, request=request, reset_at=None if is_guess else retry_at, retry_at=retry_at)
        error.nothing_sent, error.is_guess = True, is_guess
        return error

    def __str__(self) -> str:
        return f"{self.request} was not sent: {self._advice()}" if self.nothing_sent else super().__str__()

    def _advice(self) -> str:
        known = self.retry_at or self.reset_at
        if known is None:
            return "X sent no reset time."
        moment = known.astimezone(UTC).isoformat(timespec="seconds")
        if self.is_guess:
            return f"X sent no plausible reset time; the next request is sent at {moment}."
        return f"The rate limit resets at {moment}."


class XChatServerError(XChatAPIError):
    """X failed; a retry may succeed."""
