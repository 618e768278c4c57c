"""What goes over the wire, byte for byte."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest
from xchat_client.api.chat import get_chat_conversation
from xchat_client.errors import PathParameterError

pytestmark = pytest.mark.contract


@pytest.fixture
def client(wire, connect):
    wire.says(200, {})
    return connect(token="secret-token")


def test_an_array_goes_out_as_one_comma_separated_value(wire, client, get):
    get(
        "1",
        client=client,
        chat_conversation_fields=["id", "updated_at"],
        expansions=["member_ids"],
        user_fields=["url"],
    )
    assert sorted(wire.request.query.split("&")) == [
        "chat_conversation.fields=id,updated_at",
        "expansions=member_ids",
        "user.fields=url",
    ]


def test_names_that_the_document_does_not_list_are_sent_too(wire, client, get):
    get("1", client=client, chat_conversation_fields=["id", "brand_new"])
    assert wire.request.query == "chat_conversation.fields=id,brand_new"


def test_reserved_characters_of_an_item_are_not_mistaken_for_separators(wire, client, get):
    get("1", client=client, expansions=["a,b", "c&d=e", "f g#h+i%j"])
    assert wire.request.query == "expansions=a%2Cb,c%26d%3De,f%20g%23h%2Bi%25j"


@pytest.mark.parametrize("nothing", [{}, {"expansions": []}, {"expansions": [], "user_fields": []}])
def test_empty_and_omitted_lists_send_nothing(wire, client, get, nothing):
    get("1", client=client, **nothing)
    assert wire.request.target == "/2/chat/conversations/1"


@pytest.mark.parametrize(
    "id_",
    [
        "../../users/me?x=1",
        "a/b",
        "1:2",
        "a b",
        "%2e%2e",
        "...",
        "a?b#c",
        "é",
        "\r\nX-Injected: 1",
        "a\\b",
        ";v=1",
        "~x",
    ],
)
def test_an_id_is_one_segment_of_the_path_whatever_it_holds(wire, client, get, mark, id_):
    get(id_, client=client)
    mark(id_, client=client)
    for request, end in zip(wire.requests, ("", "/read"), strict=True):
        path = request.target
        assert path.startswith("/2/chat/conversations/") and path.endswith(end)
        segment = path.removeprefix("/2/chat/conversations/").removesuffix(end)
        assert "/" not in segment and "?" not in segment
        assert unquote(segment) == id_
        assert "x-injected" not in request.headers


@pytest.mark.parametrize("id_", ["", ".", ".."])
def test_ids_that_would_change_the_path_are_refused_and_nothing_is_sent(wire, client, get, mark, id_):
    for call in (get, mark):
        with pytest.raises(PathParameterError, match="'id' must not be") as caught:
            call(id_, client=client)
        assert (caught.value.name, caught.value.value) == ("id", id_)
    assert wire.requests == []


def test_the_body_of_a_mark_is_json(wire, client, mark):
    mark("g7", client=client, until="123456789012345678")
    assert wire.request.line == "POST /2/chat/conversations/g7/read HTTP/1.1"
    assert wire.request.headers["content-type"] == "application/json"
    assert json.loads(wire.request.body) == {"seen_until_sequence_id": "123456789012345678"}


def test_the_token_goes_out_as_a_bearer_token(wire, client, get):
    get("1", client=client)
    assert wire.request.headers["authorization"] == "Bearer secret-token"


def test_without_a_token_there_is_no_authorization(wire, get, connect):
    wire.says(200, {})
    get("1", client=connect())
    assert "authorization" not in wire.request.headers


def test_a_base_url_may_have_a_path_of_its_own(wire, get, connect):
    wire.says(200, {})
    get("1", client=connect("/proxy/x"))
    assert wire.request.target == "/proxy/x/2/chat/conversations/1"


def test_redirects_are_not_followed(wire, client, get):
    wire.says(302, headers={"location": f"{wire.url}/elsewhere"})
    answer = get("1", client=client)
    assert answer.status_code == 302
    assert len(wire.requests) == 1


def test_headers_and_cookies_can_be_added_without_changing_the_first_client(wire, client, get):
    other = client.with_headers({"x-one": "1"}).with_cookies({"c": "2"})
    get("1", client=other)
    get("1", client=client)
    with_them, without = wire.requests
    assert (with_them.headers["x-one"], with_them.headers["cookie"]) == ("1", "c=2")
    assert with_them.headers["authorization"] == "Bearer secret-token"
    assert "x-one" not in without.headers and "cookie" not in without.headers


def test_cookies_that_the_server_sets_are_not_kept(wire, client):
    wire.says(200, {}, headers={"set-cookie": "session=1; Path=/"})
    with client.with_cookies({"c": "2"}) as lasting:
        for _ in range(2):
            get_chat_conversation.sync_detailed("1", client=lasting)
    assert [request.headers["cookie"] for request in wire.requests] == ["c=2", "c=2"]


@pytest.mark.parametrize("path", ["", "/", "/a", "/a/b/"])
def test_a_path_in_the_base_url_goes_before_the_operations(wire, connect, get, path):
    wire.says(200, {})
    get("1", client=connect(path))
    assert wire.request.line == f"GET {path.rstrip('/')}/2/chat/conversations/1 HTTP/1.1"
