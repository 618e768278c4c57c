"""The grants by themselves, with a clock that is turned by hand."""

import pytest

from xchat_sandbox.oauth.errors import OAuthError
from xchat_sandbox.oauth.grants import Grants, s256
from xchat_sandbox.oauth.settings import OAuthSettings

CLIENT = "sandbox-public-client"
URI = "http://127.0.0.1/"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_challenge_is_that_of_the_rfc() -> None:
    assert s256(VERIFIER) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(("settings", "lifetime"), [(OAuthSettings(), 30), (OAuthSettings(code_lifetime=0.5), 0.5)])
def test_a_code_expires(clock: Clock, settings: OAuthSettings, lifetime: float) -> None:
    grants = Grants(settings, clock)
    in_time, late = (grants.authorize(CLIENT, URI, ["dm.read"], s256(VERIFIER)) for _ in range(2))
    clock.now += lifetime - 0.01
    assert grants.exchange(CLIENT, in_time, URI, VERIFIER).scopes == ("dm.read",)
    clock.now += 0.01
    with pytest.raises(OAuthError, match="authorization code"):
        grants.exchange(CLIENT, late, URI, VERIFIER)


def test_an_access_token_expires_and_its_refresh_token_does_not(clock: Clock) -> None:
    grants = Grants(OAuthSettings(), clock)
    grant = grants.grant(CLIENT, ["offline.access"], "1")
    clock.now += 7199.9
    token = grants.find(grant.access_token)
    assert token is not None
    assert (token.user_id, token.scopes) == ("1", {"offline.access"})
    clock.now += 0.1
    assert grants.find(grant.access_token) is None
    clock.now += 1e7
    assert grant.refresh_token is not None
    assert grants.find(grants.rotate(CLIENT, grant.refresh_token).access_token) is not None


@pytest.mark.parametrize("expires_in", [0, -5, -1e9])
def test_a_token_can_be_born_expired(clock: Clock, expires_in: float) -> None:
    grants = Grants(OAuthSettings(), clock)
    assert grants.find(grants.grant(CLIENT, [], "1", expires_in).access_token) is None


def test_no_token_shows_in_a_repr() -> None:
    grant = Grants(OAuthSettings()).grant(CLIENT, ["offline.access"], "1")
    assert grant.access_token not in repr(grant)
    assert grant.refresh_token is not None
    assert grant.refresh_token not in repr(grant)
