"""
Send calls: respect the rate limit, retry transient errors, stop at the deadline.

Tenacity decides about retries and waits for them, for threads and for coroutines alike. In threads it is set up only
after a first attempt has failed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
    wait_random,
)

from airflow_provider_xchat.api.answers import request_id_of
from airflow_provider_xchat.exceptions import (
    XChatAnswerError,
    XChatAPIError,
    XChatConnectionError,
    XChatError,
    XChatRateLimitError,
    XChatServerError,
)
from airflow_provider_xchat.limits.headers import retry_after
from airflow_provider_xchat.limits.shared import Reset
from airflow_provider_xchat.sending.client_pool import ClientPool
from airflow_provider_xchat.sending.deadline import ends_at as ends_reads_at

if TYPE_CHECKING:
    from xchat_client import Client

    from airflow_provider_xchat.api.answers import Answer
    from airflow_provider_xchat.api.calls import Call, Secrets
    from airflow_provider_xchat.limits.shared import SharedLimits
    from airflow_provider_xchat.tokens.auth import XChatAuth

__all__ = ["ATTEMPTS", "Sender"]

log = logging.getLogger(__name__)

#: how often a call is sent at most
ATTEMPTS = 4
# Pauses of 0.5 to 1, 1 to 1.5 and 2 to 2.5 seconds.
_BACKOFF = wait_exponential(multiplier=0.5, max=8) + wait_random(0, 0.5)


class Sender:
    """
    Sends calls of one connection.

    :param client: the generated client
    :param limits: the rate limits of the account
    :param auth: the auth flow that adds the rotating token, or None for a static token
    :param secrets: returns what must be removed from responses
    :param deadline: seconds that all attempts of a call may take together
    :param rate_limit_wait: seconds that a call waits for a rate limit at most
    """

    def __init__(
        self,
        client: Client,
        limits: SharedLimits,
        auth: XChatAuth | None,
        secrets: Secrets,
        *,
        deadline: float,
        rate_limit_wait: float,
    ) -> None:
        self.client = client
        self._secrets = secrets
        self._clients = ClientPool(client)
        self._limits = limits
        self._auth = auth
        self._deadline = deadline
        self._rate_limit_wait = rate_limit_wait

    def close(self) -> None:
        """Close the sockets of threads."""
        self.client.get_httpx_client().close()

    async def aclose(self) -> None:
        """Close the sockets of coroutines."""
        await self._clients.aclose()

    def send(self, call: Call) -> dict[str, Any]:
        """
        Send a call; retry transient errors.

        :param call: the call
        :return: the response's JSON
        :raises XChatRateLimitError: when the wait for the rate limit would be longer than allowed
        :raises XChatError: the error of the last attempt
        """
        # The token first: a refresh has its own rate limit, and without a token no request should be reserved.
        if self._auth is not None:
            self._auth.prepare()
        ends_at = time.monotonic() + self._deadline
        try:
            return self._send_once(call, ends_at)
        except XChatError as error:
            if not self._is_transient(call, error):
                raise
            failed = [error]

        def send_again() -> dict[str, Any]:
            if failed:  # the first attempt counts
                raise failed.pop()
            return self._send_once(call, ends_at)

        return Retrying(**self._policy(call, ends_at - time.monotonic()))(send_again)

    async def asend(self, call: Call) -> dict[str, Any]:
        """Do the same as :meth:`send`, as a coroutine."""
        if self._auth is not None:
            await self._auth.aprepare()
        ends_at = time.monotonic() + self._deadline
        return await AsyncRetrying(**self._policy(call, self._deadline))(self._asend_once, call, ends_at)

    def _send_once(self, call: Call, ends_at: float) -> dict[str, Any]:
        limit = self._limits.for_operation(call.operation_id)
        with limit.reserve(call.request, self._patience(ends_at)) as reservation:
            began = time.monotonic()
            with self._deadline_errors(call, ends_at), ends_reads_at(ends_at):
                answer = call.send(self.client, self._secrets)
            outcome = _Outcome(call, answer)
            if outcome.reports_limit:
                outcome.reset = reservation.settle(answer.headers, refused=outcome.is_refusal)
        return outcome.result(began)

    async def _asend_once(self, call: Call, ends_at: float) -> dict[str, Any]:
        limit = self._limits.for_operation(call.operation_id)
        async with limit.areserve(call.request, self._patience(ends_at)) as reservation:
            began = time.monotonic()
            with self._deadline_errors(call, ends_at), self._clients.client() as client:
                async with asyncio.timeout(ends_at - time.monotonic()):
                    answer = await call.asend(client, self._secrets)
            outcome = _Outcome(call, answer)
            if outcome.reports_limit:
                outcome.reset = await reservation.asettle(answer.headers, refused=outcome.is_refusal)
        return outcome.result(began, level=logging.DEBUG)

    @contextmanager
    def _deadline_errors(self, call: Call, ends_at: float) -> Iterator[None]:
        try:
            yield
        except (XChatConnectionError, TimeoutError) as error:
            if isinstance(error, XChatConnectionError) and time.monotonic() < ends_at:
                raise
            raise XChatConnectionError(
                f"no whole answer to {call.request} within the deadline of {self._deadline:g} s", request=call.request
            ) from None

    def _patience(self, ends_at: float) -> float:
        return min(self._rate_limit_wait, ends_at - time.monotonic())

    def _policy(self, call: Call, within: float) -> dict[str, Any]:
        return {
            "retry": retry_if_exception(partial(self._is_transient, call)),
            "stop": stop_after_attempt(ATTEMPTS) | stop_before_delay(within),
            "wait": _pause,
            "before_sleep": _log_retry,
            "reraise": True,
        }

    def _is_transient(self, call: Call, error: BaseException) -> bool:
        if isinstance(error, XChatRateLimitError):
            return error.retry_at is not None and not error.nothing_sent and _wait(error) <= self._rate_limit_wait
        # Errors of the token endpoint are not retried here: a refresh has retries of its own.
        if isinstance(error, (XChatAnswerError, XChatConnectionError, XChatServerError)):
            return error.request == call.request and getattr(error, "may_pass", True)
        return False


class _Outcome:
    """The outcome of a response: the result or an error."""

    def __init__(self, call: Call, answer: Answer) -> None:
        self._call = call
        self._answer = answer
        #: set by the sender for a refusal
        self.reset = Reset()
        self._error: XChatError | None = None
        self._result: dict[str, Any] = {}
        try:
            self._result = call.read(answer)
        except XChatError as error:
            self._error = error
            if isinstance(error, XChatServerError):
                error.retry_at = _datetime(retry_after(answer.headers, time.time()))

    @property
    def is_refusal(self) -> bool:
        """Whether X refused the request because of the rate limit."""
        return isinstance(self._error, XChatRateLimitError)

    @property
    def reports_limit(self) -> bool:
        """Whether the response is one of X's, and not an error of a proxy."""
        return self._error is None or self.is_refusal or "x-rate-limit-remaining" in self._answer.headers

    def result(self, began: float, level: int = logging.INFO) -> dict[str, Any]:
        """Return the result or raise the error."""
        if self._error is not None:
            if isinstance(self._error, XChatRateLimitError):
                self._error.retry_at, self._error.is_guess = self.reset
            raise self._error
        request_id = request_id_of(self._answer.headers) or "unknown"
        took = time.monotonic() - began
        log.log(
            level, "%s: status %d, request id %s, %.2f s", self._call.done, self._answer.status_code, request_id, took
        )
        return self._result


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, XChatRateLimitError):
        return _wait(error)
    asked_for = _wait(error) if isinstance(error, XChatServerError) else 0.0
    return max(_BACKOFF(state), asked_for)


def _wait(error: XChatAPIError) -> float:
    return 0.0 if error.retry_at is None else max((error.retry_at - datetime.now(UTC)).total_seconds(), 0.0)


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    log.warning("%s; another attempt in %.1f s", str(error).rstrip("."), state.upcoming_sleep)


def _datetime(moment: float | None) -> datetime | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC)
