"""From an HTTP answer to a dict or an error."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_xchat import exceptions
from airflow_provider_xchat.api.answers import read_conversation, read_mark
from airflow_provider_xchat.exceptions import (
    XChatAnswerError,
    XChatAPIError,
    XChatAuthError,
    XChatBadRequestError,
    XChatConnectionError,
    XChatConversationsError,
    XChatConversationsRefusedError,
    XChatCreditsError,
    XChatError,
    XChatForbiddenError,
    XChatInputError,
    XChatNotFoundError,
    XChatRateLimitError,
    XChatServerError,
    XChatSignInError,
    XChatTokenLostError,
    XChatTokenStoreError,
    XChatTokenStoreUnusableError,
)

REQUEST = "GET /2/chat/conversations/1"
CONVERSATION = {"id": "1", "brand_new": {"a": [1, None, 1.5, 12345678901234567890]}, "group_name": "Ünï"}
PROBLEM_TYPES = "https://api.twitter.com/2/problems/"


@dataclass
class Said:
    """An HTTP answer."""

    status_code: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


pytestmark = pytest.mark.contract


def test_an_answer_comes_out_as_it_came_in():
    body = {"data": [CONVERSATION], "includes": {"users": []}, "meta": {"x": 0}, "brand_new": [None]}
    assert read_conversation(Said(200, copy.deepcopy(body)), REQUEST) == body


def test_data_is_always_a_list():
    assert read_conversation(Said(200, {"data": CONVERSATION}), REQUEST) == {"data": [CONVERSATION]}
    assert read_conversation(Said(200, {"data": []}), REQUEST) == {"data": []}
    assert read_conversation(Said(200, {"data": None}), REQUEST) == {"data": []}
    assert read_conversation(Said(200, {"meta": {"result_count": 0}}), REQUEST)["data"] == []


@pytest.mark.parametrize("data", [CONVERSATION, [CONVERSATION]])
def test_problems_beside_data_are_kept(data):
    errors = [{"type": "about:blank", "title": "Partial", "brand_new": 1}]
    answer = read_conversation(Said(200, {"data": data, "errors": errors}), REQUEST)
    assert answer == {"data": [CONVERSATION], "errors": errors}


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": []}, {"data": {}}])
@pytest.mark.parametrize(
    ("problem", "error", "status"),
    [
        ({"type": PROBLEM_TYPES + "resource-not-found", "title": "Not Found"}, XChatNotFoundError, 404),
        ({"type": PROBLEM_TYPES + "not-authorized-for-resource", "title": "No"}, XChatForbiddenError, 403),
        ({"type": PROBLEM_TYPES + "invalid-request", "title": "Bad"}, XChatBadRequestError, 400),
        ({"type": "about:blank", "title": "Gone", "status": 410}, XChatAPIError, 410),
        ({"type": "about:blank", "title": "Busy", "status": 503}, XChatServerError, 503),
        ({"title": "brand new"}, XChatAPIError, 200),
        ({"code": 88, "message": "Rate limit exceeded"}, XChatAPIError, 200),
    ],
)
def test_problems_in_place_of_data_are_an_error(data, problem, error, status):
    with pytest.raises(error) as caught:
        read_conversation(Said(200, {**data, "errors": [problem]}), REQUEST)
    assert type(caught.value) is error
    assert (caught.value.status, caught.value.problems) == (status, [problem])


def test_an_empty_list_of_problems_is_none():
    assert read_conversation(Said(200, {"errors": []}), REQUEST) == {"errors": [], "data": []}


def test_problems_that_are_no_list_count_all_the_same():
    with pytest.raises(XChatAPIError, match="odd"):
        read_conversation(Said(200, {"errors": {"title": "odd"}}), REQUEST)
    with pytest.raises(XChatAPIError, match="odder"):
        read_conversation(Said(200, {"errors": ["odder"]}), REQUEST)


@pytest.mark.parametrize("status", [200, 201, 204])
@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"null", b"[]", b'"x"', b"[" * 100_000])
def test_a_success_that_is_no_json_object(status, body):
    for read in (read_conversation, read_mark):
        with pytest.raises(XChatAnswerError, match=f"X answered {status} to {REQUEST}") as caught:
            read(Said(status, body, {"content-type": "text/html"}), REQUEST)
        assert caught.value.status == status
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("status", [200, 201])
def test_a_mark_that_x_confirms(status):
    body = {"data": {"success": True}, "errors": [{"title": "beside"}]}
    assert read_mark(Said(status, copy.deepcopy(body)), REQUEST) == body


@pytest.mark.parametrize(
    "data", [{"success": False}, {"success": None}, {"success": "true"}, {}, None, [], [{"success": True}]]
)
def test_a_mark_that_x_does_not_confirm(data):
    with pytest.raises(XChatAPIError, match="not marked as read") as caught:
        read_mark(Said(200, {"data": data}), REQUEST)
    assert caught.value.status == 200


def test_why_a_mark_was_not_set_is_said():
    with pytest.raises(XChatForbiddenError, match="Nope"):
        read_mark(Said(200, {"data": {"success": False}, "errors": [{"title": "Nope", "status": 403}]}), REQUEST)


@pytest.mark.parametrize(
    ("status", "error", "at_once"),
    [
        (400, XChatBadRequestError, True),
        (401, XChatAuthError, True),
        (402, XChatCreditsError, True),
        (403, XChatForbiddenError, True),
        (404, XChatNotFoundError, True),
        (418, XChatAPIError, False),
        (429, XChatRateLimitError, False),
        (500, XChatServerError, False),
        (503, XChatServerError, False),
        (520, XChatServerError, False),
        (302, XChatAPIError, False),
    ],
)
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"type": "about:blank", "title": "A title", "detail": "A detail", "status": 1}, "A title: A detail"),
        ({"title": "Same", "detail": "Same"}, "Same"),
        ({"type": "urn:x"}, "urn:x"),
        ({"errors": [{"code": 89, "message": "Invalid or expired token."}]}, "Invalid or expired token (code 89)."),
        ({"errors": [{"message": "a"}, {"message": "b"}]}, "a; b"),
        ({"code": 7, "message": "flat"}, "flat (code 7)"),
        (b"<html>Bad gateway</html>", "a response that is not JSON: <html>Bad gateway</html>"),
        (b"", "no details"),
        ({}, "no details"),
        ([], "a response that is not JSON: []"),
        (b"\xff", "a response that is not JSON"),
    ],
)
def test_error_answers(status, error, at_once, body, said):
    for read in (read_conversation, read_mark):
        with pytest.raises(XChatError) as caught:
            read(Said(status, body), REQUEST)
        assert type(caught.value) is error
        assert caught.value.status == status
        assert f"X answered {status} to {REQUEST}: {said}" in str(caught.value)
        assert isinstance(caught.value, AirflowFailException) is at_once


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        ({"type": PROBLEM_TYPES + "not-authorized-for-resource"}, "The account that signed in must be in"),
        ({"type": PROBLEM_TYPES + "client-forbidden", "missing_scopes": ["dm.write"]}, "needs the scopes"),
        (
            {"type": PROBLEM_TYPES + "client-forbidden", "title": "Client Forbidden", "reason": "client-not-enrolled"},
            "attached to a project",
        ),
        ({"title": "Forbidden", "reason": "official-client-forbidden"}, "for its own apps"),
        ({"errors": [{"code": 453, "message": "You have a subset"}]}, "access level"),
        ({"errors": [{"code": 326, "message": "To protect our users"}]}, "locked or suspended"),
        ({"code": 64, "message": "suspended"}, "locked or suspended"),
        ({"type": PROBLEM_TYPES + "unsupported-authentication"}, "user access token"),
        ({"type": "about:blank", "title": "Forbidden"}, "needs the scopes"),
        (b"<html>Attention Required! | Cloudflare</html>", "in between"),
        (b"", "in between"),
    ],
)
def test_advice_for_403(body, advice):
    with pytest.raises(XChatForbiddenError) as caught:
        read_conversation(Said(403, body), REQUEST)
    said = str(caught.value)
    assert advice in said
    assert ("needs the scopes" in said) is (advice == "needs the scopes")
    if isinstance(body, dict) and "reason" in body:
        assert f"(reason {body['reason']})" in said


def test_a_long_page_does_not_end_up_in_the_message():
    with pytest.raises(XChatServerError) as caught:
        read_conversation(Said(502, b"x" * 1_000_000), REQUEST)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("header", "reset_at"),
    [
        ("1780000000", datetime(2026, 5, 28, 20, 26, 40, tzinfo=UTC)),
        ("soon", None),
        ("1e99", None),
        ("9" * 30, None),
        ("", None),
    ],
)
def test_a_rate_limit_says_when_it_resets(header, reset_at):
    with pytest.raises(XChatRateLimitError) as caught:
        read_conversation(Said(429, {}, {"x-rate-limit-reset": header}), REQUEST)
    assert caught.value.reset_at == reset_at
    assert ("2026-05-28T20:26:40+00:00" in str(caught.value)) is (reset_at is not None)


def _every_kind(kind: type[XChatError]) -> list[type[XChatError]]:
    return [each for direct in kind.__subclasses__() for each in (direct, *_every_kind(direct))]


ERRORS = [
    XChatInputError("m"),
    XChatConnectionError("m", nothing_sent=True, request=REQUEST, may_pass=False),
    XChatAnswerError("m", 200, request=REQUEST, request_id="r"),
    XChatConversationsError("m", {"1": {"type": "t"}}),
    XChatConversationsRefusedError("m", {"1": {"type": "t"}}),
    XChatSignInError("m"),
    XChatTokenStoreError("m"),
    XChatTokenStoreUnusableError("m"),
    XChatTokenLostError("m", "a_connection"),
    *(
        kind(418, [{"title": "t"}], request=REQUEST, retry_at=datetime(2026, 1, 1, tzinfo=UTC), request_id="r")
        for kind in (XChatAPIError, *_every_kind(XChatAPIError))
    ),
    XChatRateLimitError.unsent(REQUEST, datetime(2026, 1, 1, tzinfo=UTC), is_guess=True),
]


def test_every_error_is_tried():
    assert {type(error) for error in ERRORS} >= {getattr(exceptions, name) for name in exceptions.__all__} - {
        XChatError
    }


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_errors_survive_pickle_and_copy_with_their_facts(error, again):
    if isinstance(error, XChatAuthError):
        error.conn_id, error.is_static = "a_connection", True
    other = again(error)
    assert type(other) is type(error)
    assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))


def test_an_error_comes_out_of_a_process_pool():
    with (
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,
        pytest.raises(XChatTokenLostError, match="xchat login --conn-id a_connection"),
    ):
        pool.submit(_lose_token).result()


def _lose_token() -> None:
    raise XChatTokenLostError("lost.", "a_connection")
