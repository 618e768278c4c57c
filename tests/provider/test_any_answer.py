"""Whatever JSON X answers, it comes back as a dict or as one of our errors, and as a model or as None."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xchat_client.api.chat import get_chat_conversation, mark_chat_conversation_read
from xchat_client.types import Response

from airflow_provider_xchat.answers import conversation_answer, mark_answer
from airflow_provider_xchat.exceptions import XChatError

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
HEADERS = st.dictionaries(st.sampled_from(["x-rate-limit-reset", "retry-after", "content-type"]), st.text(max_size=12))


@settings(max_examples=1000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(value=JSON, status=STATUS, headers=HEADERS)
def test_nothing_else_escapes(value, status, headers):
    content = json.dumps(value).encode()
    for operation, read in (
        (get_chat_conversation, conversation_answer),
        (mark_chat_conversation_read, mark_answer),
    ):
        answer = Response(status_code=status, content=content, headers=headers, read=operation._parse_response)
        assert repr((answer, answer.parsed))
        try:
            outcome = read(answer, "GET /")
        except XChatError as error:
            outcome = error
        assert isinstance(outcome, dict) or str(outcome)


@settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(value=st.dictionaries(MEMBERS, JSON, max_size=4))
def test_models_are_lossless(value):
    content = json.dumps(value).encode()
    answer = Response(status_code=200, content=content, headers={}, read=get_chat_conversation._parse_response)
    assert json.dumps(answer.parsed.to_dict(), sort_keys=True) == json.dumps(value, sort_keys=True)
