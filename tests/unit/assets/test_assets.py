"""Asset URIs of conversations."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from airflow_provider_xchat.assets.xchat import conversation_uri, sanitize_uri
from airflow_provider_xchat.exceptions import XChatInputError


@pytest.mark.parametrize(
    ("conversation_id", "uri"),
    [("g12", "xchat://conversation/g12"), ("2:1", "xchat://conversation/1-2"), (7, "xchat://conversation/7")],
)
def test_a_conversation_has_one(conversation_id, uri):
    assert conversation_uri(conversation_id) == uri
    assert sanitize_uri(urlsplit(uri)).geturl() == uri


def test_no_conversation_has_none():
    with pytest.raises(XChatInputError):
        conversation_uri("nobody")


def test_a_colon_becomes_a_dash():
    assert sanitize_uri(urlsplit("xchat://conversation/1:2")).geturl() == "xchat://conversation/1-2"


@pytest.mark.parametrize(
    "uri",
    [
        "xchat://conversation",
        "xchat://conversation/",
        "xchat://conversation/nobody",
        "xchat://conversation/g1/read",
        "xchat://conversation/g1?x=1",
        "xchat://conversation/g1#x",
        "xchat://conversations/g1",
        "xchat:///g1",
    ],
)
def test_others_are_refused(uri):
    with pytest.raises(ValueError, match="expected xchat://conversation/<conversation id>"):
        sanitize_uri(urlsplit(uri))
