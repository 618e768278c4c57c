"""Whatever a success holds, it stays readable: typed where it fits, raw where it does not, and lossless always."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from xchat_client.models import GetChatConversationResponse
from xchat_client.types import UNSET

pytestmark = [pytest.mark.contract, pytest.mark.typed]

WHOLE = {
    "data": [
        {
            "id": "g1",
            "type": "group",
            "group_name": "Crew",
            "admin_ids": ["1"],
            "participant_ids": ["1", "2"],
            "is_muted": False,
            "updated_at": "2026-01-02T03:04:05.000Z",
        }
    ],
    "includes": {
        "users": [{"id": "1", "name": "A", "username": "a"}, {"id": "2", "name": "B", "username": "b"}],
        "topics": [{"id": "5", "name": "Technology"}],
    },
    "meta": {"result_count": 1, "has_more": False},
}


@pytest.fixture
def parsed(wire, get, connect):
    def read(body, **answer):
        wire.says(answer.pop("status", 200), body, **answer)
        answer = get("1", client=connect())
        assert answer.content == (body if isinstance(body, bytes) else json.dumps(body).encode())
        return answer.parsed

    return read


def changed(path, value):
    """Give WHOLE with another value at a path; the value may be ``del`` to take the member out."""
    body = copy.deepcopy(WHOLE)
    node = body
    for key in path[:-1]:
        node = node[key]
    if value is del_:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return body


del_ = object()


def test_a_whole_answer_becomes_models(parsed):
    answer = parsed(WHOLE)
    assert isinstance(answer, GetChatConversationResponse)
    (conversation,) = answer.data
    assert (conversation.id, conversation.type_, conversation.admin_ids) == ("g1", "group", ["1"])
    assert [user.username for user in answer.includes.users] == ["a", "b"]
    assert answer.to_dict() == WHOLE


def test_data_may_be_one_object(parsed):
    answer = parsed({**WHOLE, "data": WHOLE["data"][0]})
    assert answer.data.id == "g1"
    assert answer.to_dict() == {**WHOLE, "data": WHOLE["data"][0]}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("data", 0, "type"), "broadcast"),  # an unknown enum value
        (("data", 0, "brand_new"), {"a": [1]}),  # an unknown member
        (("brand_new",), [None]),
        (("data", 0, "group_name"), None),
        (("data", 0, "admin_ids"), None),
        (("data", 0, "admin_ids"), {"1": True}),  # an object for an array
        (("data", 0, "admin_ids"), "1"),
        (("data", 0, "id"), 17),  # a number for a text
        (("data", 0, "id"), del_),  # a required member left out
        (("data",), None),
        (("data",), "nothing"),
        (("data",), [None]),
        (("data",), [[WHOLE["data"][0]]]),
        (("data",), [WHOLE["data"][0], 5]),
        (("data",), {}),
        (("data",), []),
        (("includes",), []),  # an array for an object
        (("includes",), [["users", []]]),
        (("includes",), None),
        (("includes", "users"), {"1": {"id": "1"}}),
        (("includes", "users"), {}),
        (("includes", "users"), None),
        (("includes", "users"), ""),
        (("includes", "users", 0), None),
        (("includes", "users", 0), ["id"]),
        (("includes", "users", 0), {"id": "1"}),  # required members left out
        (("includes", "users", 0, "created_at"), "Wed Jan 06 18:40:40 +0000 2021"),  # a bad date
        (("includes", "users", 0, "created_at"), 1609958440),
        (("includes", "users", 0, "created_at"), None),
        (("includes", "users", 0, "public_metrics"), []),
        (("includes", "users", 0, "connection_status"), ["following", "brand_new"]),
        (("includes", "users", 0, "withheld"), {"country_codes": "DE"}),
        (("includes", "posts"), [{"id": "9"}]),
        (("errors",), {"title": "an object for an array"}),
        (("errors",), [{"type": "about:blank", "title": "Oops", "status": "x", "brand_new": None}]),
        (("errors",), [None, "text"]),
        (("meta",), []),
        (("meta",), "x"),
        (("meta", "result_count"), "one"),
    ],
)
def test_what_does_not_fit_keeps_the_answer_readable_and_whole(parsed, path, value):
    body = changed(path, value)
    answer = parsed(body)
    assert isinstance(answer, GetChatConversationResponse)
    assert answer.to_dict() == body
    if path[0] != "data":  # what is beside the misfit stays typed
        assert answer.data[0].id == "g1"
    if path[0] != "includes":
        assert answer.includes.users[1].username == "b"


def test_a_misfit_stands_under_its_own_name_and_the_attribute_is_unset(parsed):
    user = parsed(changed(("includes", "users", 0, "created_at"), "yesterday")).includes.users[0]
    assert user.created_at is UNSET
    assert user["created_at"] == "yesterday"
    assert user.username == "a"


@pytest.mark.parametrize("text", ["2013-12-14T04:35:55.000Z", "2013-12-14T04:35:55Z", "2013-12-14T05:35:55+01:00"])
def test_a_date_is_written_as_it_was_read(parsed, text):
    body = changed(("includes", "users", 0, "created_at"), text)
    answer = parsed(body)
    assert answer.includes.users[0].created_at.timestamp() == 1386995755
    for again in (answer, copy.deepcopy(answer), pickle.loads(pickle.dumps(answer))):
        assert again.to_dict() == body


def test_dates_that_are_dates_are_read(parsed):
    user = parsed(changed(("includes", "users", 0, "created_at"), "2013-12-14T04:35:55.000Z")).includes.users[0]
    assert user.created_at.isoformat() == "2013-12-14T04:35:55+00:00"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{", b"null", b"[]", b"5", b'"text"', b"\xff\xfe\x00", b"[" * 100_000, b'{"data": [' * 50_000],
    ids=lambda body: repr(body[:12]),
)
@pytest.mark.parametrize("content_type", ["application/json", "text/html", None])
def test_a_body_that_is_no_such_object_has_no_model_and_does_not_raise(parsed, body, content_type):
    assert parsed(body, content_type=content_type) is None


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_any_2xx_is_a_success(wire, mark, status, connect):
    wire.says(status, {"data": {"success": True}})
    answer = mark("1", client=connect())
    assert answer.status_code == status
    assert answer.parsed.data.success is True


def test_a_good_answer_with_an_unknown_problem_keeps_both(parsed):
    problem = {"type": "about:blank", "title": "New", "detail": "d", "status": 418, "extra": [1]}
    answer = parsed({**WHOLE, "errors": [problem]})
    assert answer.data[0].id == "g1"
    assert answer.errors[0].title == "New"
    assert answer.errors[0]["extra"] == [1]


def test_what_the_document_had_before_is_kept_as_it_is(parsed):
    old = {"id": "g1", "message_ttl_msec": "86400000", "created_at": "Wed Jan 06 18:40:40 +0000 2021"}
    body = {"data": [old], "includes": {"tweets": [{"id": "9"}], "media": [{"media_key": "1"}]}}
    answer = parsed(body)
    assert answer.to_dict() == body
    assert answer.includes["tweets"] == [{"id": "9"}]


def test_unset_survives_copies_and_pickle():
    user = GetChatConversationResponse.from_dict({"includes": {"users": [{"name": "n"}]}}).includes.users[0]
    for other in (copy.copy(user), copy.deepcopy(user), pickle.loads(pickle.dumps(user))):
        assert other == user
        assert other.username is UNSET
    assert not UNSET and repr(UNSET) == "UNSET"
