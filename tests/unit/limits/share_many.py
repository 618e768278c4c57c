"""A task: many coroutines at once, with a limit that is known from a Variable; prints how often each outcome came."""

import asyncio
import json
import sys
import time
from collections import Counter

from airflow.models.variable import Variable

from airflow_provider_xchat.hooks.xchat import XChatHook
from airflow_provider_xchat.limits.window import Window


async def asked(hook: XChatHook, room: asyncio.Semaphore) -> str:
    try:
        async with room:
            await hook.aget_conversation("g9000000000000000201")
    except Exception as error:  # noqa: BLE001  counted
        return type(error).__name__
    return "fetched"


async def outcomes(count: int, written: Window | None, ahead: float) -> Counter[str]:
    async with XChatHook(rate_limit_wait=0) as hook:
        if written is not None:
            sender = await hook._senders.for_running_loop()
            key = sender._limits.for_operation("getChatConversation").key
            Variable.set(key, written.to_json(time.time() + ahead))
        # So many are left after the first that the next ones are counted in memory only.
        room = asyncio.Semaphore(AT_ONCE)
        first = await asked(hook, room)
        return Counter([first, *await asyncio.gather(*(asked(hook, room) for _ in range(count - 1)))])


AHEAD = 3 * 3600
AT_ONCE = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
windows = {
    "none": None,
    "ahead": Window(limit=9, left=0, ends_at=time.time() + AHEAD + 1, is_reported=True),
    "nonsense": Window(limit=9, left=0, ends_at=1e300, is_reported=True),
}
written = windows[sys.argv[2]]
found = asyncio.run(outcomes(int(sys.argv[1]), written, AHEAD if sys.argv[2] == "ahead" else 0))
if sys.argv[2] == "ahead":
    time.sleep(2)
    found += asyncio.run(outcomes(1, None, 0))
print(json.dumps(found))  # noqa: T201
