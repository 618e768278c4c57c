"""Settings of the authorization server."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

from xchat_sandbox.oauth.clients import Client

ACCESS_TOKEN_LIFETIME_SECONDS = 7200
CODE_LIFETIME_SECONDS = 30

Consent = Literal["allow", "deny"]
DeadGrantError = Literal["invalid_request", "invalid_grant"]


class OAuthOptions(TypedDict, total=False):
    """Fields of OAuthSettings, as keyword arguments of ``running_sandbox`` and ``create_app``."""

    strict: bool
    access_token_lifetime: float
    code_lifetime: float
    consent: Consent
    dead_grant_error: DeadGrantError
    rotation_ends_access_tokens: bool
    clients: Iterable[Client]


@dataclass(frozen=True)
class OAuthSettings:
    """Settings of the authorization server.

    :param strict: whether using a refresh token or a code again revokes the whole grant.
    :param access_token_lifetime: lifetime of access tokens in seconds.
    :param code_lifetime: lifetime of authorization codes in seconds.
    :param consent: whether the user allows access; the ``consent`` parameter of a request takes precedence.
    :param dead_grant_error: the error code for an invalid refresh token or authorization code.
    :param rotation_ends_access_tokens: whether a refresh also invalidates older access tokens of the grant.
    :param clients: clients in addition to the two default ones.
    :raises ValueError: for a value out of range.
    """

    strict: bool = False
    access_token_lifetime: float = ACCESS_TOKEN_LIFETIME_SECONDS
    code_lifetime: float = CODE_LIFETIME_SECONDS
    consent: Consent = "allow"
    dead_grant_error: DeadGrantError = "invalid_request"
    rotation_ends_access_tokens: bool = False
    clients: Iterable[Client] = ()

    def __post_init__(self) -> None:
        for what, seconds in (("access token", self.access_token_lifetime), ("code", self.code_lifetime)):
            if not 0 < seconds < math.inf:
                raise ValueError(f"the {what} lifetime must be longer than 0 seconds: {seconds}")
        for name, value, choices in (
            ("consent", self.consent, get_args(Consent)),
            ("dead grant error", self.dead_grant_error, get_args(DeadGrantError)),
        ):
            if value not in choices:
                raise ValueError(f"the {name} must be one of {', '.join(choices)}: {value}")
