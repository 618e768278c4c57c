"""Whatever JSON X answers, it comes back as a dict or as one of our errors, and as a model or as None."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xchat_client.api.chat import get_chat_conversation
from xchat_client.types import Response

from airflow_provider_xchat.api import calls
from airflow_provider_xchat.exceptions import XChatError, XChatRateLimitError
from airflow_provider_xchat.limits.headers import RateLimitHeaders
from airflow_provider_xchat.limits.window import Window

NOW = 1_790_000_000.0
FACTS = ("status", "problems", "problem_type", "title", "detail", "request_id", "reset_at", "retry_at")

# Names that the models know, so that wrong values end up where they hurt.
MEMBERS = st.sampled_from(
    [
        *("data", "errors", "includes", "meta", "id", "type", "users", "title", "status", "detail", "success"),
        *("admin_ids", "entities", "public_metrics", "withheld", "country_codes", "media", "tweets", "polls"),
        *("options", "code", "message", "places", "geo", "bbox", "created_at", "updated_at"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=25,
)
STATUS = st.sampled_from([200, 201, 204, 301, 400, 401, 402, 403, 404, 418, 429, 500, 503, 599, 777])
NAMES = ["date", "retry-after", "content-type", "x-transaction-id"]
NAMES += [f"x-rate-limit-{name}" for name in ("limit", "remaining", "reset")]
NAMES += [f"x-user-limit-24hour-{name}" for name in ("limit", "remaining", "reset")]
VALUE = st.text(max_size=12) | st.integers().map(str) | st.floats().map(str)
HEADERS = st.dictionaries(st.sampled_from(NAMES), VALUE, max_size=5)

CALLS = [calls.get_conversation("g1"), calls.mark_conversation_read("g1", "1")]


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(value=JSON, status=STATUS, headers=HEADERS)
def test_nothing_else_escapes(value, status, headers):
    content = json.dumps(value).encode()
    for call in CALLS:
        answer = Response(status_code=status, content=content, headers=headers, read=call.operation._parse_response)
        assert repr((answer, answer.parsed))
        try:
            outcome = call.read(answer)
        except XChatError as error:
            outcome = error
        assert len([getattr(outcome, fact, None) for fact in FACTS]) == len(FACTS)
        assert isinstance(outcome, dict) or str(outcome)
        # What it says of the rate limit is for all who share it.
        refused = isinstance(outcome, XChatRateLimitError)
        reported = RateLimitHeaders.from_headers(headers, NOW, refused=refused)
        window = Window().updated(reported, NOW, refused=refused)
        assert Window.from_json(window.to_json(NOW), NOW) == window


@settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(value=st.dictionaries(MEMBERS, JSON, max_size=4))
def test_models_are_lossless(value):
    content = json.dumps(value).encode()
    answer = Response(status_code=200, content=content, headers={}, read=get_chat_conversation._parse_response)
    assert json.dumps(answer.parsed.to_dict(), sort_keys=True) == json.dumps(value, sort_keys=True)
