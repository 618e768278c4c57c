"""Many processes, threads and coroutines that meet an expired token at the same moment: one refresh, and no loss."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_xchat.hooks.xchat import XChatHook
from xchat_sandbox import GROUP_ID as GROUP

pytestmark = pytest.mark.slow

ROUNDS = 50


def refreshes(sandbox):
    return [request["status"] for request in sandbox.token_requests()]


def assert_alive(sandbox, rounds):
    (chain,) = sandbox.chains()
    assert (chain["alive"], chain["refreshes"], chain["reused_dead_token"]) == (True, rounds, 0)


def test_sixteen_processes_on_two_machines(sandbox, run_fleet, connection_json):
    everybody = [(number, "xchat") for number in range(16)]
    with run_fleet(16, {"xchat": connection_json(sandbox, sandbox.grant(expires_in=0))}) as fleet:
        for done in range(1, ROUNDS + 1):
            assert fleet.call(*everybody) == ["ok"] * 16
            assert refreshes(sandbox) == [200] * done
            sandbox.expire_access_tokens()
    assert_alive(sandbox, ROUNDS)


def test_a_hundred_coroutines(sandbox, connect):
    connect(sandbox, sandbox.grant(expires_in=0))

    async def rounds():
        async with XChatHook() as hook:
            for done in range(1, ROUNDS + 1):
                answers = await asyncio.gather(*(hook.aget_conversation(GROUP) for _ in range(100)))
                assert len(answers) == 100
                assert refreshes(sandbox) == [200] * done
                sandbox.expire_access_tokens()

    asyncio.run(rounds())
    assert_alive(sandbox, ROUNDS)


def test_thirty_two_threads(sandbox, connect):
    connect(sandbox, sandbox.grant(expires_in=0))
    with XChatHook() as hook, ThreadPoolExecutor(32) as executor:
        for done in range(1, ROUNDS + 1):
            answers = list(executor.map(lambda _: hook.get_conversation(GROUP), range(32)))
            assert len(answers) == 32
            assert refreshes(sandbox) == [200] * done
            sandbox.expire_access_tokens()
    assert_alive(sandbox, ROUNDS)


def test_thirty_two_threads_each_with_a_hook(sandbox, connect):
    connect(sandbox, sandbox.grant(expires_in=0))

    def call(_):
        with XChatHook() as hook:
            return hook.get_conversation(GROUP)

    with ThreadPoolExecutor(32) as executor:
        for done in range(1, 4):
            assert len(list(executor.map(call, range(32)))) == 32
            assert refreshes(sandbox) == [200] * done
            sandbox.expire_access_tokens()
    assert_alive(sandbox, 3)


# What a refresh does with the store: read the token, read it again under the machine's lock, read the lease, write it,
# verify it, read the token under the lease; POST; save, read back, read the lease, free it.
BEFORE_THE_POST = [{"before": 1}, *({"after": step} for step in range(1, 7))]
AFTER_THE_SAVE = [{"after": step} for step in range(7, 11)]


def test_a_process_killed_at_any_step_holds_up_nobody(sandbox, run_fleet, connection_json):
    steps = BEFORE_THE_POST + AFTER_THE_SAVE
    connections = {}
    for number, step in enumerate(steps):
        grant = sandbox.grant(expires_in=0)
        dying = {"store": "dying_store.DyingStore", "store_kwargs": step}
        connections[f"dying_{number}"] = connection_json(sandbox, grant, **dying)
        connections[f"xchat_{number}"] = connection_json(sandbox, grant)
    everybody = range(len(steps))
    # Of each three, the first is to die, the second is on the other machine, and the third on the same one.
    with run_fleet(4 * len(steps), connections) as fleet:
        assert fleet.call(*((4 * number, f"dying_{number}") for number in everybody)) == ["died"] * len(steps)
        began = time.monotonic()
        others = [(4 * number + other, f"xchat_{number}") for number in everybody for other in (1, 2)]
        assert fleet.call(*others) == ["ok"] * len(others)
        took = time.monotonic() - began
    assert took < 30
    assert refreshes(sandbox) == [200] * len(steps)
    for chain in sandbox.chains():
        assert (chain["alive"], chain["refreshes"], chain["reused_dead_token"]) == (True, 1, 0)


def test_killed_between_the_answer_and_the_save(sandbox, run_fleet, connection_json):
    grant = sandbox.grant(expires_in=0)
    dying = {"store": "dying_store.DyingStore", "store_kwargs": {"before": 7}}
    connections = {"dying": connection_json(sandbox, grant, **dying), "xchat": connection_json(sandbox, grant)}
    with run_fleet(2, connections) as fleet:
        assert fleet.call((0, "dying")) == ["died"]
        (said,) = fleet.call((1, "xchat"))
    assert said.startswith("XChatAuthError: X answered 400 to POST /2/oauth2/token: invalid_request: ")
    assert said.endswith(
        "The refresh token is used up, revoked or expired. To sign in again: xchat login --conn-id xchat"
    )
    assert grant.refresh_token not in said
