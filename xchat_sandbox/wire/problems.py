"""Problem documents (RFC 7807), the response to every failed request.

=======  ============================  =====================================================
status   end of the type URI           raised for
=======  ============================  =====================================================
400      ``invalid-request``           a request that does not match the contract
401      ``about:blank``               a missing, unknown, expired or revoked bearer token
403      ``client-forbidden``          a token without a required scope
403      ``not-authorized-for-resource``  a conversation the token's user is not part of
404      ``resource-not-found``        a conversation that does not exist
404/405  ``about:blank``               a path or method that is not in the contract
415      ``about:blank``               a body of a media type that is not in the contract
429      ``rate-limit-exceeded``       more requests than the window allows
500      ``about:blank``               an internal error of the sandbox
=======  ============================  =====================================================
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from xchat_sandbox.wire.json_documents import AsciiJSONResponse

ABOUT_BLANK = "about:blank"

# The contract lists the resource types of problems, without conversations. A client that validates problems by the
# contract would reject any other value.
RESOURCE_TYPE = "user"


@dataclass(frozen=True)
class InvalidValue:
    """Invalid value in a request.

    :param message: the error in words.
    :param parameters: the invalid parameters or body members, each with its values in the request.
    """

    message: str
    parameters: Mapping[str, list[str]] = field(default_factory=dict)


class ProblemError(Exception):
    """Error that is sent as a problem document.

    :param status: the HTTP status.
    :param title: the title.
    :param detail: the error in words.
    :param kind: the last segment of the type URI, or ``about:blank``.
    :param headers: additional headers of the response.
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
    """Response with the media type ``application/problem+json``."""

    media_type = "application/problem+json"

    def __init__(self, problem: ProblemError, problem_type: str) -> None:
        super().__init__({"type": problem_type, **problem.members}, problem.status, headers=problem.headers)


def about_blank(status: int, headers: Mapping[str, str] | None = None) -> ProblemError:
    """Return the problem of an HTTP status, with its phrase as title and detail.

    :param status: the HTTP status.
    :param headers: additional headers of the response.
    :return: the problem, to be raised.
    """
    phrase = HTTPStatus(status).phrase
    return ProblemError(status, phrase, phrase, headers=headers)


def unauthorized(detail: str, challenge: str) -> ProblemError:
    """Return the problem of a missing or invalid bearer token.

    :param detail: the error in words.
    :param challenge: the value of the ``www-authenticate`` header.
    :return: the problem, to be raised.
    """
    return ProblemError(401, "Unauthorized", detail, headers={"www-authenticate": challenge})


def missing_scopes(missing: Iterable[str], required: Iterable[str]) -> ProblemError:
    """Return the problem of a token without the required scopes.

    :param missing: the missing scopes.
    :param required: all scopes of the operation.
    :return: the problem, to be raised.
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
    """Return the problem of a request that does not match the contract.

    :param errors: the invalid values.
    :return: the problem, to be raised.
    """
    return ProblemError(
        400,
        "Invalid Request",
        "The request does not match the contract: see errors.",
        kind="invalid-request",
        errors=[{"message": error.message, "parameters": dict(error.parameters)} for error in errors],
    )


def unsupported_media_type(accepted: Iterable[str]) -> ProblemError:
    """Return the problem of a body of another media type.

    :param accepted: the media types that the operation accepts.
    :return: the problem, to be raised.
    """
    media_types = ", ".join(accepted)
    return ProblemError(
        415, "Unsupported Media Type", f"The body must be {media_types}.", headers={"accept": media_types}
    )


def conversation_not_found(conversation_id: str) -> ProblemError:
    """Return the problem of a conversation that does not exist.

    :param conversation_id: the id in the request.
    :return: the problem, to be raised.
    """
    return ProblemError(
        404,
        "Not Found",
        f"There is no conversation {conversation_id}.",
        kind="resource-not-found",
        **_concerning(conversation_id),
    )


def conversation_forbidden(conversation_id: str) -> ProblemError:
    """Return the problem of a conversation that the user is not part of.

    :param conversation_id: the id in the request.
    :return: the problem, to be raised.
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
    """Return the problem of a request beyond the rate limit.

    :param reset_at: when the window ends, in epoch seconds.
    :return: the problem, to be raised.
    """
    return ProblemError(
        429, "Too Many Requests", f"The window is used up until {reset_at}.", kind="rate-limit-exceeded"
    )
