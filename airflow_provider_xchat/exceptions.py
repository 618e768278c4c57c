"""
Every error that this provider raises on purpose.

::

    XChatError
    ├── XChatInputError *           what was given cannot be right; nothing was sent
    ├── XChatConnectionError        no whole answer came: DNS, refused, timeout, cut off
    ├── XChatAnswerError            an answer came that is none of the API's: not JSON, or JSON of another shape
    ├── XChatConversationsError     some of many conversations could not be fetched; has errors
    │   └── XChatConversationsRefusedError *  and another try would end the same for all of them
    ├── XChatSignInError            xchat login ended without a token; nothing was changed
    ├── XChatTokenStoreError        the place where rotated tokens are kept cannot be read or written
    │   ├── XChatTokenLostError *   a rotated token could not be saved: sign in again
    │   └── XChatTokenStoreUnusableError  the store stays as it is until somebody acts, such as for another Fernet key
    └── XChatAPIError               X answered, and said no; has status and problems
        ├── XChatBadRequestError *  400: X finds the request wrong
        ├── XChatAuthError *        401, or a dead refresh token: sign in again
        ├── XChatCreditsError *     402, or a usage cap: the account has no credits left
        ├── XChatForbiddenError *   403: a scope or access is missing, or the account is not in the conversation
        ├── XChatNotFoundError *    404: no such conversation
        ├── XChatRateLimitError     429, or not sent as the limit is used up; has retry_at
        └── XChatServerError        5xx: X failed

``*`` fails an Airflow task at once, whatever its ``retries``: another try would cost money and end the same.
What may pass (connections, answers, servers) was tried again by the hook before it is raised; docs/errors.md has the
table. No error holds a token, a request header or the body of a request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_xchat.advice import advice_for_credits, advice_for_forbidden, problem_text, sign_in_command

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

Problem = Mapping[str, Any]


class XChatError(AirflowException):
    """Anything that went wrong with X Chat. All errors survive pickle and copy, such as those of a process pool."""

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is made again by its constructor, with arguments that not all of ours have kept.
        return _unpickled, (type(self), self.args, self.__dict__)


def _unpickled(kind: type[XChatError], args: tuple[Any, ...], attributes: dict[str, Any]) -> XChatError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(attributes)
    return error


class XChatInputError(XChatError, AirflowFailException):
    """An argument or the connection cannot be used as it is; nothing was sent."""


class XChatConnectionError(XChatError):
    """
    No whole answer came; whether X has acted on the request is unknown.

    :param message: what happened
    :param nothing_sent: whether it is known that X has not got the request
    :param request: method and path of the request
    :param may_pass: whether another attempt may end otherwise; not with a certificate that cannot be verified
    """

    def __init__(self, message: str, *, nothing_sent: bool = False, request: str = "", may_pass: bool = True) -> None:
        super().__init__(message)
        self.nothing_sent = nothing_sent
        self.request = request
        self.may_pass = may_pass


class XChatAnswerError(XChatError):
    """
    A success that is not what the API answers.

    :param message: what was received and what was expected
    :param status: the HTTP status
    :param request: method and path of the request
    :param request_id: X's name for the request, for its support
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
    Some of many conversations could not be fetched; the others are kept, and another try asks for these only.

    :param message: what happened
    :param errors: what went wrong, by conversation id: each an object with ``type``, ``message`` and ``status``
    """

    def __init__(self, message: str, errors: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(message)
        self.errors = dict(errors)


class XChatConversationsRefusedError(XChatConversationsError, AirflowFailException):
    """The same, and another try would end the same for all of them."""


class XChatSignInError(XChatError):
    """The sign-in ended without a token; nothing was changed."""


class XChatTokenStoreError(XChatError):
    """
    The token store cannot be read or written, or others keep it locked; no token was used up.

    Another try may succeed.
    """


class XChatTokenStoreUnusableError(XChatTokenStoreError):
    """
    The token store holds a text that cannot be read, or does not give back a text that was just saved.

    Nothing was sent. It ends the same until somebody acts, so it is not tried again within the same call.
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
    :param reset_at: when the rate limit is reset, as the answer said it, true or not
    :param retry_at: when to ask again, where that was told in a way that can be believed
    :param request_id: X's name for the request, for its support
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
        """The ``type`` of the first problem: a URI (RFC 7807); None when X gave none."""
        return self._first("type")

    @property
    def title(self) -> str | None:
        """The ``title`` of the first problem; in X's older forms the ``message``."""
        return self._first("title") or self._first("message")

    @property
    def detail(self) -> str | None:
        """The ``detail`` of the first problem."""
        return self._first("detail")

    def _first(self, member: str) -> str | None:
        value = self.problems[0].get(member) if self.problems else None
        return None if value is None else str(value)

    def __str__(self) -> str:
        said = "; ".join(problem_text(problem) for problem in self.problems) or "no details"
        to = f" to {self.request}" if self.request else ""
        named = f" (request {self.request_id})" if self.request_id else ""
        return f"X answered {self.status}{to}: {said}{named}. {self._advice()}".rstrip()

    def _advice(self) -> str:
        return self.advice


class XChatBadRequestError(XChatAPIError, AirflowFailException):
    """X finds the request wrong, for example a name that it does not know; the same request would end the same."""


class XChatAuthError(XChatAPIError, AirflowFailException):
    """The access token, the refresh token or the client is not, or no longer, good: somebody must sign in again."""

    #: the connection whose token it is, where that is known
    conn_id: str | None = None
    #: whether the connection has no refresh token
    is_static: bool = False

    def _advice(self) -> str:
        if any(problem.get("error") in ("invalid_client", "unauthorized_client") for problem in self.problems):
            return f"X does not take the client id or the client secret: correct them. {_sign_in(self.conn_id)}"
        if any("error" in problem for problem in self.problems):
            return f"The refresh token was used up, revoked or has expired. {_sign_in(self.conn_id)}"
        if self.is_static:
            return (
                "The access token is invalid or has expired, and the connection has no refresh token. Put a new token"
                f" into the password of connection {self.conn_id!r}, or sign in once for tokens that are refreshed:"
                f" {sign_in_command(self.conn_id, new_client=True)}"
            )
        return f"The access token is invalid or has expired. {_sign_in(self.conn_id)}"


class XChatCreditsError(XChatAPIError, AirflowFailException):
    """The account of the app has no credits left (402), or its usage cap, such as that of a month, is reached (429)."""

    def _advice(self) -> str:
        return advice_for_credits(self.problems)


class XChatForbiddenError(XChatAPIError, AirflowFailException):
    """
    X refused: a scope or an access level is missing, the account is locked or not in the conversation.

    The advice in its text goes by problem type, ``reason`` and error code.
    """

    def _advice(self) -> str:
        return advice_for_forbidden(self.problems)


class XChatNotFoundError(XChatAPIError, AirflowFailException):
    """There is no such conversation, or the account cannot see it."""


class XChatRateLimitError(XChatAPIError):
    """
    The rate limit is used up: X said 429, or it is known that it would, and nothing was sent.

    ``retry_at`` says when the next request may go; None when X refuses for so long, without saying for how long, that
    waiting is no use.
    """

    #: whether X was asked at all
    nothing_sent: bool = False
    #: whether ``retry_at`` is this provider's own choice, as X gave no reset time that can be right
    is_guess: bool = False

    @classmethod
    def unsent(cls, request: str, retry_at: datetime, *, is_guess: bool) -> Self:
        """
        Make the error for a request that is kept back.

        :param request: method and path
        :param retry_at: when it may go
        :param is_guess: whether X has not given that time
        :return: the error
        """
        error = cls(429, request=request, reset_at=None if is_guess else retry_at, retry_at=retry_at)
        error.nothing_sent, error.is_guess = True, is_guess
        return error

    def __str__(self) -> str:
        return f"{self.request} was not sent: {self._advice()}" if self.nothing_sent else super().__str__()

    def _advice(self) -> str:
        known = self.retry_at or self.reset_at
        if known is None:
            return "X did not say when the limit resets."
        moment = known.astimezone(UTC).isoformat(timespec="seconds")
        if self.is_guess:
            return f"X gave no reset time that can be right, so nothing is sent before {moment}."
        return f"The limit resets at {moment}."


class XChatServerError(XChatAPIError):
    """X failed; the same request may succeed later."""


def _sign_in(conn_id: str | None) -> str:
    return f"To sign in again: {sign_in_command(conn_id)}"
