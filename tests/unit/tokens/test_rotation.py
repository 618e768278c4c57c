"""What a refresh does when all goes well, when it does not, and when nobody knows."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from airflow_provider_xchat.exceptions import (
    XChatAPIError,
    XChatAuthError,
    XChatConnectionError,
    XChatRateLimitError,
    XChatServerError,
    XChatTokenLostError,
    XChatTokenStoreError,
)
from airflow_provider_xchat.tokens import Token
from xchat_sandbox import CONFIDENTIAL_CLIENT_ID, running_sandbox

SIGN_IN = "To sign in again: xchat login --conn-id the_conn"


class RegisterStore:
    """A store of a user's own, without a lock; it fails when it is told to, and says what was done with it."""

    def __init__(self):
        self.texts = {}
        self.done = []
        self.failing = {}
        self.forgets = self.repeats = False

    def load(self, key):
        self._do("load", key)
        return self.texts.get(key)

    def save(self, key, value):
        self._do("save", key)
        if self.repeats:
            raise ValueError(f"cannot write {value}")
        if not self.forgets:
            self.texts[key] = value

    def delete(self, key):
        self._do("delete", key)
        self.texts.pop(key, None)

    def _do(self, operation, key):
        name = f"{operation} {'lease' if key.endswith('_lease') else 'token'}"
        self.done.append(name)
        if self.failing.get(name, 0) > 0:
            self.failing[name] -= 1
            raise ConnectionError("the store is down")


class LockingStore(RegisterStore):
    """One with a lock."""

    def __init__(self):
        super().__init__()
        self.mutex = threading.Lock()

    @contextmanager
    def lock(self, key, timeout):
        self.done.append("lock")
        if not self.mutex.acquire(timeout=min(timeout, 0.2)):
            raise TimeoutError("somebody else has it")
        try:
            yield
        finally:
            self.done.append("unlock")
            self.mutex.release()


@pytest.fixture
def register():
    return RegisterStore()


@pytest.fixture
def locking():
    return LockingStore()


def statuses(sandbox):
    return [request["status"] for request in sandbox.token_requests()]


def chain(sandbox):
    (only,) = sandbox.chains()
    return only


def test_a_refresh_gives_the_next_token(sandbox, rotating):
    grant = sandbox.grant(expires_in=0)
    token = rotating(grant).current()
    assert token.access_token != grant.access_token
    assert token.refresh_token != grant.refresh_token
    assert 7190 < token.expires_at - time.time() <= 7200
    assert set(token.scope.split()) == set(grant.scopes)
    assert abs(token.rotated_at - time.time()) < 10
    assert statuses(sandbox) == [200]


def test_it_is_saved_before_it_is_used(sandbox, rotating, locking):
    tokens = rotating(sandbox.grant(expires_in=0), locking)
    token = tokens.current()
    assert locking.done == ["load token", "load token", "lock", "load token", "save token", "load token", "unlock"]
    assert rotating(sandbox.grant(), locking).stored() != token  # of another grant
    assert tokens.stored() == token


def test_a_store_without_a_lock_gets_a_lease(sandbox, rotating, register):
    rotating(sandbox.grant(expires_in=0), register).current()
    assert register.done == [
        *["load token", "load token"],
        *["load lease", "save lease", "load lease", "load token"],
        *["save token", "load token"],
        *["load lease", "save lease"],
    ]


def test_a_lock_that_others_hold(sandbox, rotating, locking):
    tokens = rotating(sandbox.grant(expires_in=0), locking)
    with locking.mutex, pytest.raises(XChatTokenStoreError, match=r"cannot be locked: TimeoutError: somebody else"):
        tokens.current()
    assert statuses(sandbox) == []
    assert tokens.current().access_token


@pytest.mark.parametrize(
    ("client", "secret", "authentication"),
    [
        ("sandbox-public-client", None, "body"),
        (CONFIDENTIAL_CLIENT_ID, "sandbox-client-secret", "basic"),
    ],
)
def test_both_kinds_of_clients(sandbox, rotating, client, secret, authentication):
    grant = sandbox.grant(client_id=client, expires_in=0)
    rotating(grant, client_id=client, client_secret=secret).current()
    (request,) = sandbox.token_requests()
    assert (request["client_id"], request["client_authentication"]) == (client, authentication)


def test_a_secret_with_characters_of_its_own(rotating):
    from xchat_sandbox import Client

    client = Client("an id:1", "s%ec+r:et &é")
    with running_sandbox(clients=[client]) as sandbox:
        grant = sandbox.grant(client_id=client.client_id, expires_in=0)
        tokens = rotating(grant, url=sandbox.url, client_id=client.client_id, client_secret=client.client_secret)
        tokens.current()
        assert statuses(sandbox) == [200]


@pytest.mark.parametrize("error", ["invalid_request", "invalid_grant"])
def test_a_dead_refresh_token(rotating, error):
    with running_sandbox(strict=True, dead_grant_error=error) as sandbox:
        grant = sandbox.grant(expires_in=0)
        tokens = rotating(grant, url=sandbox.url, refresh_token="never-issued")
        with pytest.raises(XChatAuthError) as caught:
            tokens.current()
        assert (statuses(sandbox), caught.value.status, caught.value.conn_id) == ([400], 400, "the_conn")
    said = str(caught.value)
    assert said.startswith(f"X answered 400 to POST /2/oauth2/token: {error}: ")
    assert said.endswith(f"The refresh token is used up, revoked or expired. {SIGN_IN}")


def test_a_dead_refresh_token_of_which_somebody_saves_the_next(sandbox, rotating, store, key_of):
    """Somebody who does not wait for others: an older version, or a person with curl."""
    grant = sandbox.grant(expires_in=0)
    tokens = rotating(grant, refresh_token="never-issued")
    newer = Token("newer-access-token", "newer-refresh-token", time.time() + 7200)

    def save():
        while not sandbox.token_requests():
            time.sleep(0.01)
        time.sleep(0.7)
        store.save(key_of(grant, refresh_token="never-issued"), newer.to_json())

    somebody = threading.Thread(target=save)
    somebody.start()
    assert tokens.current() == newer
    somebody.join()


@pytest.mark.parametrize("status", [400, 401])
def test_a_client_that_x_does_not_take(sandbox, rotating, wire, status):
    wire.says(status, {"error": "invalid_client", "error_description": "Who is that?"})
    with pytest.raises(XChatAuthError, match=r"invalid_client: Who is that.*client secret: correct them.*login"):
        rotating(sandbox.grant(expires_in=0), url=wire.url).current()


class TestOutcomeUnknown:
    """X failed, or did not answer: nobody knows whether the refresh token is used up."""

    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "status", "status": 503},
            {"kind": "drop-before"},
            {"kind": "body", "body": "<html>Back soon</html>"},
        ],
    )
    def test_a_token_that_is_still_good_is_used(self, sandbox, rotating, fault):
        grant = sandbox.grant(expires_in=200)
        sandbox.token_faults([fault])
        tokens = rotating(grant)
        assert tokens.current().access_token == grant.access_token
        # Not with each request: the next try is a minute away.
        assert tokens.current().access_token == grant.access_token
        assert tokens.ready().access_token == grant.access_token
        assert len(statuses(sandbox)) == 1

    @pytest.mark.parametrize("fault", [{"kind": "rotate-then-drop"}, {"kind": "rotate-then-delay", "seconds": 1}])
    def test_a_token_that_is_still_good_is_used_also_when_the_next_one_is_lost(self, sandbox, rotating, fault):
        grant = sandbox.grant(expires_in=200)
        sandbox.token_faults([fault])
        assert rotating(grant, timeout=0.5).current().access_token == grant.access_token
        assert chain(sandbox)["alive"]
        assert chain(sandbox)["reused_dead_token"] == 0

    @pytest.mark.parametrize(
        "fault", [{"kind": "rotate-then-drop"}, {"kind": "status", "status": 500}, {"kind": "body", "body": "<html>"}]
    )
    def test_no_process_tries_again_while_there_is_something_to_lose(self, sandbox, rotating, fault):
        """A second use of a dead refresh token would end the access token, too, and it may be dead."""
        grant = sandbox.grant(expires_in=4)
        sandbox.token_faults([fault])
        began = time.time()
        tokens = rotating(grant, expires_at=began + 4)
        for others in (tokens, rotating(grant), rotating(grant)):
            assert others.current().access_token == grant.access_token
        with pytest.raises(XChatConnectionError, match="the response to its last refresh was lost"):
            rotating(grant).valid_for(5000)
        assert len(statuses(sandbox)) == 1
        assert (chain(sandbox)["alive"], chain(sandbox)["reused_dead_token"]) == (True, 0)
        time.sleep(max(0.0, began + 4.1 - time.time()))
        if fault["kind"] == "rotate-then-drop":
            with pytest.raises(XChatAuthError, match=SIGN_IN):
                rotating(grant).current()
        else:
            assert rotating(grant).current().access_token != grant.access_token
            assert not rotating(grant).stored().refresh_outcome_unknown

    def test_nor_does_one_that_was_waiting(self, sandbox, rotating):
        grant = sandbox.grant(expires_in=200)
        sandbox.token_faults([{"kind": "rotate-then-delay", "seconds": 1}])
        with ThreadPoolExecutor(4) as executor:
            said = list(executor.map(lambda _: rotating(grant, timeout=0.5).current().access_token, range(4)))
        assert said == [grant.access_token] * 4
        assert len(statuses(sandbox)) == 1
        assert (chain(sandbox)["alive"], chain(sandbox)["reused_dead_token"]) == (True, 0)

    def test_a_token_in_doubt_that_x_refuses_is_tried(self, sandbox, rotating):
        grant = sandbox.grant(expires_in=200)
        sandbox.token_faults([{"kind": "status", "status": 500}])
        tokens = rotating(grant)
        assert tokens.replace(tokens.current()).access_token != grant.access_token
        assert len(statuses(sandbox)) == 2

    @pytest.mark.parametrize("fault", [{"kind": "status", "status": 503}, {"kind": "status", "status": 429}])
    def test_what_x_has_not_handled_leaves_no_doubt(self, sandbox, rotating, fault):
        grant = sandbox.grant(expires_in=200)
        sandbox.token_faults([fault])
        assert rotating(grant).current().access_token == grant.access_token
        assert rotating(grant).current().access_token != grant.access_token

    @pytest.mark.parametrize("fault", [{"kind": "status", "status": 502}, {"kind": "drop-before"}])
    def test_with_nothing_to_lose_it_is_tried_again(self, sandbox, rotating, fault):
        sandbox.token_faults([fault])
        assert rotating(sandbox.grant(expires_in=0)).current().access_token
        assert len(statuses(sandbox)) == 2
        assert (chain(sandbox)["alive"], chain(sandbox)["refreshes"]) == (True, 1)

    def test_what_somebody_has_saved_meanwhile_is_taken_before_it_is_tried_again(
        self, sandbox, rotating, store, key_of
    ):
        grant = sandbox.grant(expires_in=0)
        sandbox.token_faults([{"kind": "status", "status": 500}])
        tokens, newer = rotating(grant), Token("newer-access-token", "newer-refresh-token", time.time() + 7200)

        def save():
            while not sandbox.token_requests():
                time.sleep(0.01)
            store.save(key_of(grant), newer.to_json())

        somebody = threading.Thread(target=save)
        somebody.start()
        assert tokens.current() == newer
        somebody.join()
        assert len(statuses(sandbox)) == 1

    def test_when_it_was_lost_indeed_there_is_one_clear_error(self, sandbox, rotating):
        sandbox.token_faults([{"kind": "rotate-then-drop"}])
        with pytest.raises(XChatAuthError, match=SIGN_IN):
            rotating(sandbox.grant(expires_in=0)).current()

    def test_when_x_stays_down_the_error_is_x_s(self, sandbox, rotating):
        sandbox.token_faults([{"kind": "status", "status": 503}] * 3)
        with pytest.raises(XChatServerError, match="X answered 503 to POST /2/oauth2/token"):
            rotating(sandbox.grant(expires_in=0)).current()
        assert statuses(sandbox) == [503] * 3
        assert chain(sandbox)["alive"]

    def test_nobody_listens(self, sandbox, rotating):
        with pytest.raises(
            XChatConnectionError, match=r"no complete response to POST /2/oauth2/token from http.*: ConnectError"
        ):
            rotating(sandbox.grant(expires_in=0), url="http://127.0.0.1:1").current()


def test_too_many_refreshes(sandbox, rotating):
    fault = {"kind": "status", "status": 429, "headers": {"x-rate-limit-reset": "1800000000"}}
    sandbox.token_faults([fault])
    with pytest.raises(XChatRateLimitError) as caught:
        rotating(sandbox.grant(expires_in=0)).current()
    assert caught.value.reset_at.timestamp() == 1_800_000_000
    assert statuses(sandbox) == [429]


def test_a_rate_limit_that_is_soon_over_is_waited_for(sandbox, rotating):
    sandbox.token_faults([{"kind": "status", "status": 429, "headers": {"retry-after": "2"}}])
    began = time.monotonic()
    assert rotating(sandbox.grant(expires_in=0)).current().rotated_at
    assert time.monotonic() - began >= 2
    assert statuses(sandbox) == [429, 200]


def test_a_rate_limit_that_lasts_says_when_to_come_back(sandbox, rotating):
    sandbox.token_faults([{"kind": "status", "status": 429, "headers": {"retry-after": "600"}}])
    with pytest.raises(XChatRateLimitError) as caught:
        rotating(sandbox.grant(expires_in=0)).current()
    assert 500 < caught.value.retry_at.timestamp() - time.time() <= 600
    assert statuses(sandbox) == [429]


def test_an_error_that_is_none_of_oauth(sandbox, rotating, wire):
    wire.says(403, b"<html>Your network was blocked</html>", "text/html")
    with pytest.raises(XChatAPIError, match=r"X answered 403 to POST /2/oauth2/token: .*Your network was blocked"):
        rotating(sandbox.grant(expires_in=0), url=wire.url).current()
    assert len(wire.requests) == 1


class TestStoreDown:
    """The store fails."""

    def test_before_anything_is_sent(self, sandbox, rotating, locking):
        locking.failing["load token"] = 100
        with pytest.raises(XChatTokenStoreError, match=r"\(LockingStore\) cannot be read: ConnectionError: the store"):
            rotating(sandbox.grant(expires_in=0), locking).current()
        assert statuses(sandbox) == []

    def test_a_lease_that_cannot_be_written_now_and_then(self, sandbox, rotating, register):
        register.failing["save lease"] = 2
        assert rotating(sandbox.grant(expires_in=0), register).current().access_token
        assert statuses(sandbox) == [200]

    def test_saving_is_tried_again(self, sandbox, rotating, locking):
        locking.failing["save token"] = 4
        tokens = rotating(sandbox.grant(expires_in=0), locking)
        assert tokens.current() == tokens.stored()
        assert locking.done.count("save token") == 5
        assert statuses(sandbox) == [200]

    def test_in_the_end_it_fails_loudly(self, sandbox, rotating, locking, caplog):
        grant = sandbox.grant(expires_in=0)
        locking.failing["save token"] = 1000
        tokens = rotating(grant, locking, save_for=1)
        with pytest.raises(XChatTokenLostError) as caught:
            tokens.current()
        said = str(caught.value)
        assert said.startswith("X has rotated the token of connection 'the_conn', and the new one could not be saved")
        assert "the token store (LockingStore) cannot be written: ConnectionError: the store is down" in said
        assert said.endswith(f"The old refresh token is used up. {SIGN_IN}")
        assert statuses(sandbox) == [200]  # and it is not tried again, which would end the chain
        assert "sandbox-" not in said.replace("sandbox-public-client", "") + caplog.text
        assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)

    def test_what_could_not_be_saved_is_saved_when_the_store_is_back(self, sandbox, rotating, locking):
        locking.failing["save token"] = 1000
        tokens = rotating(sandbox.grant(expires_in=0), locking, save_for=0.5)
        with pytest.raises(XChatTokenLostError):
            tokens.current()
        locking.failing.clear()
        assert tokens.current() == tokens.stored()
        assert statuses(sandbox) == [200]
        assert chain(sandbox)["reused_dead_token"] == 0

    def test_a_store_that_gives_back_something_else(self, sandbox, rotating, locking):
        locking.forgets = True
        with pytest.raises(XChatTokenLostError, match="it returns another text than the one that was saved"):
            rotating(sandbox.grant(expires_in=0), locking, save_for=0.5).current()

    @pytest.mark.parametrize("text", ["", "not json", "[]", "{}", '{"access_token": 7}', '{"refresh_token": ""}'])
    def test_a_store_that_holds_something_else(self, sandbox, rotating, store, key_of, text):
        grant = sandbox.grant(expires_in=0)
        store.save(key_of(grant), text)
        with pytest.raises(XChatTokenStoreError, match=r"has no token under xchat_token_\w{32}: its value is"):
            rotating(grant).current()
        assert statuses(sandbox) == []

    def test_an_error_that_repeats_the_token(self, sandbox, rotating, locking):
        locking.repeats = True
        with pytest.raises(XChatTokenLostError) as caught:
            rotating(sandbox.grant(expires_in=0), locking, save_for=0.2).current()
        assert "***" in str(caught.value)
        assert "sandbox-" not in str(caught.value)


def test_a_refresh_for_a_token_that_lasts(sandbox, rotating):
    grant = sandbox.grant(expires_in=4000)
    assert rotating(grant).valid_for(3000).access_token == grant.access_token
    token = rotating(grant).valid_for(5000)
    assert token.access_token != grant.access_token
    assert rotating(grant).valid_for(5000) == token
    assert statuses(sandbox) == [200]


def test_a_refresh_for_a_token_that_lasts_says_when_it_fails(sandbox, rotating):
    """A task that is there to refresh has retries of its own, and an alarm."""
    sandbox.token_faults([{"kind": "status", "status": 503}])
    with pytest.raises(XChatServerError):
        rotating(sandbox.grant(expires_in=4000)).valid_for(5000)
    assert statuses(sandbox) == [503]


def test_each_process_has_a_moment_of_its_own(sandbox, rotating):
    """Between 5 and 10 minutes before a token of two hours expires; so none is early, none is late, and some differ."""
    refreshed = {}
    for seconds in (290, 450, 610):
        refreshed[seconds] = set()
        for _ in range(16):
            grant = sandbox.grant(expires_in=seconds)
            refreshed[seconds].add(rotating(grant).current().access_token != grant.access_token)
    assert refreshed == {290: {True}, 450: {True, False}, 610: {False}}


def test_a_task_that_is_timed_out_during_a_refresh_saves_what_comes(sandbox, rotating):
    """Airflow ends a task that takes too long by an exception from a signal, wherever its main thread is."""
    tokens = rotating(sandbox.grant(expires_in=0))
    sandbox.token_faults([{"kind": "rotate-then-delay", "seconds": 1}])

    class TimedOutError(Exception):
        pass

    def time_out(*_):
        raise TimedOutError

    before = signal.signal(signal.SIGALRM, time_out)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(TimedOutError):
            tokens.current()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not tokens.stored().expires_within(0)
    assert tokens.current() == tokens.stored()
    assert statuses(sandbox) == [200]


def test_nothing_of_it_shows_a_secret(sandbox, rotating):
    grant = sandbox.grant(client_id=CONFIDENTIAL_CLIENT_ID, expires_in=0)
    tokens = rotating(grant, client_id=CONFIDENTIAL_CLIENT_ID, client_secret="sandbox-client-secret")
    token = tokens.current()
    shown = repr([tokens, vars(tokens), token, str(token)])
    for secret in (grant.access_token, grant.refresh_token, *token.secrets, "sandbox-client-secret"):
        assert secret not in shown
