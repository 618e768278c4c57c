"""One hook for each connection, for all triggers of an event loop: they share its token and its open connections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from airflow_provider_xchat.runtime.threads import imported

if TYPE_CHECKING:
    from airflow_provider_xchat.hooks.xchat import XChatHook

__all__ = ["SharedHook"]


class SharedHook:
    """
    A hook that several borrow, and the last one closes.

    :param hook: the hook
    """

    _by_loop: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SharedHook]]] = WeakKeyDictionary()

    def __init__(self, hook: XChatHook) -> None:
        self.hook = hook
        self._borrowers = 0

    @classmethod
    async def borrowed(cls, xchat_conn_id: str) -> SharedHook:
        """
        Borrow the hook of a connection; each time, it must be given back.

        :param xchat_conn_id: id of the connection
        :return: the shared hook
        """
        module = await imported("airflow_provider_xchat.hooks.xchat")
        shared = cls._here().get(xchat_conn_id)
        if shared is None:
            # Who polls waits for a rate limit by itself.
            shared = cls._here()[xchat_conn_id] = cls(module.XChatHook(xchat_conn_id, rate_limit_wait=0))
        shared._borrowers += 1
        return shared

    async def give_back(self, *, spoiled: bool = False) -> None:
        """
        Give it back.

        :param spoiled: whether the next one who borrows should get a new hook, which looks the connection up again
        """
        here, conn_id = self._here(), self.hook.xchat_conn_id
        self._borrowers -= 1
        if here.get(conn_id) is self and (spoiled or not self._borrowers):
            del here[conn_id]
        if not self._borrowers:
            await self.hook.aclose()

    @classmethod
    def _here(cls) -> dict[str, SharedHook]:
        return cls._by_loop.setdefault(asyncio.get_running_loop(), {})
