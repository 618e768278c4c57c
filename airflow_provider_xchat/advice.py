"""Texts for error messages: X's problems in words, and advice. Pure: no network, no Airflow."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "NOT_JSON",
    "REFUSED_CLIENT",
    "Problem",
    "advice_for_credits",
    "advice_for_forbidden",
    "advice_for_unauthorized",
    "concerns_whole_account",
    "problem_kind",
    "problem_text",
    "problems_text",
    "sign_in_command",
]

Problem = Mapping[str, Any]

#: errors of a token endpoint that rejects the client (RFC 6749, section 5.2)
REFUSED_CLIENT = frozenset({"invalid_client", "unauthorized_client"})
#: title of the problem that stands for a response body that is not JSON
NOT_JSON = "a response that is not JSON"

_SCOPES = "Reading needs the scopes dm.read, tweet.read and users.read, marking as read dm.write instead of dm.read."
_MEMBER = "The account that signed in must be in the conversation."
_FIELD = "Remove the fields that X names here, or sign in with an account that may see them."
_BETWEEN = (
    "The response is not from X's API, which sends JSON, but from a proxy, a firewall or Cloudflare in between: check"
    " the connection's host, and the proxy and network of this machine."
)
_PLAN = "The app's access level does not include this endpoint: choose a plan that includes it in X's developer portal."
_LOCKED = (
    "X has locked or suspended the account that signed in: log in to X as that account and follow X's instructions."
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
    "disallowed-resource": "X does not show this conversation to anyone.",
    "not-authorized-for-field": _FIELD,
    "field-unauthorized": _FIELD,
    "unsupported-authentication": "Invalid token: expected an OAuth 2.0 user access token, not an app's bearer token.",
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
        found = _BY_REASON.get(str(problem.get("reason"))) or _BY_TYPE.get(problem_kind(problem))
        found = found or _BY_CODE.get(_code(problem))
        if found is None and problem_kind(problem) == "client-forbidden":
            found = (
                _SCOPES if problem.get("missing_scopes") else f"{_SCOPES} The app must have access to this endpoint."
            )
        if found is not None:
            return found
    return f"{_SCOPES} {_MEMBER}"


def advice_for_unauthorized(problems: Sequence[Problem], conn_id: str | None, *, is_static: bool) -> str:
    """
    Return what to do about a 401, or about a refresh that X refused.

    :param problems: the problems of the response
    :param conn_id: id of the connection; None when it is unknown
    :param is_static: whether the connection has no refresh token
    :return: one or more sentences
    """
    errors = {problem["error"] for problem in problems if isinstance(problem.get("error"), str)}
    if is_static and not errors:
        return (
            "The access token is invalid or expired, and the connection has no refresh token. Set a new token as the"
            f" password of connection {conn_id!r}, or sign in to have tokens refreshed:"
            f" {sign_in_command(conn_id, new_client=True)}"
        )
    reason = "The access token is invalid or expired."
    if errors:
        reason = "The refresh token is used up, revoked or expired."
    if errors & REFUSED_CLIENT:
        reason = "X rejected the client id or client secret: correct them."
    return f"{reason} To sign in again: {sign_in_command(conn_id)}"


def advice_for_credits(problems: Sequence[Problem]) -> str:
    """
    Return what to do about used-up credits or a reached usage cap.

    :param problems: the problems of the response
    :return: a sentence
    """
    capped = next((problem for problem in problems if problem_kind(problem) == "usage-capped"), None)
    if capped is None:
        return "The app's account has no credits left: buy credits in X's developer portal."
    period = str(capped.get("period") or "").lower()
    return (
        f"The app's account has reached its {period} usage cap".replace("  ", " ")
        + f": raise the cap in X's developer portal, or wait for the next {_PERIODS.get(period, 'period')}."
    )


def concerns_whole_account(problems: Sequence[Problem]) -> bool:
    """
    Return whether a 403 concerns all conversations of the account.

    :param problems: the problems of the response
    """
    of_all = {"client-forbidden", "unsupported-authentication"}
    return any(problem_kind(problem) in of_all or _code(problem) in (64, 326, 453) for problem in problems)


def problem_kind(problem: Problem) -> str:
    """
    Return the last part of a problem's type, such as ``usage-capped``.

    :param problem: the problem
    """
    return str(problem.get("type") or "").rstrip("/").rsplit("/", 1)[-1]


def problem_text(problem: Problem) -> str:
    """
    Return the text of a problem.

    :param problem: an RFC 7807 object, an object with ``code`` and ``message``, or one of OAuth 2.0 (RFC 6749,
        section 5.2)
    :return: a phrase without a full stop at its end
    """
    if isinstance(problem.get("error"), str):
        return ": ".join(str(problem[name]).rstrip(".") for name in ("error", "error_description") if problem.get(name))
    if "message" in problem:
        code = f" (code {problem['code']})" if "code" in problem else ""
        return f"{str(problem['message']).rstrip('.')}{code}"
    texts = [str(problem[member]).rstrip(".") for member in ("title", "detail") if problem.get(member)]
    reason = f" (reason {problem['reason']})" if isinstance(problem.get("reason"), str) else ""
    return (": ".join(dict.fromkeys(texts)) or str(problem.get("type") or dict(problem))) + reason


def problems_text(problems: Sequence[Problem]) -> str:
    """
    Return the texts of problems in one line.

    :param problems: the problems; may be empty
    """
    return "; ".join(map(problem_text, problems)) or "no details"


def sign_in_command(conn_id: str | None, *, new_client: bool = False) -> str:
    """
    Return the shell command that signs in.

    :param conn_id: id of the connection; None when it is unknown
    :param new_client: whether the connection has no client id yet
    """
    client = " --client-id CLIENT_ID" if new_client else ""
    return f"xchat login --conn-id {shlex.quote(conn_id or 'xchat_default')}{client}"


def _code(problem: Problem) -> int:
    code = problem.get("code")
    return code if isinstance(code, int) else 0
