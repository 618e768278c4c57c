"""What is made of X's limit headers, by a clock of the test's own."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_xchat.limits.headers import MAX_WAIT_SECONDS, RateLimitHeaders, retry_after
from airflow_provider_xchat.limits.window import COUNT_BELOW, Window

NOW = 1_790_000_000.0
DAY = 86_400


def headers(limit=15, remaining=14, reset=NOW + 600, **more):
    given = {"limit": limit, "remaining": remaining, "reset": reset}
    told = {f"x-rate-limit-{name}": str(value) for name, value in given.items() if value is not None}
    return told | {name.replace("_", "-"): str(value) for name, value in more.items()}


def daily(remaining, reset):
    return {"x-user-limit-24hour-limit": "500", "x-user-limit-24hour-remaining": remaining} | {
        "x-user-limit-24hour-reset": str(reset)
    }


def answered(window, told, now=NOW, *, refused=False):
    return window.updated(RateLimitHeaders.from_headers(told, now, refused=refused), now, refused=refused)


def wait(window, now=NOW):
    """Tell for how long a request is kept back; None when it may be sent."""
    until = window.acquire(now)[1]
    return None if until is None else until - now


class TestCounting:
    def test_one_goes_ahead_and_the_others_wait_for_what_it_is_told(self):
        ahead, until = Window().acquire(NOW)
        assert until is None
        assert ahead.is_probing
        assert wait(ahead) == 10
        assert answered(ahead, headers(remaining=14)).left == 14

    def test_another_goes_ahead_when_the_first_does_not_come_back(self):
        ahead, _ = Window().acquire(NOW)
        assert wait(ahead, NOW + 10) is None

    def test_each_takes_one_until_none_is_left(self):
        window = answered(Window().acquire(NOW)[0], headers(remaining=2))
        for _ in range(2):
            window, until = window.acquire(NOW)
            assert until is None
        assert wait(window) == 600

    def test_what_is_under_way_counts_although_x_has_not_seen_it(self):
        window = answered(Window(), headers(remaining=10))
        for _ in range(4):
            window, _ = window.acquire(NOW)
        assert answered(window, headers(remaining=9)).left == 6
        assert answered(window, headers(remaining=3)).left == 3

    def test_the_next_window_is_full(self):
        window = answered(Window(), headers(limit=15, remaining=0))
        window, until = window.acquire(NOW + 600)
        assert (until, window.left) == (None, 14)

    def test_those_beyond_it_wait_for_what_the_first_answer_says_of_its_end(self):
        window = answered(Window(), headers(limit=2, remaining=0))
        for _ in range(2):
            window, until = window.acquire(NOW + 600)
            assert until is None
        assert window.is_awaiting_headers
        assert not window.is_probing
        told = headers(limit=2, remaining=1, reset=NOW + 1400)
        window = answered(window, told, NOW + 601)
        assert not window.is_awaiting_headers
        assert wait(window, NOW + 601) == 799

    def test_a_window_that_began_elsewhere_is_believed(self):
        window = answered(Window(), headers(remaining=1))
        assert answered(window, headers(remaining=12, reset=NOW + 900)).left == 12

    def test_a_late_answer_of_the_window_before_changes_nothing(self):
        window = answered(Window(), headers(remaining=12, reset=NOW + 900))
        assert answered(window, headers(remaining=0, reset=NOW + 60), refused=False).left in (0, 12)
        assert answered(window, headers(remaining=1, reset=NOW + 60)) == window

    def test_without_a_count_nothing_is_counted(self):
        window = answered(Window().acquire(NOW)[0], {})
        assert wait(window) is None
        assert window.has_plenty(NOW)
        assert not window.has_plenty(NOW + MAX_WAIT_SECONDS)

    @pytest.mark.parametrize(("left", "plenty"), [(COUNT_BELOW, False), (COUNT_BELOW + 1, True)])
    def test_plenty(self, left, plenty):
        assert answered(Window(), headers(limit=900, remaining=left)).has_plenty(NOW) is plenty


class TestDay:
    """With the day's headers, a request in flight counts until its response is there."""

    TOLD = headers(limit=900, remaining=800)

    def told(self, left, reset=NOW + 3600):
        return self.TOLD | daily(str(left), reset)

    def test_no_more_are_in_flight_than_are_left(self):
        window = answered(Window(), self.told(2))
        for _ in range(2):
            window, until = window.acquire(NOW)
            assert until is None
        assert wait(window) == 60
        assert window.is_awaiting_headers

    def test_a_response_makes_room_for_the_next_one(self):
        window = answered(Window(), self.told(3))
        for _ in range(3):
            window, _ = window.acquire(NOW)
        window = answered(window.landed(), self.told(2))
        assert wait(window) == 60  # two are left, and two in flight
        window = answered(window.landed(), self.told(2))
        assert wait(window) is None

    def test_one_without_a_response_is_not_taken_from_the_day(self):
        window = answered(Window(), self.told(1)).acquire(NOW)[0]
        assert wait(window) == 60
        assert wait(window.landed()) is None

    def test_those_that_are_lost_are_forgotten(self):
        window = answered(Window(), self.told(1)).acquire(NOW)[0]
        assert wait(window, NOW + 60) is None

    def test_late_responses_and_those_of_another_limit_raise_nothing(self):
        window = answered(answered(Window(), self.told(5)), self.told(6))
        assert window.day_left == 5
        assert answered(window, self.told(6, NOW + 60)).day_left == 5
        assert answered(window, self.told(4, NOW + 60)).day_left == 4

    def test_the_next_day_is_another_one(self):
        window = answered(Window(), self.told(1)).acquire(NOW)[0]
        assert wait(window, NOW + 3600) is None
        assert answered(window, self.told(500, NOW + 90_000), NOW + 3600).day_left == 500

    @pytest.mark.parametrize(("left", "plenty"), [(COUNT_BELOW, False), (COUNT_BELOW + 1, True)])
    def test_few_are_counted_one_by_one(self, left, plenty):
        assert answered(Window(), self.told(left)).has_plenty(NOW) is plenty

    def test_two_processes_keep_the_lower_count(self):
        mine, theirs = answered(Window(), self.told(3)), answered(Window(), self.told(5))
        assert mine.merged(theirs).day_left == theirs.merged(mine).day_left == 3


class TestWaiting:
    @pytest.mark.parametrize(
        ("told", "seconds"),
        [
            (headers(remaining=0), 600),
            (headers(remaining=0, reset=NOW + 90 * 60), 840),
            (headers(remaining=0, reset=10**15), 840),
            (headers(remaining=0, reset=None, retry_after=7), 7),
            (headers(remaining=None, limit=None, reset=None, retry_after=7), 7),
            (headers(remaining=None, limit=None, reset=None, retry_after=10**9), 840),
            (headers(remaining=0, retry_after=700), 700),
            (headers(remaining=5, retry_after=3), 3),
            (headers(remaining=5) | daily("0", NOW + 3 * 3600), 3 * 3600),
            (headers(remaining=5) | daily("0", NOW + 3 * DAY), 840),
            # By X's own clock, where it tells the time.
            (headers(remaining=0, reset=NOW - 300, date=formatdate(NOW - 400)), 100),
            (headers(remaining=0, reset=NOW + 4000, date=formatdate(NOW + 3900)), 100),
        ],
    )
    def test_after_a_refusal(self, told, seconds):
        assert wait(answered(Window(), told, refused=True)) == pytest.approx(seconds)

    @pytest.mark.parametrize("told", [headers(remaining=0), headers(remaining=5) | daily("0", NOW + 600)])
    def test_before_one(self, told):
        assert wait(answered(Window(), told)) == 600

    def test_an_answer_that_was_under_way_opens_nothing(self):
        refused = answered(Window(), headers(remaining=0), refused=True)
        assert wait(answered(refused, headers(remaining=3))) == 600
        assert wait(answered(refused, {})) == 600


NONSENSE = ["", "soon", "nan", "inf", "-5", "0", str(NOW - 1), "1e400", None]


class TestWithoutAUsableReset:
    @pytest.mark.parametrize("reset", NONSENSE)
    def test_waits_grow_and_come_to_an_end(self, reset):
        window, now, waits = Window(), NOW, []
        told = headers(remaining=0, reset=reset)
        while not window.has_given_up(now):
            window = answered(window, told, now, refused=True)
            waits.append(wait(window, now))
            now += waits[-1]
        assert waits == [15, 15, 30, 60, 120, 240, 420]
        assert sum(waits) == MAX_WAIT_SECONDS

    def test_a_success_begins_anew(self):
        told = headers(remaining=0, reset=None)
        window = answered(Window(), told, refused=True)
        window = answered(window, headers(), NOW + 15)
        assert wait(answered(window, told, NOW + 899, refused=True), NOW + 899) == 15

    def test_so_does_a_long_time_without_requests(self):
        told = headers(remaining=0, reset=None)
        window = answered(Window(), told, refused=True)
        assert not window.has_given_up(NOW + DAY)
        assert wait(answered(window, told, NOW + DAY, refused=True), NOW + DAY) == 15

    def test_one_that_is_open_is_not_closed_by_nonsense(self):
        assert wait(answered(Window(), headers(remaining=4, reset="soon"))) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("0.5", 0.5),
        (formatdate(NOW + 60, usegmt=True), 60),
        ("99999", 840),
        ("-1", None),
        ("x", None),
    ],
)
def test_retry_after(text, seconds):
    found = retry_after({"retry-after": text}, NOW)
    assert found == (None if seconds is None else pytest.approx(NOW + seconds))


ANY = st.none() | st.text(max_size=12) | st.integers().map(str) | st.floats().map(str)
NAMES = ["x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset", "retry-after", "date"]
NAMES += [f"x-user-limit-24hour-{name}" for name in ("limit", "remaining", "reset")]


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(told=st.dictionaries(st.sampled_from(NAMES), ANY), refused=st.booleans(), left=st.none() | st.integers(0, 99))
def test_whatever_is_told_nobody_waits_for_ever(told, refused, left):
    given = {name: value for name, value in told.items() if value is not None}
    before = Window(limit=15, left=left, ends_at=NOW + 60, is_reported=True)
    window = answered(before, given, refused=refused)
    assert Window.from_json(window.to_json(NOW), NOW) == window
    limited = {name: value for name, value in given.items() if "24hour" not in name}
    for each, longest in ((window, DAY + 60), (answered(before, limited, refused=refused), MAX_WAIT_SECONDS)):
        assert (wait(each) or 0) <= longest + 5
        if refused:
            assert wait(each) > 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        '{"left": "x"}',
        '{"more": 1}',
        '{"left": NaN}',
        '{"ends_at": 1e300}',
        '{"written_at": "x"}',
        None,
    ],
)
def test_what_somebody_else_wrote_is_not_believed(text):
    assert Window.from_json(text, NOW) == Window()


@pytest.mark.parametrize(("ahead", "seconds"), [(0, 600), (3, 603), (3 * 3600, 600), (-3, 597)])
def test_a_clock_that_is_ahead_makes_nobody_wait_longer(ahead, seconds):
    written = Window(limit=15, left=0, ends_at=NOW + ahead + 600, is_reported=True).to_json(NOW + ahead)
    read = Window.from_json(written, NOW)
    assert wait(read) == pytest.approx(seconds)


def test_no_older_count_of_the_same_window_is_taken_over():
    mine, older = (Window(limit=100, left=left, ends_at=NOW + 60, is_reported=True) for left in (64, 99))
    assert mine.merged(older) == mine
    assert mine.merged(Window(limit=100, left=99, ends_at=NOW + 600, is_reported=True)).left == 99
    assert mine.merged(Window(limit=100, left=3, ends_at=NOW + 60, is_reported=True)).left == 3
