"""A contract with other names makes a sandbox with other names."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from xchat_sandbox import OTHER_GROUP_ID, create_app, running_sandbox


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    def to_file(document: dict[str, Any]) -> Path:
        path = tmp_path / "openapi.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    return to_file


def test_names_scopes_and_required_members_come_from_the_contract(
    connect: Callable[..., httpx.Client],
    document: dict[str, Any],
    write: Callable[[dict[str, Any]], Path],
) -> None:
    other = copy.deepcopy(document)
    parameters = {each["name"]: each["schema"]["items"] for each in other["components"]["parameters"].values()}
    parameters["chat_conversation.fields"]["enum"] = ["id", "message_ttl_ms"]
    parameters["expansions"]["enum"] = ["member_ids"]
    schemas = other["components"]["schemas"]
    schemas["ChatConversation"]["required"] = ["type"]
    schemas["User"]["required"] = ["username"]
    get = next(
        method
        for item in other["paths"].values()
        for method in item.values()
        if method["operationId"] == "getChatConversation"
    )
    get["security"] = [{"OAuth2UserToken": ["dm.write"]}]
    with running_sandbox(document=write(other)) as sandbox:
        client = connect(sandbox)
        answer = client.get(
            OTHER_GROUP_ID, params={"chat_conversation.fields": "message_ttl_ms", "expansions": "member_ids"}
        ).json()
        assert answer["data"].keys() == {"id", "type", "message_ttl_ms", "member_ids"}
        assert answer["data"]["message_ttl_ms"] == 86400000
        assert all(user.keys() == {"id", "username"} for user in answer["includes"]["users"])
        for query in ("chat_conversation.fields=message_ttl_msec", "expansions=admin_ids"):
            assert client.get(f"{OTHER_GROUP_ID}?{query}").status_code == 400
        assert connect(sandbox, "sandbox-read-only-token").get(OTHER_GROUP_ID).status_code == 403


def test_lists_with_a_key_for_each_value_are_read_where_the_contract_wants_them(
    connect: Callable[..., httpx.Client],
    document: dict[str, Any],
    write: Callable[[dict[str, Any]], Path],
) -> None:
    other = copy.deepcopy(document)
    for parameter in other["components"]["parameters"].values():
        parameter["explode"] = True
    with running_sandbox(document=write(other)) as sandbox:
        answer = connect(sandbox).get(f"{OTHER_GROUP_ID}?expansions=admin_ids&expansions=member_ids")
        assert answer.json()["data"].keys() == {"id", "admin_ids", "member_ids"}
        assert connect(sandbox).get(f"{OTHER_GROUP_ID}?expansions=admin_ids,member_ids").status_code == 400


def test_an_id_without_a_pattern_is_looked_up_as_it_is(
    connect: Callable[..., httpx.Client],
    document: dict[str, Any],
    write: Callable[[dict[str, Any]], Path],
) -> None:
    other = copy.deepcopy(document)
    for item in other["paths"].values():
        for operation in item.values():
            for parameter in operation["parameters"]:
                if parameter.get("name") == "id":
                    parameter["schema"] = {"type": "string"}
    with running_sandbox(document=write(other)) as sandbox:
        for address in ("abc", "1-x", "g", "-"):
            assert connect(sandbox).get(address).status_code == 404


def test_a_contract_without_an_operation_is_refused(
    document: dict[str, Any], write: Callable[[dict[str, Any]], Path]
) -> None:
    path = "/2/chat/conversations/{id}/read"
    other = {**document, "paths": {name: item for name, item in document["paths"].items() if name != path}}
    with pytest.raises(ValueError, match="markChatConversationRead"):
        create_app(document=write(other))


def test_a_contract_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        create_app(document=tmp_path / "nowhere.yaml")
