from collections.abc import Callable
from typing import Any

import httpx
import pytest

from xchat_sandbox import FORBIDDEN_GROUP_ID, OTHER_GROUP_ID, Sandbox, running_sandbox

MAIN, BEA, CARL, DORA, EMIL = (
    "9000000000000000101",
    "900000001",
    "9000000000000000103",
    "9000000000000000104",
    "9000000000000000105",
)
CREATED_AT, UPDATED_AT = "2025-10-01T00:00:00.000Z", "2026-02-27T03:14:15.000Z"
MINE = [f"{BEA}-{MAIN}", f"{MAIN}-{CARL}", "g9000000000000000201", OTHER_GROUP_ID]


def parameter_values(document: dict[str, Any], name: str) -> list[str]:
    parameters = document["components"]["parameters"].values()
    return next(each["schema"]["items"]["enum"] for each in parameters if each["name"] == name)


def conversation_members(document: dict[str, Any]) -> set[str]:
    data = document["components"]["schemas"]["GetChatConversationResponse"]["properties"]["data"]
    name = data["oneOf"][1]["$ref"].rpartition("/")[2]
    return set(document["components"]["schemas"][name]["properties"])


def test_without_parameters_only_required_members_are_shown(client: httpx.Client) -> None:
    assert client.get(OTHER_GROUP_ID).json() == {"data": {"id": OTHER_GROUP_ID}}


def test_chosen_fields_are_shown_beside_the_required_ones(client: httpx.Client) -> None:
    answer = client.get(OTHER_GROUP_ID, params={"chat_conversation.fields": "type,is_muted"}).json()
    assert answer["data"] == {"id": OTHER_GROUP_ID, "type": "group", "is_muted": True}


def test_fields_the_conversation_does_not_have_are_left_out(client: httpx.Client) -> None:
    answer = client.get(BEA, params={"chat_conversation.fields": "group_name,updated_at,type"}).json()
    assert answer["data"] == {"id": f"{BEA}-{MAIN}", "type": "direct"}


@pytest.mark.parametrize("address", [BEA, f"{BEA}-{MAIN}", f"{MAIN}-{BEA}"])
def test_a_direct_conversation_has_three_addresses_and_one_id(client: httpx.Client, address: str) -> None:
    # The smaller number comes first, which is the greater string.
    assert client.get(address).json()["data"] == {"id": f"{BEA}-{MAIN}"}


def test_an_expansion_shows_the_ids_and_the_users(client: httpx.Client) -> None:
    answer = client.get(OTHER_GROUP_ID, params={"expansions": "admin_ids"}).json()
    assert answer["data"] == {"id": OTHER_GROUP_ID, "admin_ids": [DORA, EMIL]}
    assert answer["includes"] == {
        "users": [
            {"id": DORA, "name": "Dora Dashboard ☎", "username": "dora_dash"},
            {"id": EMIL, "name": "Emil Edge", "username": "emil_edge"},
        ]
    }


@pytest.mark.parametrize(
    ("expansions", "order"),
    [
        ("admin_ids,member_ids", [DORA, EMIL, MAIN, BEA]),
        ("member_ids,admin_ids", [EMIL, DORA, MAIN, BEA]),
        ("participant_ids,admin_ids,member_ids", [EMIL, DORA, MAIN, BEA]),
    ],
)
def test_expanded_users_come_once_in_the_order_of_appearance(
    client: httpx.Client, expansions: str, order: list[str]
) -> None:
    users = client.get(OTHER_GROUP_ID, params={"expansions": expansions}).json()["includes"]["users"]
    assert [user["id"] for user in users] == order


def test_user_fields_are_shown_beside_the_required_ones(client: httpx.Client) -> None:
    params = {"expansions": "participant_ids", "user.fields": "created_at,verified,withheld"}
    users = client.get(BEA, params=params).json()["includes"]["users"]
    assert users[0] == {
        "id": BEA,
        "name": "Bea Burst",
        "username": "bea_burst",
        "created_at": "2011-07-19T17:05:00.000Z",
        "verified": False,
    }


@pytest.mark.parametrize(
    ("address", "params"),
    [(OTHER_GROUP_ID, {"user.fields": "created_at"}), (BEA, {"expansions": "admin_ids,member_ids"})],
    ids=["no expansion", "nothing to expand"],
)
def test_nothing_expanded_means_no_includes(client: httpx.Client, address: str, params: dict[str, str]) -> None:
    answer = client.get(address, params=params).json()
    assert "includes" not in answer
    assert set(answer["data"]) == {"id"}


def test_the_array_form_is_that_of_older_documents(connect: Callable[..., httpx.Client]) -> None:
    with running_sandbox(answer_form="array") as sandbox:
        client = connect(sandbox)
        assert client.get(OTHER_GROUP_ID).json() == {"data": [{"id": OTHER_GROUP_ID}], "meta": {"result_count": 1}}
        answer = client.get(OTHER_GROUP_ID, params={"expansions": "admin_ids"}).json()
        assert set(answer) == {"data", "includes", "meta"}
        times = client.get(OTHER_GROUP_ID, params={"chat_conversation.fields": "created_at,updated_at"}).json()["data"]
        assert times == [{"id": OTHER_GROUP_ID, "created_at": CREATED_AT, "updated_at": UPDATED_AT}]


def test_how_long_messages_last_is_a_number_and_was_a_text(connect: Callable[..., httpx.Client]) -> None:
    query = {"chat_conversation.fields": "message_ttl_ms"}
    with running_sandbox() as now, running_sandbox(answer_form="array") as before:
        answers = [connect(sandbox).get(OTHER_GROUP_ID, params=query).json()["data"] for sandbox in (now, before)]
    assert answers == [
        {"id": OTHER_GROUP_ID, "message_ttl_ms": 86400000},
        [{"id": OTHER_GROUP_ID, "message_ttl_msec": "86400000"}],
    ]


@pytest.mark.parametrize("address", MINE)
def test_everything_that_can_be_shown_is_valid(
    client: httpx.Client,
    document: dict[str, Any],
    schema_errors: Callable[[str, Any], list[str]],
    address: str,
) -> None:
    names = ("chat_conversation.fields", "expansions", "user.fields")
    params = {name: ",".join(parameter_values(document, name)) for name in names}
    answer = client.get(address, params=params)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert schema_errors("GetChatConversationResponse", answer.json()) == []
    assert len(answer.json()["includes"]["users"]) >= 2


def test_some_conversation_has_each_field(client: httpx.Client, document: dict[str, Any]) -> None:
    fields = parameter_values(document, "chat_conversation.fields")
    shown: set[str] = set()
    for address in MINE:
        shown |= client.get(address, params={"chat_conversation.fields": ",".join(fields)}).json()["data"].keys()
    # Names that X's document lists, and says nothing more of, cannot be made up.
    assert shown == set(fields) & conversation_members(document)


def test_an_encoded_comma_separates_too(sandbox: Sandbox, client: httpx.Client) -> None:
    for query in ("chat_conversation.fields=type,is_muted", "chat_conversation.fields=type%2Cis_muted"):
        assert set(client.get(f"{OTHER_GROUP_ID}?{query}").json()["data"]) == {"id", "type", "is_muted"}
        assert sandbox.requests()[-1]["query"] == query


@pytest.mark.parametrize("address", [FORBIDDEN_GROUP_ID, f"{CARL}-{DORA}", f"{DORA}-{CARL}"])
def test_a_conversation_of_others_is_forbidden(client: httpx.Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("/not-authorized-for-resource")
    assert answer.json()["resource_id"] == address


@pytest.mark.parametrize("address", ["77", "g77", "1-2", MAIN, f"{MAIN}-{MAIN}", f"0{BEA}", "0000000000000000000"])
def test_an_unknown_conversation_is_not_found(client: httpx.Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("/resource-not-found")
    assert answer.json()["value"] == address
