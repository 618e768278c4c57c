"""Puts the token that is good now on each request, and tries again with the next one when X says 401."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from functools import partial

import httpx
from xchat_client.client import BearerToken

from airflow_provider_xchat.exceptions import XChatInputError
from airflow_provider_xchat.runtime.threads import in_thread
from airflow_provider_xchat.tokens.model import Token
from airflow_provider_xchat.tokens.rotation import RotatingTokens

__all__ = ["XChatAuth"]

# After a 401, another process may have a newer token, and that one may be refused, too; the third comes from X.
_TRIES = 2


class XChatAuth(httpx.Auth):
    """
    OAuth 2.0 with tokens that rotate, for ``xchat_client.Client(auth=…)``.

    The refresh is not one of the requests that this flow yields: a coroutine that is cancelled would lose its answer.

    :param tokens: where the tokens come from
    """

    def __init__(self, tokens: RotatingTokens) -> None:
        self._tokens = tokens
        self._running: asyncio.Task[Token] | None = None

    def prepare(self) -> None:
        """
        See to it that there is a token to send a request with.

        :raises XChatError: as :meth:`RotatingTokens.current` says
        """
        self._tokens.current()

    async def aprepare(self) -> None:
        """Do what :meth:`prepare` does, once for all coroutines."""
        if self._tokens.ready() is None:
            await self._shared(None)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """
        Drive a request of ``httpx.Client``.

        :param request: the request
        :raises XChatError: as :meth:`RotatingTokens.current` says
        """
        began, token = time.time(), self._tokens.current()
        response = yield _with(token, request)
        for _ in range(_TRIES):
            if response.status_code != httpx.codes.UNAUTHORIZED or _issued_since(began, token):
                return
            token = self._tokens.replace(token)
            response = yield _with(token, request)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Do what :meth:`sync_auth_flow` does, for ``httpx.AsyncClient``."""
        began, token = time.time(), self._tokens.ready() or await self._shared(None)
        response = yield _with(token, request)
        for _ in range(_TRIES):
            if response.status_code != httpx.codes.UNAUTHORIZED or _issued_since(began, token):
                return
            token = await self._shared(token)
            response = yield _with(token, request)

    async def _shared(self, refused: Token | None) -> Token:
        """Get a token in a thread: one for all coroutines that want one, and out of reach of their cancellation."""
        loop = asyncio.get_running_loop()
        while True:
            running = self._running
            joined = running is not None and running.get_loop() is loop and not running.done()
            if running is None or not joined:
                work = self._tokens.current if refused is None else partial(self._tokens.replace, refused)
                running = self._running = loop.create_task(in_thread(work))
                running.add_done_callback(_look_at)
            token = await asyncio.shield(running)
            if not joined or refused is None or token.access_token != refused.access_token:
                return token


def _look_at(task: asyncio.Task[Token]) -> None:
    # When everybody who waited was cancelled, asyncio would complain that nobody has seen the error.
    if not task.cancelled():
        task.exception()


def _issued_since(began: float, token: Token) -> bool:
    return token.rotated_at is not None and token.rotated_at >= began


def _with(token: Token, request: httpx.Request) -> httpx.Request:
    try:
        return next(BearerToken(token.access_token or "").auth_flow(request))
    except ValueError as error:
        raise XChatInputError(str(error)) from None
