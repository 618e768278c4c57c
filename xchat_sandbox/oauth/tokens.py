"""Access tokens, with their users and scopes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from xchat_sandbox.seed import MAIN_USER_ID
from xchat_sandbox.wire.problems import missing_scopes, unauthorized

DEFAULT_TOKEN = "sandbox-token"
READ_ONLY_TOKEN = "sandbox-read-only-token"
WRITE_SCOPE = "dm.write"

_REALM = 'Bearer realm="X Chat sandbox"'


@dataclass(frozen=True)
class Token:
    """OAuth 2.0 access token of a user.

    :param value: the token; the repr leaves it out.
    :param user_id: the user.
    :param scopes: the granted scopes; None for all scopes.
    :raises ValueError: if the value is invalid in an Authorization header.
    """

    value: str = field(repr=False)
    user_id: str = MAIN_USER_ID
    scopes: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if not self.value or not self.value.isascii() or not self.value.isprintable() or " " in self.value:
            raise ValueError("an access token must be printable ASCII without spaces, and not empty")

    def require(self, scopes: frozenset[str]) -> None:
        """Raise an error unless scopes were granted.

        :param scopes: the scopes that an operation requires.
        :raises ProblemError: 403 with the missing scopes.
        """
        if self.scopes is not None and (missing := scopes - self.scopes):
            raise missing_scopes(missing, scopes)


class TokenRegistry:
    """All valid access tokens.

    :param tokens: static tokens, which never expire.
    :param issued: a function that finds a valid token of the authorization server.
    """

    def __init__(self, tokens: Iterable[Token], issued: Callable[[str], Token | None]) -> None:
        self._tokens = {token.value: token for token in tokens}
        self._issued = issued

    def authenticate(self, authorization: str | None) -> Token:
        """Return the token of a request.

        :param authorization: the value of the Authorization header, if there was one.
        :return: the token.
        :raises ProblemError: 401 without a bearer token, or for one that is unknown, expired or revoked.
        """
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise unauthorized("A bearer token is needed in the Authorization header.", _REALM)
        token = self._tokens.get(value.strip()) or self._issued(value.strip())
        if token is None:
            raise unauthorized(
                "The access token is not known, has expired or was revoked.", f'{_REALM}, error="invalid_token"'
            )
        return token


def default_tokens(all_scopes: frozenset[str]) -> list[Token]:
    """Return the static tokens of every sandbox; they are public.

    :param all_scopes: all scopes of the contract.
    :return: one token with all scopes, and one that can only read.
    """
    return [Token(DEFAULT_TOKEN), Token(READ_ONLY_TOKEN, scopes=all_scopes - {WRITE_SCOPE})]
