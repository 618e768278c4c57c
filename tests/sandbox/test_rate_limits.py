import math
import time
from collections.abc import Callable

import httpx
import pytest

from xchat_sandbox import FORBIDDEN_GROUP_ID, GROUP_ID, Sandbox, create_app, running_sandbox

BODY = {"seen_until_sequence_id": "1"}


def quota(answer: httpx.Response) -> tuple[int, int]:
    return int(answer.headers["x-rate-limit-limit"]), int(answer.headers["x-rate-limit-remaining"])


def test_every_answer_of_the_operations_tells_the_quota(sandbox: Sandbox, client: httpx.Client) -> None:
    before = time.time()
    answers = [client.get(GROUP_ID), client.get("77"), client.get(FORBIDDEN_GROUP_ID), client.get("abc")]
    assert [answer.status_code for answer in answers] == [200, 404, 403, 400]
    assert [quota(answer) for answer in answers] == [(900, 899), (900, 898), (900, 897), (900, 896)]
    assert len({answer.headers["x-rate-limit-reset"] for answer in answers}) == 1
    reset_at = int(answers[0].headers["x-rate-limit-reset"])
    assert math.ceil(before + 900) <= reset_at <= math.ceil(time.time() + 900)
    refused = httpx.get(f"{sandbox.url}/2/chat/conversations/{GROUP_ID}")
    assert refused.status_code == 401
    assert quota(refused) == (900, 900)


def test_tokens_and_operations_are_counted_apart(
    sandbox: Sandbox, client: httpx.Client, connect: Callable[..., httpx.Client]
) -> None:
    assert quota(client.get(GROUP_ID)) == (900, 899)
    assert quota(client.get("900000001")) == (900, 898)
    assert quota(client.post(f"{GROUP_ID}/read", json=BODY)) == (900, 899)
    assert quota(connect(sandbox, "sandbox-read-only-token").get(GROUP_ID)) == (900, 899)


def test_over_the_limit_requests_are_refused_until_the_window_ends(
    connect: Callable[..., httpx.Client],
) -> None:
    with running_sandbox(rate_limit=2, rate_window=1) as sandbox:
        client = connect(sandbox)
        answers = [client.get(GROUP_ID) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        assert [quota(answer) for answer in answers] == [(2, 1), (2, 0), (2, 0), (2, 0)]
        problem = answers[2].json()
        assert problem["type"].endswith("/rate-limit-exceeded")
        assert (problem["title"], problem["status"]) == ("Too Many Requests", 429)
        assert answers[2].headers["content-type"] == "application/problem+json"
        # The header tells the truth: at the very second it names, requests are answered again.
        reset_at = int(answers[3].headers["x-rate-limit-reset"])
        assert answers[0].headers["x-rate-limit-reset"] == str(reset_at)
        assert 0 < reset_at - time.time() <= 2
        time.sleep(max(0, reset_at - time.time()))
        answer = client.get(GROUP_ID)
        assert (answer.status_code, quota(answer)) == (200, (2, 1))
        assert int(answer.headers["x-rate-limit-reset"]) > reset_at


def test_a_refused_request_changes_nothing(connect: Callable[..., httpx.Client]) -> None:
    with running_sandbox(rate_limit=1) as sandbox:
        client = connect(sandbox)
        assert client.post(f"{GROUP_ID}/read", json=BODY).status_code == 200
        assert client.post(f"{GROUP_ID}/read", json={"seen_until_sequence_id": "9"}).status_code == 429
        assert sandbox.read_marks() == {GROUP_ID: "1"}
        sandbox.reset()
        assert client.post(f"{GROUP_ID}/read", json=BODY).status_code == 200


def test_a_limit_of_nothing_refuses_everything(connect: Callable[..., httpx.Client]) -> None:
    with running_sandbox(rate_limit=0) as sandbox:
        answer = connect(sandbox).get(GROUP_ID)
        assert (answer.status_code, quota(answer)) == (429, (0, 0))


def test_control_endpoints_and_unknown_paths_are_not_limited(sandbox: Sandbox) -> None:
    for path in ("/_sandbox/requests", "/nowhere"):
        assert "x-rate-limit-limit" not in httpx.get(f"{sandbox.url}{path}").headers


@pytest.mark.parametrize(("limit", "window"), [(-1, 1), (1, 0), (1, -5), (1, math.inf), (1, math.nan)])
def test_limits_out_of_range_are_refused(limit: int, window: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        create_app(rate_limit=limit, rate_window=window)


def daily_quota(answer: httpx.Response) -> tuple[int, int]:
    headers = answer.headers
    return int(headers["x-user-limit-24hour-limit"]), int(headers["x-user-limit-24hour-remaining"])


def test_there_is_no_daily_limit_unless_it_is_asked_for(client: httpx.Client) -> None:
    assert not [name for name in client.get(GROUP_ID).headers if name.startswith("x-user-limit")]


def test_a_daily_limit_outlasts_the_window(connect: Callable[..., httpx.Client]) -> None:
    with running_sandbox(rate_limit=2, rate_window=1, daily_limit=3, daily_window=2) as sandbox:
        client = connect(sandbox)
        answers = [client.get(GROUP_ID) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        # What one window refuses is not counted in the other.
        assert [daily_quota(answer) for answer in answers] == [(3, 2), (3, 1), (3, 1)]
        time.sleep(max(0, int(answers[0].headers["x-rate-limit-reset"]) - time.time()))
        answers = [client.get(GROUP_ID) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]
        assert [quota(answer) for answer in answers] == [(2, 1), (2, 1)]
        assert [daily_quota(answer) for answer in answers] == [(3, 0), (3, 0)]
        assert answers[1].json()["type"].endswith("/rate-limit-exceeded")
        reset_at = int(answers[1].headers["x-user-limit-24hour-reset"])
        assert str(reset_at) in answers[1].json()["detail"]
        assert client.post(f"{GROUP_ID}/read", json=BODY).status_code == 200
        time.sleep(max(0, reset_at - time.time()))
        assert daily_quota(client.get(GROUP_ID)) == (3, 2)


def test_a_day_is_a_day_long(connect: Callable[..., httpx.Client]) -> None:
    with running_sandbox(daily_limit=5) as sandbox:
        for answer in (connect(sandbox).get(GROUP_ID), httpx.get(f"{sandbox.url}/2/chat/conversations/{GROUP_ID}")):
            assert 86398 < int(answer.headers["x-user-limit-24hour-reset"]) - time.time() <= 86401
        assert daily_quota(answer) == (5, 5)


@pytest.mark.parametrize(("limit", "window"), [(-1, 1), (1, 0), (1, math.nan)])
def test_daily_limits_out_of_range_are_refused(limit: int, window: float) -> None:
    with pytest.raises(ValueError, match="daily"):
        create_app(daily_limit=limit, daily_window=window)
