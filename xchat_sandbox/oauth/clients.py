"""OAuth 2.0 clients: their credentials, authentication and redirect URIs."""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from urllib.parse import SplitResult, unquote_plus, urlsplit

from xchat_sandbox.oauth.errors import malformed, unknown_client

PUBLIC_CLIENT_ID = "sandbox-public-client"
CONFIDENTIAL_CLIENT_ID = "sandbox-confidential-client"
CONFIDENTIAL_CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105 - a secret that everybody may know

_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost"})


@dataclass(frozen=True)
class Client:
    """OAuth 2.0 client that is registered with the authorization server.

    :param client_id: its client id.
    :param client_secret: the client secret of a confidential client; None for a public one.
    :param redirect_uris: its redirect URIs; empty for all loopback URIs. They must match exactly, except for the port
        of a loopback URI (RFC 8252).
    :raises ValueError: for an invalid client id, an empty secret, or a redirect URI that is not absolute.
    """

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    redirect_uris: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.client_id or not self.client_id.isascii() or not self.client_id.isprintable():
            raise ValueError(f"invalid client id {self.client_id!r}: expected printable ASCII, not empty")
        if self.client_secret is not None and not self.client_secret:
            raise ValueError(f"the secret of client {self.client_id} is empty; a public client has None")
        for uri in self.redirect_uris:
            if _split(uri) is None:
                raise ValueError(f"invalid redirect URI {uri!r} of client {self.client_id}: expected an absolute URI")

    def may_redirect_to(self, uri: str) -> bool:
        """Return whether a redirect URI is registered.

        :param uri: the decoded URI.
        :return: whether the client may be redirected to it.
        """
        parts = _split(uri)
        if parts is None:
            return False
        if not self.redirect_uris:
            return _is_loopback(parts)
        return uri in self.redirect_uris or any(_equal_except_port(parts, other) for other in self.redirect_uris)


class Clients:
    """All registered clients: the two default ones, and more.

    :param more: additional clients.
    :raises ValueError: if two have the same id.
    """

    def __init__(self, more: Iterable[Client] = ()) -> None:
        default = (Client(PUBLIC_CLIENT_ID), Client(CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET))
        self._clients: dict[str, Client] = {}
        for client in (*default, *more):
            if client.client_id in self._clients:
                raise ValueError(f"there are two clients {client.client_id}")
            self._clients[client.client_id] = client

    def find(self, client_id: str | None) -> Client | None:
        """Find a client by its id, without authentication.

        :param client_id: the client id.
        :return: the client; None if the id is unknown.
        """
        return None if client_id is None else self._clients.get(client_id)

    def authenticate(self, authorization: str | None, form: Mapping[str, str]) -> Client:
        """Authenticate a client: a confidential one by HTTP Basic, a public one by its ``client_id``.

        :param authorization: the value of the Authorization header, if there was one.
        :param form: the parameters in the body.
        :return: the client.
        :raises OAuthError: 401 for an unknown client or the wrong method, 400 for both methods at once.
        """
        if authorization is None:
            return self._public(form)
        if "client_id" in form or "client_secret" in form:
            raise malformed("Client credentials are in the Authorization header and in the body: send them once.")
        client_id, secret = basic_credentials(authorization)
        client = self.find(client_id)
        if client is None or client.client_secret is None:
            raise unknown_client("No confidential client has these credentials.")
        if secret is None or not compare_digest(secret.encode(), client.client_secret.encode()):
            raise unknown_client("No confidential client has these credentials.")
        return client

    def _public(self, form: Mapping[str, str]) -> Client:
        if "client_secret" in form:
            raise unknown_client("A client secret must be sent in the Authorization header.")
        if "client_id" not in form:
            raise unknown_client("Missing valid authorization header, or client_id of a public client.")
        client = self.find(form["client_id"])
        if client is None or client.client_secret is not None:
            raise unknown_client("No public client has this client_id.")
        return client


def basic_credentials(authorization: str) -> tuple[str | None, str | None]:
    """Parse HTTP Basic credentials, each part form-encoded as in RFC 6749.

    :param authorization: the value of an Authorization header.
    :return: the client id and the client secret; None for both if the value is invalid.
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        credentials = b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None, None
    client_id, colon, secret = credentials.partition(":")
    return (unquote_plus(client_id), unquote_plus(secret)) if colon else (None, None)


def _split(uri: str) -> SplitResult | None:
    # urlsplit drops some characters, such as line breaks; they must not get into a Location header.
    if not uri.isascii() or not uri.isprintable() or " " in uri or "\\" in uri or "#" in uri:
        return None
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme and parts.netloc and "@" not in parts.netloc else None


def _is_loopback(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in _LOOPBACK_HOSTS


def _equal_except_port(parts: SplitResult, registered: str) -> bool:
    other = urlsplit(registered)
    if not _is_loopback(parts) or not _is_loopback(other):
        return False
    return (parts.hostname, parts.path, parts.query) == (other.hostname, other.path, other.query)
