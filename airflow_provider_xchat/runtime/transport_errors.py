"""Turn the errors of httpx into ours."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import httpx

from airflow_provider_xchat.exceptions import XChatConnectionError
from airflow_provider_xchat.runtime.redaction import redact

__all__ = ["transport_errors"]

# What httpx raises before it has sent anything.
_BEFORE_SENDING = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout),
    *(httpx.ProxyError, httpx.UnsupportedProtocol, httpx.InvalidURL),
)
# OpenSSL's reasons for a response that is not TLS.
_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}


@contextmanager
def transport_errors(request: str, base_url: str, secrets: Callable[[], Iterable[str]] | None = None) -> Iterator[None]:
    """
    Raise an error of ours instead of one of httpx, without its cause, which may quote the response.

    :param request: method and path of the request
    :param base_url: URL of the API
    :param secrets: returns the secrets to redact in the text of the error; None to leave its text out, as the response
        may contain secrets that are not known yet
    :raises XChatConnectionError: when there is no complete response
    """
    try:
        yield
    except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
        advice = _tls_advice(error)
        reason = type(error).__name__
        if isinstance(error, httpx.TimeoutException):
            message = f"no response to {request} from {base_url} in time ({reason}); see timeout in the connection"
        else:
            detail = "" if secrets is None else f": {redact(str(error), secrets())}"
            message = f"no complete response to {request} from {base_url}: {advice or reason + detail}"
        raise XChatConnectionError(
            message,
            nothing_sent=isinstance(error, _BEFORE_SENDING),
            request=request,
            may_pass=advice is None,
        ) from None


def _tls_advice(error: BaseException | None) -> str | None:
    """Return advice about an error of TLS that a retry cannot cure; None for any other error."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate cannot be verified ({error.verify_message}). For a private CA, name a file with its"
            " certificate (PEM) in verify in the connection's extra, or in the environment variable SSL_CERT_FILE"
        )
    if isinstance(error, ssl.SSLError) and error.reason in _NOT_TLS:
        return "the server does not speak TLS. Check the scheme (http://) and the port of the connection's host"
    return None
