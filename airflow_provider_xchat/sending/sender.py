"""
How often a call is sent, and when: within the rate limit, again after what may pass, and never beyond a deadline.

Tenacity decides and waits, for threads and for coroutines alike; what is tried is the same either way. In threads it
is set up once a first attempt has failed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
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
from airflow_provider_xchat.limits.window import retry_after
from airflow_provider_xchat.runtime.http_environment import making_client
from airflow_provider_xchat.runtime.threads import in_thread
from airflow_provider_xchat.sending.deadline import Connections
from airflow_provider_xchat.sending.lanes import Lanes

if TYPE_CHECKING:
    from xchat_client import Client

    from airflow_provider_xchat.api.answers import Answer
    from airflow_provider_xchat.api.calls import Call, Secrets
    from airflow_provider_xchat.limits.shared import SharedLimit, SharedLimits
    from airflow_provider_xchat.tokens.auth import XChatAuth

__all__ = ["ATTEMPTS", "Attempts"]

log = logging.getLogger(__name__)

#: how often a call is sent at most
ATTEMPTS = 4
# Pauses of 0.5 to 1, 1 to 1.5 and 2 to 2.5 seconds.
_PAUSE = wait_exponential(multiplier=0.5, max=8) + wait_random(0, 0.5)


class Attempts:
    """
    Sends calls.

    :param client: where to
    :param limits: the rate limits of its account
    :param auth: what puts its tokens on requests; None for one that does not change
    :param secrets: gives what must not come out of an answer
    :param deadline: seconds that all attempts at a call may take together
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
        self._lanes = Lanes(client)
        self._limits = limits
        self._auth = auth
        self._deadline = deadline
        self._rate_limit_wait = rate_limit_wait

    def connect(self) -> None:
        """Make what threads send with, which takes a while (certificates are read)."""
        with making_client():
            client = self.client.get_httpx_client()
        self._connections = Connections(client)

    async def aclose(self) -> None:
        """Close the connections of coroutines."""
        await self._lanes.aclose()

    def send(self, call: Call) -> dict[str, Any]:
        """
        Send a call until it succeeds, or another attempt is of no use.

        :param call: the call
        :return: the answer's JSON
        :raises XChatRateLimitError: when the limit lets nothing through for longer than the wait that is allowed
        :raises XChatError: what the last attempt came to
        """
        # A refresh has limits of its own, and nobody is to take a request that there is no token for.
        if self._auth is not None:
            self._auth.prepare()
        ends_at = time.monotonic() + self._deadline
        try:
            return self._sent(call, ends_at)
        except XChatError as error:
            if not self._may_pass(call, error):
                raise
            failed = [error]

        def sent_again() -> dict[str, Any]:
            if failed:  # the first attempt counts
                raise failed.pop()
            return self._sent(call, ends_at)

        return Retrying(**self._policy(call, ends_at - time.monotonic()))(sent_again)

    async def asend(self, call: Call) -> dict[str, Any]:
        """Do what :meth:`send` does, as a coroutine."""
        if self._auth is not None:
            await self._auth.aprepare()
        return await AsyncRetrying(**self._policy(call))(self._asent, call, time.monotonic() + self._deadline)

    def _sent(self, call: Call, ends_at: float) -> dict[str, Any]:
        limit = self._limits.of(call.operation_id)
        try:
            if not limit.taken_at_once():
                for pause in limit.taking(call.request, self._patience(ends_at)):
                    time.sleep(pause)
            began = time.monotonic()
            with self._connections.until(ends_at), self._in_time(call, ends_at):
                answer = call.send(self.client, self._secrets)
        except BaseException:
            limit.untold()
            raise
        outcome = _Outcome(call, answer)
        took = time.monotonic() - began
        if not outcome.learned_at_once(limit):
            outcome.teach(limit)
        result = outcome.result()
        request_id = request_id_of(answer.headers) or "unknown"
        log.info("%s: status %d, request id %s, %.2f s", call.done, answer.status_code, request_id, took)
        return result

    async def _asent(self, call: Call, ends_at: float) -> dict[str, Any]:
        # What waits for files and Variables does so in a thread.
        limit = self._limits.of(call.operation_id)
        cancelled = threading.Event()
        try:
            if not limit.taken_at_once():
                pauses = limit.taking(call.request, self._patience(ends_at), cancelled)
                while (pause := await in_thread(next, pauses, None)) is not None:  # noqa: ASYNC110  X tells when, no event
                    await asyncio.sleep(pause)
            with self._in_time(call, ends_at), self._lanes.lane() as client:
                async with asyncio.timeout(ends_at - time.monotonic()):
                    answer = await call.asend(client, self._secrets)
        except BaseException:
            # Also when it was cancelled: nothing is awaited, and a thread may still be about to take a request.
            cancelled.set()
            asyncio.get_running_loop().run_in_executor(None, limit.untold)
            raise
        outcome = _Outcome(call, answer)
        if not outcome.learned_at_once(limit):
            await in_thread(outcome.teach, limit)
        return outcome.result()

    @contextmanager
    def _in_time(self, call: Call, ends_at: float) -> Iterator[None]:
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

    def _policy(self, call: Call, within: float | None = None) -> dict[str, Any]:
        return {
            "retry": retry_if_exception(partial(self._may_pass, call)),
            "stop": stop_after_attempt(ATTEMPTS) | stop_before_delay(self._deadline if within is None else within),
            "wait": _pause,
            "before_sleep": _announce,
            "reraise": True,
        }

    def _may_pass(self, call: Call, error: BaseException) -> bool:
        if isinstance(error, XChatRateLimitError):
            return error.retry_at is not None and not error.nothing_sent and _until(error) <= self._rate_limit_wait
        # The token endpoint's errors are not for another attempt: a refresh has its own.
        if isinstance(error, (XChatAnswerError, XChatConnectionError, XChatServerError)):
            return error.request == call.request and getattr(error, "may_pass", True)
        return False


class _Outcome:
    """What an answer comes to: a result, or an error; and what it says of the rate limit."""

    def __init__(self, call: Call, answer: Answer) -> None:
        self._headers = answer.headers
        self._error: XChatError | None = None
        self._result: dict[str, Any] = {}
        try:
            self._result = call.read(answer)
        except XChatError as error:
            self._error = error
            if isinstance(error, XChatServerError):
                error.retry_at = _datetime(retry_after(answer.headers, time.time()))

    def learned_at_once(self, limit: SharedLimit) -> bool:
        return not isinstance(self._error, XChatRateLimitError) and limit.learned_at_once(self._headers)

    def teach(self, limit: SharedLimit) -> None:
        if isinstance(self._error, XChatRateLimitError):
            self._error.retry_at, self._error.is_guess = limit.learn(self._headers, refused=True)
        elif self._error is None or "x-rate-limit-remaining" in self._headers:
            limit.learn(self._headers, refused=False)
        else:
            limit.untold()  # by a proxy, not by X

    def result(self) -> dict[str, Any]:
        if self._error is not None:
            raise self._error
        return self._result


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, XChatRateLimitError):
        return _until(error)
    told = _until(error) if isinstance(error, XChatServerError) else 0.0
    return max(_PAUSE(state), told)


def _until(error: XChatAPIError) -> float:
    return 0.0 if error.retry_at is None else max((error.retry_at - datetime.now(UTC)).total_seconds(), 0.0)


def _announce(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    log.warning("%s; another attempt in %.1f s", str(error).rstrip("."), state.upcoming_sleep)


def _datetime(moment: float | None) -> datetime | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC)
