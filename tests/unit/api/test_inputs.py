"""What is checked before anything is sent."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_xchat.api import calls
from airflow_provider_xchat.api.inputs import (
    checked_conversation_id,
    checked_names,
    checked_seconds,
    checked_sequence_id,
)
from airflow_provider_xchat.exceptions import XChatInputError
from airflow_provider_xchat.triggers.updates import fields_to_request

KNOWN = frozenset({"id", "type", "member_ids", "updated_at"})


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("1215441834412953600", "1215441834412953600"),
        ("1", "1"),
        (17, "17"),
        ("1215441834412953600-1603419180975409153", "1215441834412953600-1603419180975409153"),
        ("1:2", "1-2"),
        ("2-1", "1-2"),
        ("10:9", "9-10"),
        ("g1234567890123456789", "g1234567890123456789"),
    ],
)
def test_conversation_ids(given, sent):
    assert checked_conversation_id(given) == sent


@pytest.mark.parametrize(
    "given",
    [
        *("", " ", "g", "g1-2", "1-", "-1", "1-2-3", "1:2:3", "G1", "abc", "12345678901234567890", "1 ", "1\n"),
        *("../../users/me", ".", "..", "1/2", "1?x=1", "\u0661\u0662", "1\u20132", "{{ params.id }}", "None"),
        *(None, True, 1.0, -1, [], ["1"], {"id": "1"}, b"1"),
    ],
)
def test_conversation_ids_that_are_none(given):
    with pytest.raises(XChatInputError) as caught:
        checked_conversation_id(given)
    message = str(caught.value)
    assert repr(given)[:50] in message and type(given).__name__ in message
    assert "'123-456'" in message and "'g789'" in message


@pytest.mark.parametrize(
    ("given", "sent"), [("123456789012345678", "123456789012345678"), (5, "5"), ("007", "007"), (0, "0")]
)
def test_sequence_ids(given, sent):
    assert checked_sequence_id(given) == sent


@pytest.mark.parametrize("given", ["", "abc", "1.5", "-1", -1, 1.0, True, None, "1 ", "1\n", "\u0663", "1" * 20, [1]])
def test_sequence_ids_that_are_none(given):
    with pytest.raises(XChatInputError, match="1 to 19 digits") as caught:
        checked_sequence_id(given)
    assert repr(given)[:50] in str(caught.value)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, []),
        ([], []),
        ((), []),
        (["id", "type"], ["id", "type"]),
        (("type", "id"), ["type", "id"]),
        ({"type", "id"}, ["id", "type"]),
        (["id", "type", "id"], ["id", "type"]),
        ('["id", "type"]', ["id", "type"]),  # a JSON text
        ("['id', 'type']", ["id", "type"]),  # what a template makes of a list
        ("('id', 'type')", ["id", "type"]),
        ("[]", []),
        ("None", []),  # what a template makes of an XCom that is not there
        ("null", []),
    ],
)
def test_names(given, sent):
    assert checked_names("expansions", given, KNOWN) == sent


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("id", "'id' (str): expected a list of names; did you mean ['id']?"),
        ("id,type", "did you mean ['id', 'type']?"),
        ("", "'' (str): expected a list of names"),
        ("{'id': 1}", "expected a list of names"),
        ("[id", "expected a list of names"),
        ('"id"', "expected a list of names"),
        (5, "5 (int)"),
        ({"id": True}, "(dict)"),
        ([1], "1 (int)"),
        ([None], "None (NoneType)"),
        ([""], "'' (str)"),
        ([["id"]], "['id'] (list)"),
    ],
)
def test_what_is_no_list_of_names(given, said):
    with pytest.raises(XChatInputError) as caught:
        checked_names("chat_conversation_fields", given, KNOWN)
    assert str(caught.value).startswith("Invalid ") and "chat_conversation_fields" in str(caught.value)
    assert said in str(caught.value)


def test_an_unknown_name_is_refused_and_the_valid_ones_are_listed():
    with pytest.raises(XChatInputError) as caught:
        checked_names("chat_conversation_fields", ["id", "members_ids"], KNOWN)
    message = str(caught.value)
    assert "'members_ids'" in message and "did you mean 'member_ids'?" in message
    assert "expected id, member_ids, type, updated_at" in message and "allow_unknown=[…]" in message


@pytest.mark.parametrize("allowed", [["brand_new"], '["brand_new"]', ("other", "brand_new")])
def test_unknown_names_can_be_allowed(allowed):
    assert checked_names("expansions", ["id", "brand_new"], KNOWN, allowed) == ["id", "brand_new"]


def test_only_the_names_that_are_listed_are_allowed():
    with pytest.raises(XChatInputError, match="'other'"):
        checked_names("expansions", ["brand_new", "other"], KNOWN, ["brand_new"])
    with pytest.raises(XChatInputError, match="Invalid allow_unknown 'brand_new'"):
        checked_names("expansions", ["brand_new"], KNOWN, "brand_new")


@pytest.mark.parametrize(
    ("argument", "name", "way_out"),
    [
        ("chat_conversation_fields", "participant_ids", 'expansions=["participant_ids"]'),
        ("chat_conversation_fields", "member_ids", 'expansions=["member_ids"]'),
        ("chat_conversation_fields", "admin_ids", 'expansions=["admin_ids"]'),
        ("chat_conversation_fields", "message_ttl_msec", '"message_ttl_ms"'),
        ("user_fields", "pinned_tweet_id", "X has removed it"),
    ],
)
def test_a_name_of_older_documents_is_refused_with_the_way_out(argument, name, way_out):
    with pytest.raises(XChatInputError) as caught:
        checked_names(argument, ["id", name, "upated_at"], frozenset({"id", "updated_at"}))
    assert f"{name!r} is from an older version of X's API" in str(caught.value)
    assert way_out in str(caught.value)
    assert "did you mean 'updated_at'?" in str(caught.value)
    # Where the client was made from such a document, X takes the name, and so do we.
    assert checked_names(argument, [name], frozenset({name})) == [name]


def test_any_name_is_accepted_where_the_document_lists_none():
    assert checked_names("user_fields", ["whatever"], None) == ["whatever"]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(timedelta(minutes=90), 5400), (timedelta(0), 0), (0, 0), (90.5, 90.5), ("5400", 5400), (" 90.5\n", 90.5)],
)
def test_seconds(given, seconds):
    assert checked_seconds("min_remaining", given) == seconds


@pytest.mark.parametrize(
    "given",
    [
        *("", "soon", "1:30:00", "90 minutes", "-1", "nan", "inf", "None"),
        *(-1, float("nan"), float("inf"), 10**400, True, None, [5400], {"minutes": 90}, timedelta(seconds=-1)),
    ],
)
def test_seconds_that_are_none(given):
    with pytest.raises(
        XChatInputError, match=r"Invalid min_remaining .*: expected a timedelta or a number of"
    ) as caught:
        checked_seconds("min_remaining", given)
    assert repr(given)[:50] in str(caught.value) and type(given).__name__ in str(caught.value)


def test_bad_input_fails_a_task_without_retries():
    assert issubclass(XChatInputError, AirflowFailException)


NEWER_FIELDS = [
    "admin_settings",
    "group_description",
    "group_description_key_version",
    "invite",
    "pending_member_ids",
]


@pytest.mark.contract
def test_names_of_newer_documents_are_accepted_and_never_sent_by_default():
    asked = calls.get_conversation("1", NEWER_FIELDS, user_fields=["subscriber_count"])
    assert asked.arguments == {"chat_conversation_fields": NEWER_FIELDS, "user_fields": ["subscriber_count"]}
    assert calls.get_conversation("1").arguments == {}
    assert not set(NEWER_FIELDS) & set(fields_to_request(None))
