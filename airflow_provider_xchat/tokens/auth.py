"""Add the current token to each request, and retry with the next one after a 401."""

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

# After a 401, the store may have a newer token; if X refuses that one, too, the next one is new.
_RETRIES = 2


class XChatAuth(httpx.Auth):
    """
    OAuth 2.0 auth flow with rotating tokens, for ``xchat_client.Client(auth=…)``.

    The refresh is not part of the flow: a cancelled coroutine would lose its response.

    :param tokens: the rotating tokens
    """

    def __init__(self, tokens: RotatingTokens) -> None:
        self._tokens = tokens
        self._running: asyncio.Task[Token] | None = None

    def prepare(self) -> None:
        """
        Get a valid token, before a request is reserved.

        :raises XChatError: as in :meth:`RotatingTokens.current`
        """
        self._tokens.current()

    async def aprepare(self) -> None:
        """Do the same as :meth:`prepare`, once for all coroutines."""
        if self._tokens.ready() is None:
            await self._get_in_thread(None)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """
        Authorize a request of ``httpx.Client``.

        :param request: the request
        :raises XChatError: as in :meth:`RotatingTokens.current`
        """
        began, token = time.time(), self._tokens.current()
        response = yield _authorized(request, token)
        for _ in range(_RETRIES):
            if response.status_code != httpx.codes.UNAUTHORIZED or _issued_since(began, token):
                return
            token = self._tokens.replace(token)
            response = yield _authorized(request, token)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Do the same as :meth:`sync_auth_flow`, for ``httpx.AsyncClient``."""
        began, token = time.time(), self._tokens.ready() or await self._get_in_thread(None)
        response = yield _authorized(request, token)
        for _ in range(_RETRIES):
            if response.status_code != httpx.codes.UNAUTHORIZED or _issued_since(began, token):
                return
            token = await self._get_in_thread(token)
            response = yield _authorized(request, token)

    async def _get_in_thread(self, refused: Token | None) -> Token:
        """Get a token in a thread, shared by all coroutines that wait for one; cancelling them does not stop it."""
        loop = asyncio.get_running_loop()
        while True:
            running = self._running
            joined = running is not None and running.get_loop() is loop and not running.done()
            if running is None or not joined:
                work = self._tokens.current if refused is None else partial(self._tokens.replace, refused)
                running = self._running = loop.create_task(in_thread(work))
                running.add_done_callback(_retrieve_exception)
            token = await asyncio.shield(running)
            if not joined or refused is None or token.access_token != refused.access_token:
                return token


def _retrieve_exception(task: asyncio.Task[Token]) -> None:
    # Without this, asyncio logs the error when all coroutines that wait for it were cancelled.
    if not task.cancelled():
        task.exception()


def _issued_since(began: float, token: Token) -> bool:
    return token.rotated_at is not None and token.rotated_at >= began


def _authorized(request: httpx.Request, token: Token) -> httpx.Request:
    try:
        return next(BearerToken(token.access_token or "").auth_flow(request))
    except ValueError as error:
        raise XChatInputError(str(error)) from None
