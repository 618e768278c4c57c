"""Field selection and expansions: choose the members of a conversation and of its users for a response."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

#: ``object`` since version 2.167 of X's document, ``array`` before
AnswerForm = Literal["object", "array"]

# Not every version of the contract requires the id, but X always returns it.
_IDENTITY = frozenset({"id"})


def select(resource: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Select members of a resource; the id is always selected.

    :param resource: all its members.
    :param names: the members to select; missing ones are ignored.
    :return: the selected members, in the order of the resource.
    """
    wanted = _IDENTITY.union(names)
    return {name: value for name, value in resource.items() if name in wanted}


def expanded_ids(conversation: Mapping[str, Any], expansions: Iterable[str]) -> list[str]:
    """Return the user ids in the expanded members.

    :param conversation: the conversation's members.
    :param expansions: the members that hold user ids.
    :return: each user id once, in the order of first appearance.
    """
    # A test may have set a member to any value; values other than lists of ids are ignored.
    lists = [value for name in expansions if isinstance(value := conversation.get(name), list)]
    return list(dict.fromkeys(user_id for value in lists for user_id in value if isinstance(user_id, str)))


def conversation_answer(
    data: Mapping[str, Any], users: list[dict[str, Any]], answer_form: AnswerForm
) -> dict[str, Any]:
    """Return the response document of a conversation.

    :param data: the conversation's selected members.
    :param users: the expanded users.
    :param answer_form: ``object`` or, for X's older form, ``array``: a list of one with ``meta``, and with the string
        ``message_ttl_msec`` in place of ``message_ttl_ms``.
    :return: the document; without ``includes`` if no user was expanded.
    """
    includes = {"includes": {"users": users}} if users else {}
    if answer_form == "object":
        return {"data": data, **includes}
    older = {name: value for name, value in data.items() if name != "message_ttl_ms"}
    if "message_ttl_ms" in data:
        older["message_ttl_msec"] = str(data["message_ttl_ms"])
    return {"data": [older], **includes, "meta": {"result_count": 1}}
