"""The client itself: timeouts, secrets, typing, and what importing it costs."""

from __future__ import annotations

import pprint
import subprocess
import sys
import textwrap
import traceback
from pathlib import Path

import httpx
import pytest
import xchat_client
from xchat_client import BearerToken, Client
from xchat_client.api.chat import get_chat_conversation

TOKEN = "dGhpcyBpcyBhIHNlY3JldA"


def test_the_default_timeout_is_30_seconds():
    client = Client()
    for http in (client.get_httpx_client(), client.get_async_httpx_client()):
        assert http.timeout == httpx.Timeout(30)
    assert Client(timeout=5).get_httpx_client().timeout == httpx.Timeout(5)
    assert client.with_timeout(7).get_httpx_client().timeout == httpx.Timeout(7)


def test_the_default_base_url_is_the_documents_server():
    assert Client().base_url == "https://api.x.com"


def test_a_slow_server_meets_the_timeout(wire, get, connect):
    wire.delay = 1
    with pytest.raises(httpx.TimeoutException):
        get("1", client=connect(timeout=0.1))


def dumps_of(thing):
    """Whatever shows an object's inside without being told how."""
    yield repr(thing)
    yield str(thing)
    yield f"{thing!r:>10}"
    yield pprint.pformat(vars(thing) if hasattr(thing, "__dict__") else thing)
    yield repr([getattr(thing, name, None) for name in dir(thing) if name != "_header"])


def test_no_token_in_any_repr_or_dump(wire, connect):
    wire.says(401, {"title": "Unauthorized"})
    client = connect(token=TOKEN)
    same = connect(headers={"Authorization": f"Bearer {TOKEN}"}, auth=BearerToken(TOKEN))
    for one in (client, same, client.with_timeout(3)):
        answer = get_chat_conversation.sync_detailed("1", client=one)
        for thing in (one, answer, one.get_httpx_client(), one.get_async_httpx_client(), BearerToken(TOKEN)):
            for dump in dumps_of(thing):
                assert TOKEN not in dump


def test_no_token_in_the_traceback_of_a_failure():
    client = Client("http://127.0.0.1:1", token=TOKEN)
    with pytest.raises(httpx.ConnectError) as caught:
        get_chat_conversation.sync_detailed("1", client=client)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert TOKEN not in "".join(shown.format())


@pytest.mark.parametrize(
    "bad", ["", " ", "{} b", "{}\nb", "{}\r\nX: y", "ö{}", "{}\x00", "Bearer {}", "=", "{}=b", "{}\n"]
)
def test_what_no_token_can_be_is_refused_and_not_shown(bad):
    with pytest.raises(ValueError, match="access token") as caught:
        Client(token=bad.format(TOKEN))
    assert TOKEN not in str(caught.value)


def test_a_token_and_an_auth_at_once_are_refused():
    with pytest.raises(ValueError, match="either"):
        Client(token="a", auth=BearerToken("b"))


def run(code):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    ).stdout


def test_it_works_where_airflow_cannot_be_imported(wire):
    wire.says(200, {"data": {"id": "1"}})
    printed = run(
        f"""
        import sys
        sys.modules["airflow"] = None
        from xchat_client import Client
        from xchat_client.api.chat import get_chat_conversation
        with Client({wire.url!r}) as client:
            print(get_chat_conversation.sync("1", client=client).data.id)
        assert not any(name.startswith("airflow") and module for name, module in sys.modules.items())
        """
    )
    assert printed == "1\n"


def test_models_are_imported_when_they_are_asked_for():
    printed = run(
        """
        import sys
        def loaded():
            return sorted(m for m in sys.modules if m.startswith("xchat_client.models."))
        from xchat_client.api.chat import get_chat_conversation, mark_chat_conversation_read
        print(loaded())
        from xchat_client.models import GetChatConversationResponse
        GetChatConversationResponse.from_dict({"data": [{"id": "1"}]})
        print(len(loaded()), "xchat_client.models.get_chat_conversation_response" in loaded())
        """
    )
    assert printed.splitlines() == ["[]", "2 True"]  # the answer and its conversation


def test_an_unknown_model_is_an_attribute_error():
    with pytest.raises(AttributeError, match="NoSuchModel"):
        xchat_client.models.NoSuchModel  # noqa: B018


def test_the_package_is_typed():
    assert (Path(xchat_client.__file__).parent / "py.typed").is_file()
