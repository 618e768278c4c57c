"""Sample problem documents: one of each type that X sends, with the members that its schema requires."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from xchat_sandbox.wire.problems import ABOUT_BLANK, RESOURCE_TYPE, ProblemError

_RESOURCE = {"resource_id": "9000000000000000103", "resource_type": RESOURCE_TYPE}
_PARAMETER = {"parameter": "id", "value": "9000000000000000103"}
_FIELD = {"field": "member_ids", "resource_type": RESOURCE_TYPE, "section": "data"}

_Sample = tuple[str, str, Mapping[str, Any]]
# Each has two types: one that X sends or its document lists, and one of X's documentation of errors.
_FIELD_UNAUTHORIZED: _Sample = (
    "Field Authorization Error",
    "Sorry, you are not authorized to access the field.",
    _FIELD,
)
_CREDITS_DEPLETED: _Sample = (
    "CreditsDepleted",
    "Your account does not have any credits to fulfill this request.",
    {},
)

# By the end of the type URI: title, detail and further members. The packaged contract does not list all of them.
SAMPLES: Mapping[str, _Sample] = {
    # Title and detail are the phrase of the status.
    ABOUT_BLANK: ("", "", {}),
    "invalid-request": (
        "Invalid Request",
        "One or more parameters to your request was invalid.",
        {"errors": [{"message": "This value is not valid.", "parameters": {"id": ["?"]}}]},
    ),
    "resource-not-found": ("Not Found Error", "Could not find the resource.", {**_PARAMETER, **_RESOURCE}),
    "not-authorized-for-resource": (
        "Authorization Error",
        "Sorry, you are not authorized to see the resource.",
        {**_PARAMETER, **_RESOURCE, "section": "data"},
    ),
    "not-authorized-for-field": _FIELD_UNAUTHORIZED,
    "client-forbidden": (
        "Client Forbidden",
        "This request must be made using an approved developer account.",
        {"reason": "client-not-enrolled", "registration_url": "https://developer.x.com/en/docs/projects/overview"},
    ),
    "usage-capped": ("UsageCapExceeded", "Usage cap exceeded: Monthly.", {"period": "Monthly", "scope": "Product"}),
    "rate-limit-exceeded": ("Too Many Requests", "Too many requests in this window.", {}),
    "disallowed-resource": (
        "Disallowed Resource",
        "The resource may not be accessed.",
        {**_RESOURCE, "section": "data"},
    ),
    "field-unauthorized": _FIELD_UNAUTHORIZED,
    "field-hydration-failure": ("Field Hydration Error", "The field could not be filled in.", _FIELD),
    "resource-unavailable": (
        "Resource Unavailable",
        "The resource is not available at the moment.",
        {"parameter": "id", **_RESOURCE},
    ),
    "internal-error": ("Internal Error", "Something is broken on our side.", {}),
    "credits": _CREDITS_DEPLETED,
    "credits-depleted": _CREDITS_DEPLETED,
    "unsupported-authentication": (
        "Unsupported Authentication",
        "Authenticating with this kind of token is forbidden for this endpoint.",
        {},
    ),
}


def sample(kind: str, status: int) -> ProblemError:
    """Return a sample problem.

    :param kind: the end of its type URI, or ``about:blank``.
    :param status: the HTTP status.
    :return: the problem.
    """
    phrase = phrase_of(status)
    title, detail, members = SAMPLES[kind]
    return ProblemError(status, title or phrase, detail or phrase, kind=kind, **members)


def phrase_of(status: int) -> str:
    """Return the phrase of a status.

    :param status: an HTTP status.
    :return: the phrase; a text with the number for an unregistered status.
    """
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
