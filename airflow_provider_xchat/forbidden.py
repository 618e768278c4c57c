"""Advice for a response of status 403, by problem type, ``reason`` and error code. Pure: no network, no Airflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["NOT_JSON", "advice_for_forbidden", "is_of_whole_account", "kind_of"]

#: title of the problem that stands for a response body that is not JSON
NOT_JSON = "an answer that is not JSON"

_SCOPES = "Reading needs the scopes dm.read, tweet.read and users.read, marking as read dm.write in place of dm.read."
_MEMBER = "The account that signed in must be in the conversation."
_BETWEEN = (
    "This is not an answer of X's API, which sends JSON. It comes from something in between, such as a proxy, a"
    " firewall or Cloudflare: check the connection's host, and the proxy and network of this machine."
)
_PLAN = (
    "The app's access level does not include this endpoint: choose a plan or package that does in X's developer portal."
)
_LOCKED = (
    "X has locked or suspended the account that signed in: log in to X as that account and follow what X asks for."
)

_BY_REASON = {
    "client-not-enrolled": (
        "The app is not attached to a project with access to API v2: attach it in X's developer portal, and sign in"
        " again if its keys change."
    ),
    "official-client-forbidden": "X reserves this endpoint for its own apps: ask X for access for your app.",
}
_BY_TYPE = {
    "not-authorized-for-resource": _MEMBER,
    "disallowed-resource": "X does not let anybody see this conversation.",
    "not-authorized-for-field": "Leave out the fields that X names here, or sign in with an account that may see them.",
    "field-unauthorized": "Leave out the fields that X names here, or sign in with an account that may see them.",
    "unsupported-authentication": (
        "The token is not a user's: expected an OAuth 2.0 user access token, not an app's bearer token."
    ),
}
# Error codes of X's older forms.
_BY_CODE = {64: _LOCKED, 179: _MEMBER, 220: _SCOPES, 326: _LOCKED, 453: _PLAN}


def advice_for_forbidden(problems: Sequence[Mapping[str, Any]]) -> str:
    """
    Return what to do about a 403.

    :param problems: the problems of the response
    :return: one or more sentences
    """
    if not problems or problems[0].get("title") == NOT_JSON:
        return _BETWEEN
    for problem in problems:
        found = _BY_REASON.get(str(problem.get("reason"))) or _BY_TYPE.get(kind_of(problem))
        found = found or _BY_CODE.get(_code(problem))
        if found is None and kind_of(problem) == "client-forbidden":
            found = (
                _SCOPES if problem.get("missing_scopes") else f"{_SCOPES} The app must have access to this endpoint."
            )
        if found is not None:
            return found
    return f"{_SCOPES} {_MEMBER}"


def is_of_whole_account(problems: Sequence[Mapping[str, Any]]) -> bool:
    """
    Return whether a 403 would be the same for every conversation.

    :param problems: the problems of the response
    """
    of_all = {"client-forbidden", "unsupported-authentication"}
    return any(kind_of(problem) in of_all or _code(problem) in (64, 326, 453) for problem in problems)


def kind_of(problem: Mapping[str, Any]) -> str:
    """
    Return the last part of a problem's type, such as ``usage-capped``.

    :param problem: the problem
    """
    return str(problem.get("type") or "").rstrip("/").rsplit("/", 1)[-1]


def _code(problem: Mapping[str, Any]) -> int:
    code = problem.get("code")
    return code if isinstance(code, int) else 0
