"""Access tokens: who calls, and what was granted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from xchat_sandbox.problems import missing_scopes, unauthorized
from xchat_sandbox.seed import MAIN_USER_ID

DEFAULT_TOKEN = "sandbox-token"
READ_ONLY_TOKEN = "sandbox-read-only-token"
WRITE_SCOPE = "dm.write"

_REALM = 'Bearer realm="X Chat sandbox"'


@dataclass(frozen=True)
class Token:
    """An OAuth 2.0 access token of a user.

    :param value: the token itself; it does not show in the repr.
    :param user_id: the seeded user it acts for.
    :param scopes: what was granted; None stands for every scope.
    :raises ValueError: if the value could not be sent in an Authorization header.
    """

    value: str = field(repr=False)
    user_id: str = MAIN_USER_ID
    scopes: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if not self.value or not self.value.isascii() or not self.value.isprintable() or " " in self.value:
            raise ValueError("an access token must be printable ASCII without spaces, and not empty")

    def require(self, scopes: frozenset[str]) -> None:
        """Check that the scopes were granted.

        :param scopes: the scopes an operation needs.
        :raises ProblemError: 403, naming the scopes that are missing.
        """
        if self.scopes is not None and (missing := scopes - self.scopes):
            raise missing_scopes(missing, scopes)


class TokenRegistry:
    """The tokens the sandbox accepts.

    :param tokens: the tokens that never end.
    :param issued: finds a token of the authorization server, as long as it lives.
    """

    def __init__(self, tokens: Iterable[Token], issued: Callable[[str], Token | None]) -> None:
        self._tokens = {token.value: token for token in tokens}
        self._issued = issued

    def authenticate(self, authorization: str | None) -> Token:
        """Find the token of a request.

        :param authorization: the value of the Authorization header, if there was one.
        :returns: the token.
        :raises ProblemError: 401, if there is no bearer token, or it is not known, has expired or was revoked.
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
    """Make the tokens that every sandbox knows; they are no secret.

    :param all_scopes: every scope of the contract.
    :returns: one token that may do everything, and one that may only read.
    """
    return [Token(DEFAULT_TOKEN), Token(READ_ONLY_TOKEN, scopes=all_scopes - {WRITE_SCOPE})]
