"""Errors of the authorization server, in the form of RFC 6749."""

from collections.abc import Mapping

_REALM = 'Basic realm="X Chat sandbox"'


class OAuthError(Exception):
    """Error response of the authorization server.

    :param error: the error code.
    :param description: the error in words, without any value of the request.
    :param status: the HTTP status.
    :param headers: additional headers of the response.
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
        """The members of the response document, or the parameters of a redirect."""
        return {"error": self.error, "error_description": self.description}


def malformed(description: str) -> OAuthError:
    """Return the error for a request with missing, repeated or invalid parameters.

    :param description: the error in words.
    :return: the error, to be raised.
    """
    return OAuthError("invalid_request", description)


def unknown_client(description: str) -> OAuthError:
    """Return the error for failed client authentication.

    :param description: the error in words.
    :return: the error, to be raised.
    """
    return OAuthError("invalid_client", description, status=401, headers={"www-authenticate": _REALM})
