"""Hook of a connection, shared by all triggers of an event loop with its token and its sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

from airflow_provider_xchat.runtime.threads import import_in_thread

if TYPE_CHECKING:
    from airflow_provider_xchat.hooks.xchat import XChatHook

__all__ = ["SharedHook"]


class SharedHook:
    """
    Hook that is closed by its last user.

    :param hook: the hook
    """

    _by_loop: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SharedHook]]] = WeakKeyDictionary()

    def __init__(self, hook: XChatHook) -> None:
        self.hook = hook
        self.users = 0

    @classmethod
    async def acquire(cls, xchat_conn_id: str) -> SharedHook:
        """
        Acquire the hook of a connection, to be released after use.

        :param xchat_conn_id: id of the connection
        :return: the shared hook
        """
        module = await import_in_thread("airflow_provider_xchat.hooks.xchat")
        hooks = cls._of_running_loop()
        if xchat_conn_id not in hooks:
            # The poller handles rate limits itself, so the hook must not wait.
            hooks[xchat_conn_id] = cls(module.XChatHook(xchat_conn_id, rate_limit_wait=0))
        shared = hooks[xchat_conn_id]
        shared.users += 1
        return shared

    async def release(self, *, discard: bool = False) -> None:
        """
        Release the hook.

        :param discard: whether the next user should get a new hook, which looks up the connection again
        """
        hooks, conn_id = self._of_running_loop(), self.hook.xchat_conn_id
        self.users -= 1
        if hooks.get(conn_id) is self and (discard or not self.users):
            del hooks[conn_id]
        if not self.users:
            await self.hook.aclose()

    @classmethod
    def _of_running_loop(cls) -> dict[str, SharedHook]:
        return cls._by_loop.setdefault(asyncio.get_running_loop(), {})
