"""How the authorization server behaves, where X's own behaviour is configurable, unknown or to be provoked."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

from xchat_sandbox.clients import Client

ACCESS_TOKEN_LIFETIME = 7200
CODE_LIFETIME = 30

Consent = Literal["allow", "deny"]
DeadGrantError = Literal["invalid_request", "invalid_grant"]


class OAuthOptions(TypedDict, total=False):
    """The fields of OAuthSettings, as keyword arguments of ``running_sandbox`` and ``create_app``."""

    strict: bool
    access_token_lifetime: float
    code_lifetime: float
    consent: Consent
    dead_grant_error: DeadGrantError
    rotation_ends_access_tokens: bool
    clients: Iterable[Client]


@dataclass(frozen=True)
class OAuthSettings:
    """The settings of the authorization server.

    :param strict: whether the reuse of a dead refresh token, or of a code, ends the whole grant.
    :param access_token_lifetime: how long an access token lives, in seconds; fractions count.
    :param code_lifetime: how long an authorization code lives, in seconds.
    :param consent: what the user answers when asked; a request's own ``consent`` parameter comes first.
    :param dead_grant_error: the error code for a refresh token or an authorization code that is not good.
    :param rotation_ends_access_tokens: whether a refresh ends the grant's older access tokens, too.
    :param clients: clients beside the two seeded ones.
    :raises ValueError: for a value out of range.
    """

    strict: bool = False
    access_token_lifetime: float = ACCESS_TOKEN_LIFETIME
    code_lifetime: float = CODE_LIFETIME
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
