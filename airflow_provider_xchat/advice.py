"""Texts for error messages: the problems that X reports in words, and advice. Pure: no network, no Airflow."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "NOT_JSON",
    "advice_for_credits",
    "advice_for_forbidden",
    "is_of_whole_account",
    "kind_of",
    "problem_text",
    "sign_in_command",
]

Problem = Mapping[str, Any]

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

_PERIODS = {"monthly": "month", "daily": "day"}
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


def advice_for_forbidden(problems: Sequence[Problem]) -> str:
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


def advice_for_credits(problems: Sequence[Problem]) -> str:
    """
    Return what to do about used-up credits or a reached usage cap.

    :param problems: the problems of the response
    :return: a sentence
    """
    capped = next((problem for problem in problems if kind_of(problem) == "usage-capped"), None)
    if capped is None:
        return "The app's account with X has used up its credits: top it up in X's developer portal."
    period = str(capped.get("period") or "").lower()
    return (
        f"The {period} usage cap of the app's account with X is reached".replace("  ", " ")
        + ", which is no rate limit of 15 minutes: raise the cap in X's developer portal, or wait for the next"
        f" {_PERIODS.get(period, 'period')}."
    )


def is_of_whole_account(problems: Sequence[Problem]) -> bool:
    """
    Return whether a 403 would be the same for every conversation.

    :param problems: the problems of the response
    """
    of_all = {"client-forbidden", "unsupported-authentication"}
    return any(kind_of(problem) in of_all or _code(problem) in (64, 326, 453) for problem in problems)


def kind_of(problem: Problem) -> str:
    """
    Return the last part of a problem's type, such as ``usage-capped``.

    :param problem: the problem
    """
    return str(problem.get("type") or "").rstrip("/").rsplit("/", 1)[-1]


def problem_text(problem: Problem) -> str:
    """
    Put a problem into words, whichever of X's forms it has.

    :param problem: an RFC 7807 object, an object with ``code`` and ``message``, or one of OAuth 2.0 (RFC 6749,
        section 5.2)
    :return: a phrase, without a full stop at its end
    """
    if isinstance(problem.get("error"), str):
        return ": ".join(str(problem[name]).rstrip(".") for name in ("error", "error_description") if problem.get(name))
    if "message" in problem:
        code = f" (code {problem['code']})" if "code" in problem else ""
        return f"{str(problem['message']).rstrip('.')}{code}"
    texts = [str(problem[member]).rstrip(".") for member in ("title", "detail") if problem.get(member)]
    reason = f" (reason {problem['reason']})" if isinstance(problem.get("reason"), str) else ""
    return (": ".join(dict.fromkeys(texts)) or str(problem.get("type") or dict(problem))) + reason


def sign_in_command(conn_id: str | None, *, new_client: bool = False) -> str:
    """
    Say what to type to sign in.

    :param conn_id: the connection; None where it is not known
    :param new_client: whether the connection has no client id yet
    :return: a command line for a shell
    """
    client = " --client-id CLIENT_ID" if new_client else ""
    return f"xchat login --conn-id {shlex.quote(conn_id or 'xchat_default')}{client}"


def _code(problem: Problem) -> int:
    code = problem.get("code")
    return code if isinstance(code, int) else 0
