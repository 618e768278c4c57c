"""Refusals: every failed request is answered with an RFC 7807 problem.

=======  ============================  =====================================================
status   type ends in                  raised for
=======  ============================  =====================================================
400      ``invalid-request``           a request that does not match the contract
401      ``about:blank``               no bearer token, or one that is not known or has ended
403      ``client-forbidden``          a token without a scope the operation needs
403      ``not-authorized-for-resource``  a conversation the token's user is not part of
404      ``resource-not-found``        a conversation that does not exist
404/405  ``about:blank``               a path or method the contract does not have
415      ``about:blank``               a body of another media type than the contract's
429      ``rate-limit-exceeded``       more requests than the window allows
500      ``about:blank``               a fault of the sandbox itself
=======  ============================  =====================================================
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from xchat_sandbox.json_wire import AsciiJSONResponse

ABOUT_BLANK = "about:blank"

# The contract lists the kinds of resource a problem may name, and a conversation is not among them. A client
# that picks a schema by the problem's type would refuse any other value.
RESOURCE_TYPE = "user"


@dataclass(frozen=True)
class InvalidValue:
    """One reason why a request was refused.

    :param message: the reason, in words.
    :param parameters: the parameters or body members concerned, each with the values that were sent.
    """

    message: str
    parameters: Mapping[str, list[str]] = field(default_factory=dict)


class ProblemError(Exception):
    """A request is refused.

    :param status: the HTTP status.
    :param title: a short name of the problem.
    :param detail: what is wrong with this request.
    :param kind: the last segment of the problem's type URI, or ``about:blank`` for the whole of it.
    :param headers: headers to add to the answer.
    :param members: further members of the problem document.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        kind: str = ABOUT_BLANK,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.headers = dict(headers or {})
        self.members = {"title": title, "detail": detail, "status": status, **members}


class ProblemResponse(AsciiJSONResponse):
    """An answer of the media type ``application/problem+json``."""

    media_type = "application/problem+json"

    def __init__(self, problem: ProblemError, problem_type: str) -> None:
        super().__init__({"type": problem_type, **problem.members}, problem.status, headers=problem.headers)


def about_blank(status: int, headers: Mapping[str, str] | None = None) -> ProblemError:
    """Say no more than the HTTP status does.

    :param status: the HTTP status.
    :param headers: headers to add to the answer.
    :returns: the problem, to be raised.
    """
    phrase = HTTPStatus(status).phrase
    return ProblemError(status, phrase, phrase, headers=headers)


def unauthorized(detail: str, challenge: str) -> ProblemError:
    """Refuse a request without a usable bearer token.

    :param detail: what is wrong with the credentials.
    :param challenge: the value of the ``www-authenticate`` header.
    :returns: the problem, to be raised.
    """
    return ProblemError(401, "Unauthorized", detail, headers={"www-authenticate": challenge})


def missing_scopes(missing: Iterable[str], required: Iterable[str]) -> ProblemError:
    """Refuse a token that was granted too little.

    :param missing: the scopes the token lacks.
    :param required: all scopes of the operation.
    :returns: the problem, to be raised.
    """
    names = sorted(missing)
    return ProblemError(
        403,
        "Forbidden",
        f"The access token was not granted: {', '.join(names)}.",
        kind="client-forbidden",
        headers={"www-authenticate": f'Bearer error="insufficient_scope", scope="{" ".join(sorted(required))}"'},
        missing_scopes=names,
    )


def invalid_request(errors: Iterable[InvalidValue]) -> ProblemError:
    """Refuse a request that does not match the contract.

    :param errors: all that is wrong with it.
    :returns: the problem, to be raised.
    """
    return ProblemError(
        400,
        "Invalid Request",
        "The request does not match the contract: see errors.",
        kind="invalid-request",
        errors=[{"message": error.message, "parameters": dict(error.parameters)} for error in errors],
    )


def unsupported_media_type(accepted: Iterable[str]) -> ProblemError:
    """Refuse a body of the wrong media type.

    :param accepted: the media types the operation takes.
    :returns: the problem, to be raised.
    """
    media_types = ", ".join(accepted)
    return ProblemError(
        415, "Unsupported Media Type", f"The body must be {media_types}.", headers={"accept": media_types}
    )


def conversation_not_found(conversation_id: str) -> ProblemError:
    """Refuse a request for a conversation that does not exist.

    :param conversation_id: the id as it was asked for.
    :returns: the problem, to be raised.
    """
    return ProblemError(
        404,
        "Not Found",
        f"There is no conversation {conversation_id}.",
        kind="resource-not-found",
        **_concerning(conversation_id),
    )


def conversation_forbidden(conversation_id: str) -> ProblemError:
    """Refuse a request for a conversation of others.

    :param conversation_id: the id as it was asked for.
    :returns: the problem, to be raised.
    """
    return ProblemError(
        403,
        "Forbidden",
        f"The token's user is not part of conversation {conversation_id}.",
        kind="not-authorized-for-resource",
        section="data",
        **_concerning(conversation_id),
    )


def _concerning(conversation_id: str) -> dict[str, Any]:
    return {
        "parameter": "id",
        "value": conversation_id,
        "resource_id": conversation_id,
        "resource_type": RESOURCE_TYPE,
    }


def rate_limit_exceeded(reset_at: int) -> ProblemError:
    """Refuse a request beyond the rate limit.

    :param reset_at: when the window ends, in epoch seconds.
    :returns: the problem, to be raised.
    """
    return ProblemError(
        429, "Too Many Requests", f"The window is used up until {reset_at}.", kind="rate-limit-exceeded"
    )
