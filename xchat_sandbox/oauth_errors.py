"""Refusals of the authorization server, in the form of RFC 6749 and not as problems."""

from collections.abc import Mapping

_REALM = 'Basic realm="X Chat sandbox"'


class OAuthError(Exception):
    """A request to the authorization server is refused.

    :param error: the error code.
    :param description: what is wrong, in words; never a value that was sent.
    :param status: the HTTP status.
    :param headers: headers to add to the answer.
    """

    def __init__(
        self, error: str, description: str, *, status: int = 400, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
        self.headers = dict(headers or {})

    @property
    def members(self) -> dict[str, str]:
        """The members of the answer's document, or the parameters of a redirect."""
        return {"error": self.error, "error_description": self.description}


def malformed(description: str) -> OAuthError:
    """Refuse a request that lacks something, or says it twice.

    :param description: what is wrong.
    :returns: the error, to be raised.
    """
    return OAuthError("invalid_request", description)


def unknown_client(description: str) -> OAuthError:
    """Refuse a client that is not known, or did not show who it is in the way it has to.

    :param description: what is wrong.
    :returns: the error, to be raised.
    """
    return OAuthError("invalid_client", description, status=401, headers={"www-authenticate": _REALM})
