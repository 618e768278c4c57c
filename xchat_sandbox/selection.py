"""Field selection and expansions: which members of a conversation and its users an answer shows."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

#: ``object`` is X's form since version 2.167 of its document, ``array`` the one before
AnswerForm = Literal["object", "array"]

# Not every version of the contract calls the id required, but no object is ever shown without it.
_IDENTITY = frozenset({"id"})


def select(resource: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Keep the chosen members of a resource, and its id.

    :param resource: all that is known of it.
    :param names: the members to show; those it does not have are left out.
    :returns: the chosen members, in the resource's own order.
    """
    wanted = _IDENTITY.union(names)
    return {name: value for name, value in resource.items() if name in wanted}


def expanded_ids(conversation: Mapping[str, Any], expansions: Iterable[str]) -> list[str]:
    """Collect the users that expansions name.

    :param conversation: the conversation's members.
    :param expansions: the members that hold user ids.
    :returns: each user id once, in the order of first appearance.
    """
    # A test may have set a member to anything; what is no list of ids names nobody.
    lists = [value for name in expansions if isinstance(value := conversation.get(name), list)]
    return list(dict.fromkeys(user_id for value in lists for user_id in value if isinstance(user_id, str)))


def conversation_answer(
    data: Mapping[str, Any], users: list[dict[str, Any]], answer_form: AnswerForm
) -> dict[str, Any]:
    """Put an answer together.

    :param data: the conversation's selected members.
    :param users: the expanded users.
    :param answer_form: ``object`` for the conversation alone; ``array`` for the older form: a list of one with
        ``meta``, and ``message_ttl_msec``, a string, in place of ``message_ttl_ms``.
    :returns: the answer's document; without ``includes`` if nothing was expanded.
    """
    includes = {"includes": {"users": users}} if users else {}
    if answer_form == "object":
        return {"data": data, **includes}
    older = {name: value for name, value in data.items() if name != "message_ttl_ms"}
    if "message_ttl_ms" in data:
        older["message_ttl_msec"] = str(data["message_ttl_ms"])
    return {"data": [older], **includes, "meta": {"result_count": 1}}
