"""The flow around a request: when it refreshes, what it sends, and what a cancelled task leaves behind."""

from __future__ import annotations

import asyncio
import types

import pytest
from xchat_client import Client
from xchat_client.api.chat import get_chat_conversation

from airflow_provider_xchat.exceptions import XChatAuthError, XChatInputError
from airflow_provider_xchat.hooks.xchat import XChatHook
from airflow_provider_xchat.tokens.auth import XChatAuth
from airflow_provider_xchat.tokens.endpoint import TokenEndpoint
from xchat_sandbox import GROUP_ID as GROUP
from xchat_sandbox import PUBLIC_CLIENT_ID


@pytest.fixture(params=["sync", "async"])
def call(request):
    """A function that calls X with a new hook of the default connection."""

    def plain():
        with XChatHook() as hook:
            return hook.get_conversation(GROUP)

    async def coroutine():
        async with XChatHook() as hook:
            return await hook.aget_conversation(GROUP)

    return plain if request.param == "sync" else lambda: asyncio.run(coroutine())


def statuses(sandbox):
    """How X answered; its token endpoint has a log of its own."""
    return [request["status"] for request in sandbox.requests() if "/oauth2/" not in request["path"]]


def test_a_good_token_is_used_as_it_is(sandbox, connect, call):
    connect(sandbox, sandbox.grant())
    call()
    assert (statuses(sandbox), sandbox.token_requests()) == ([200], [])


def test_shortly_before_it_expires_it_is_refreshed(sandbox, connect, call):
    connect(sandbox, sandbox.grant(expires_in=200))
    call()
    assert (statuses(sandbox), len(sandbox.token_requests())) == ([200], 1)
    call()
    assert (statuses(sandbox), len(sandbox.token_requests())) == ([200, 200], 1)


def test_without_a_time_it_is_refreshed_when_x_refuses_it(sandbox, connect, call):
    connect(sandbox, sandbox.grant(expires_in=0), expires_at=None)
    call()
    assert (statuses(sandbox), len(sandbox.token_requests())) == ([401, 200], 1)


def test_a_refresh_token_alone_is_enough(sandbox, connect, call):
    connect(sandbox, sandbox.grant(), password=None, expires_at=None)
    call()
    assert (statuses(sandbox), len(sandbox.token_requests())) == ([200], 1)


def test_a_static_token_is_never_refreshed(sandbox, connect, call):
    connect(sandbox, sandbox.grant(expires_in=0), refresh_token=None)
    with pytest.raises(XChatAuthError, match="Set a new token as"):
        call()
    assert (statuses(sandbox), sandbox.token_requests()) == ([401], [])


def test_what_another_process_has_rotated_is_taken(sandbox, connect, call, rotating):
    grant = sandbox.grant(expires_in=0)
    connect(sandbox, grant)
    rotating(grant).current()
    call()
    assert (statuses(sandbox), len(sandbox.token_requests())) == ([200], 1)


def test_what_another_process_has_rotated_may_be_refused_too(sandbox, connect, rotating):
    grant = sandbox.grant(expires_in=0)
    connect(sandbox, grant)
    with XChatHook() as hook:
        hook.get_conversation(GROUP)
        sandbox.expire_access_tokens()
        rotating(grant).replace(rotating(grant).stored())
        sandbox.expire_access_tokens()
        hook.get_conversation(GROUP)
    assert statuses(sandbox) == [200, 401, 401, 200]
    assert len(sandbox.token_requests()) == 3


def test_a_token_that_is_refused_when_it_is_new_is_not_rotated_again(sandbox, wire, rotating):
    wire.says(401, {"title": "Unauthorized", "status": 401})
    tokens = rotating(sandbox.grant())
    with Client(wire.url, auth=XChatAuth(tokens)) as client:
        assert get_chat_conversation.sync_detailed(GROUP, client=client).status_code == 401
    assert (len(wire.requests), len(sandbox.token_requests())) == (2, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_x_is_not_followed(sandbox, wire, rotating, status):
    wire.says(status, headers={"location": f"{sandbox.url}/2/chat/conversations/{GROUP}"})
    with Client(wire.url, auth=XChatAuth(rotating(sandbox.grant()))) as client:
        assert get_chat_conversation.sync_detailed(GROUP, client=client).status_code == status
    assert sandbox.requests() == []


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "ünï-code"])
def test_a_token_that_cannot_be_one_reaches_no_header(sandbox, connect, call, token):
    connect(sandbox, sandbox.grant(), password=token)
    with pytest.raises(XChatInputError, match="password cannot be used") as caught:
        call()
    assert token not in str(caught.value)
    assert sandbox.requests() == []


@types.coroutine
def cancelled_at(coroutine, number, seen):
    """Run a coroutine, and cancel the task it runs in when it waits for the n-th time."""
    send, value = coroutine.send, None
    while True:
        try:
            waited_for = send(value)
        except StopIteration as end:
            return end.value
        seen.append(waited_for)
        if len(seen) == number:
            task = asyncio.current_task()
            asyncio.get_running_loop().call_soon(task.cancel)
        try:
            send, value = coroutine.send, (yield waited_for)
        except BaseException as error:  # noqa: BLE001  it goes on into the coroutine
            send, value = coroutine.throw, error


async def wrapped(coroutine, number, seen):
    return await cancelled_at(coroutine, number, seen)


@pytest.mark.parametrize("expires_at", ["known", "unknown"])
def test_cancelled_at_every_await(sandbox, connect, expires_at):
    """Known to have expired, the token is refreshed before the request; else when X has refused it."""

    async def cancel_and_call(number):
        seen = []
        async with XChatHook() as hook:
            task = asyncio.create_task(wrapped(hook.aget_conversation(GROUP), number, seen))
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            assert (await hook.aget_conversation(GROUP))["data"]
        return isinstance(ended, asyncio.CancelledError)

    number, cancelled = 0, True
    while cancelled:
        number += 1
        sandbox.reset()
        connect(sandbox, sandbox.grant(expires_in=0), **({} if expires_at == "known" else {"expires_at": None}))
        sandbox.token_faults([{"kind": "rotate-then-delay", "seconds": 0.1}])
        cancelled = asyncio.run(cancel_and_call(number))
        (chain,) = sandbox.chains()
        assert (chain["alive"], chain["refreshes"], chain["reused_dead_token"]) == (True, 1, 0)
    assert number > 3


def test_cancelled_at_any_time(sandbox, connect):
    async def cancel_and_call(seconds):
        async with XChatHook() as hook:
            task = asyncio.create_task(hook.aget_conversation(GROUP))
            await asyncio.sleep(seconds)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        # A hook of its own, as the next task has.
        async with XChatHook() as hook:
            assert (await hook.aget_conversation(GROUP))["data"]

    for step in range(15):
        sandbox.reset()
        connect(sandbox, sandbox.grant(expires_in=0))
        sandbox.token_faults([{"kind": "rotate-then-delay", "seconds": 0.1}])
        asyncio.run(cancel_and_call(step / 50))
        (chain,) = sandbox.chains()
        assert (chain["alive"], chain["refreshes"], chain["reused_dead_token"]) == (True, 1, 0)


def test_an_event_loop_that_ends_during_a_refresh_waits_for_it(sandbox, connect, rotating):
    grant = sandbox.grant(expires_in=0)
    connect(sandbox, grant)
    sandbox.token_faults([{"kind": "rotate-then-delay", "seconds": 0.5}])

    async def leave():
        asyncio.create_task(XChatHook().aget_conversation(GROUP))  # noqa: RUF006  it is to be lost
        while not sandbox.token_requests():  # noqa: ASYNC110  the sandbox sets no event
            await asyncio.sleep(0.01)

    asyncio.run(leave())
    assert not rotating(grant).stored().expires_within(0)


def test_coroutines_that_wait_for_one_refresh_get_its_error_once(sandbox, connect):
    grant = sandbox.grant(expires_in=0)
    connect(sandbox, grant, refresh_token="never-issued")

    async def calls():
        async with XChatHook() as hook:
            return await asyncio.gather(*(hook.aget_conversation(GROUP) for _ in range(10)), return_exceptions=True)

    assert [type(error) for error in asyncio.run(calls())] == [XChatAuthError] * 10
    assert len(sandbox.token_requests()) == 1


def test_the_client_alone_with_rotating_tokens(sandbox, rotating):
    """Without a connection: what a script does that has no Airflow running."""
    with Client(sandbox.url, auth=XChatAuth(rotating(sandbox.grant(expires_in=0)))) as client:
        assert get_chat_conversation.sync_detailed(GROUP, client=client).status_code == 200


class TestConnectionThatChanges:
    """Somebody signs in again while a hook is in use."""

    @pytest.fixture(params=["sync", "async"])
    def called_twice(self, request):
        """A function that calls X, does something, and calls X again with the same hook."""

        def plain(between):
            with XChatHook() as hook:
                hook.get_conversation(GROUP)
                between()
                return hook.get_conversation(GROUP)

        async def coroutine(between):
            async with XChatHook() as hook:
                await asyncio.gather(*(hook.aget_conversation(GROUP) for _ in range(3)))
                between()
                return await asyncio.gather(*(hook.aget_conversation(GROUP) for _ in range(3)))

        return plain if request.param == "sync" else lambda between: asyncio.run(coroutine(between))

    @pytest.mark.parametrize("kind", ["static", "rotating"])
    def test_the_new_sign_in_is_used(self, sandbox, connect, called_twice, kind):
        changes = {"refresh_token": None, "expires_at": None} if kind == "static" else {}
        first = sandbox.grant()
        connect(sandbox, first, **changes)

        def sign_in_again():
            sandbox.expire_access_tokens()
            if kind == "rotating":  # whoever signs in again often has revoked what was there
                TokenEndpoint(sandbox.url, PUBLIC_CLIENT_ID).revoke(first.refresh_token)
            connect(sandbox, sandbox.grant(), **changes)

        called_twice(sign_in_again)
        assert statuses(sandbox).count(401) <= 6
        assert statuses(sandbox)[-1] == 200

    def test_one_that_is_as_it_was_is_asked_with_once(self, sandbox, connect, call):
        connect(sandbox, sandbox.grant(), refresh_token=None, expires_at=None)
        sandbox.expire_access_tokens()
        with pytest.raises(XChatAuthError):
            call()
        assert statuses(sandbox) == [401]
