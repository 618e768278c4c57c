import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from xchat_sandbox import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET, Sandbox, running_sandbox

Post = Callable[..., httpx.Response]
Works = Callable[[Sandbox, str], bool]

PUBLIC = "sandbox-public-client"


def chain(sandbox: Sandbox) -> tuple[bool, int, int]:
    ((alive, refreshes, reused),) = (
        (each["alive"], each["refreshes"], each["reused_dead_token"]) for each in sandbox.chains()
    )
    return alive, refreshes, reused


def test_a_refresh_token_is_good_once(sandbox: Sandbox, refresh: Post, works: Works) -> None:
    first = sandbox.grant()
    second = refresh(sandbox, first.refresh_token).json()
    assert refresh(sandbox, first.refresh_token).status_code == 400
    # The record is silent on the older access token; it lives on until it expires.
    assert works(sandbox, first.access_token)
    assert works(sandbox, second["access_token"])
    assert refresh(sandbox, second["refresh_token"]).status_code == 200
    assert chain(sandbox) == (True, 2, 1)


def test_reuse_ends_the_whole_chain_of_a_strict_sandbox(strict_sandbox: Sandbox, refresh: Post, works: Works) -> None:
    other = strict_sandbox.grant()
    first = strict_sandbox.grant()
    second = refresh(strict_sandbox, first.refresh_token).json()
    assert refresh(strict_sandbox, first.refresh_token).status_code == 400
    assert not works(strict_sandbox, first.access_token)
    assert not works(strict_sandbox, second["access_token"])
    assert refresh(strict_sandbox, second["refresh_token"]).status_code == 400
    assert strict_sandbox.chains() == [
        {"client_id": PUBLIC, "alive": True, "refreshes": 0, "reused_dead_token": 0},
        {"client_id": PUBLIC, "alive": False, "refreshes": 1, "reused_dead_token": 2},
    ]
    assert works(strict_sandbox, other.access_token)
    assert refresh(strict_sandbox, other.refresh_token).status_code == 200


def test_a_token_that_never_was_ends_nothing(strict_sandbox: Sandbox, refresh: Post, post_form: Post) -> None:
    grant = strict_sandbox.grant()
    assert refresh(strict_sandbox, "nobody-has-this").status_code == 400
    assert refresh(strict_sandbox, grant.access_token).status_code == 400
    # Nor does another client with it.
    form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}
    basic = f"{CONFIDENTIAL_CLIENT_ID}:{CONFIDENTIAL_CLIENT_SECRET}"
    assert post_form(strict_sandbox, form, basic).status_code == 400
    assert chain(strict_sandbox) == (True, 0, 0)


def test_rotation_can_end_older_access_tokens(refresh: Post, works: Works) -> None:
    with running_sandbox(rotation_ends_access_tokens=True) as sandbox:
        first = sandbox.grant()
        second = refresh(sandbox, first.refresh_token).json()
        assert not works(sandbox, first.access_token)
        assert works(sandbox, second["access_token"])


def test_access_tokens_expire(refresh: Post, works: Works) -> None:
    with running_sandbox(access_token_lifetime=0.5) as sandbox:
        grant = sandbox.grant()
        assert 0 < grant.expires_at - time.time() <= 0.5
        assert works(sandbox, grant.access_token)
        time.sleep(max(0, grant.expires_at - time.time()) + 0.01)
        assert not works(sandbox, grant.access_token)
        second = refresh(sandbox, grant.refresh_token).json()
        assert second["expires_in"] == 1
        assert works(sandbox, second["access_token"])


@pytest.mark.parametrize(("lifetime", "announced"), [(60, 60), (60.9, 60), (0.1, 1)])
def test_the_announced_lifetime_is_a_whole_number(refresh: Post, lifetime: float, announced: int) -> None:
    with running_sandbox(access_token_lifetime=lifetime) as sandbox:
        assert repr(refresh(sandbox, sandbox.grant().refresh_token).json()["expires_in"]) == repr(announced)


def test_all_access_tokens_can_be_ended_at_once(sandbox: Sandbox, refresh: Post, works: Works) -> None:
    grants = [sandbox.grant(), sandbox.grant(), sandbox.grant(expires_in=0)]
    assert sandbox.expire_access_tokens() == 2
    for grant in grants:
        assert not works(sandbox, grant.access_token)
        assert works(sandbox, refresh(sandbox, grant.refresh_token).json()["access_token"])
    assert works(sandbox, "sandbox-token")


def test_revoking_a_refresh_token_ends_the_grant(
    sandbox: Sandbox, post_form: Post, refresh: Post, works: Works
) -> None:
    grant = sandbox.grant()
    form = {"token": grant.refresh_token, "token_type_hint": "refresh_token"}
    answer = post_form(sandbox, form, to="revoke")
    assert (answer.status_code, answer.json()) == (200, {"revoked": True})
    assert answer.headers["cache-control"] == "no-store"
    assert not works(sandbox, grant.access_token)
    assert refresh(sandbox, grant.refresh_token).status_code == 400
    assert not sandbox.chains()[0]["alive"]


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", ""])
def test_revoking_an_access_token_ends_only_that(
    sandbox: Sandbox, post_form: Post, refresh: Post, works: Works, hint: str
) -> None:
    grant = sandbox.grant()
    form = {"token": grant.access_token, "token_type_hint": hint}
    assert post_form(sandbox, form, to="revoke").json() == {"revoked": True}
    assert not works(sandbox, grant.access_token)
    assert works(sandbox, refresh(sandbox, grant.refresh_token).json()["access_token"])


def test_revoking_what_is_not_there_or_of_another_changes_nothing(
    strict_sandbox: Sandbox, post_form: Post, refresh: Post, works: Works
) -> None:
    grant = strict_sandbox.grant()
    second = refresh(strict_sandbox, grant.refresh_token).json()
    foreign = strict_sandbox.grant(client_id=CONFIDENTIAL_CLIENT_ID)
    for token in ("nobody-has-this", grant.refresh_token, foreign.refresh_token, foreign.access_token):
        assert post_form(strict_sandbox, {"token": token}, to="revoke").json() == {"revoked": True}
    assert works(strict_sandbox, second["access_token"])
    assert works(strict_sandbox, foreign.access_token)
    assert [each["alive"] for each in strict_sandbox.chains()] == [True, True]
    answer = post_form(strict_sandbox, {}, to="revoke")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.fixture(params=["strict", "lenient"])
def either(request: pytest.FixtureRequest) -> Iterator[tuple[Sandbox, bool]]:
    strict = request.param == "strict"
    sandbox = request.getfixturevalue("strict_sandbox" if strict else "sandbox")
    return sandbox, strict  # type: ignore[return-value]


def test_of_50_threads_with_the_same_token_one_succeeds(
    either: tuple[Sandbox, bool], refresh: Post, works: Works
) -> None:
    sandbox, strict = either
    grant = sandbox.grant()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: refresh(sandbox, grant.refresh_token), range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 49}
    assert chain(sandbox) == (not strict, 1, 49)
    (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert works(sandbox, winner["access_token"]) is not strict
    assert refresh(sandbox, winner["refresh_token"]).status_code == (400 if strict else 200)


def test_100_requests_at_once_keep_100_chains_apart(strict_sandbox: Sandbox, refresh: Post) -> None:
    grants = [strict_sandbox.grant() for _ in range(100)]

    def refresh_three_times(refresh_token: str | None) -> None:
        for _ in range(3):
            answer = refresh(strict_sandbox, refresh_token)
            assert answer.status_code == 200
            refresh_token = answer.json()["refresh_token"]

    with ThreadPoolExecutor(100) as pool:
        list(pool.map(lambda grant: refresh_three_times(grant.refresh_token), grants))
    expected = {"client_id": PUBLIC, "alive": True, "refreshes": 3, "reused_dead_token": 0}
    assert strict_sandbox.chains() == [expected] * 100
