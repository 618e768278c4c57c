"""
Certificates and proxies for HTTP clients: the connection's ``verify``, and environment variables.

httpx reads those when it makes a client, and raises almost anything for those that cannot be used.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from airflow_provider_xchat.exceptions import XChatInputError

__all__ = ["making_client", "ssl_context", "tls_fault"]

_OF_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
# What OpenSSL calls an answer that is not TLS.
_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}


def ssl_context(verify: str | None = None, conn_id: str = "xchat_default") -> ssl.SSLContext:
    """
    Return the SSL context for a client.

    :param verify: file or folder with the CA certificates to trust (PEM); None for those of ``SSL_CERT_FILE`` or
        ``SSL_CERT_DIR``, else those of certifi
    :param conn_id: the connection that ``verify`` comes from, for messages
    :raises XChatInputError: when ``verify`` or an environment variable for certificates cannot be used
    """
    certificates = None if verify is None else _certificates(verify, conn_id)
    try:
        return httpx.create_ssl_context() if certificates is None else ssl.create_default_context(cadata=certificates)
    except (OSError, ValueError) as error:  # also ssl.SSLError
        name = "SSL_CERT_FILE" if os.environ.get("SSL_CERT_FILE") and not _has_certificates() else "SSLKEYLOGFILE"
        expected = "a file with certificates (PEM)" if name == "SSL_CERT_FILE" else "a file that can be written"
        raise XChatInputError(
            f"the environment variable {name} is {os.environ.get(name, '')!r}, which cannot be used"
            f" ({type(error).__name__}: {error}); expected {expected}. Nothing was sent"
        ) from None


@contextmanager
def making_client() -> Iterator[None]:
    """
    Turn what httpx raises while it makes a client into an error that names the environment variable.

    :raises XChatInputError: when an environment variable for proxies cannot be used
    """
    try:
        yield
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        # The values are not shown, as they may hold a password.
        name = next((name for name in _names_of_proxies() if not _is_usable(os.environ[name])), "NO_PROXY")
        expected = "http://HOST:PORT, https://HOST:PORT or, with the package socksio, socks5://HOST:PORT"
        if name == "NO_PROXY":
            expected = "host names and addresses, separated by commas; an IPv6 address without a bracket"
        raise XChatInputError(
            f"the environment variable {name} has a proxy setting that cannot be used ({type(error).__name__});"
            f" expected {expected}. Nothing was sent"
        ) from None


def tls_fault(error: BaseException | None) -> str | None:
    """
    Return advice about TLS for an error that another attempt would not cure.

    :param error: what httpx raised
    :return: a sentence with advice; None for any other error
    """
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate cannot be verified ({error.verify_message}). For a CA of your own, name a file with its"
            " certificate (PEM) in verify in the connection's extra, or in the environment variable SSL_CERT_FILE"
        )
    if isinstance(error, ssl.SSLError) and error.reason in _NOT_TLS:
        return "it does not speak TLS. Was http:// left out of the connection's host, or is it a wrong port?"
    return None


def _certificates(verify: str, conn_id: str) -> str:
    """Read the PEM certificates in a file, or in all files of a folder."""
    try:
        place = Path(verify)
        files = sorted(path for path in place.iterdir() if path.is_file()) if place.is_dir() else [place]
        # Comments beside the certificates may be in any encoding.
        text = "\n".join(path.read_text(encoding="ascii", errors="ignore") for path in files)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (OSError, ValueError) as error:  # also ssl.SSLError
        raise XChatInputError(
            f"connection {conn_id!r} has verify {verify!r} in its extra, which cannot be used ({type(error).__name__}:"
            f" {error}); expected the path of a file or a folder with the CA's certificates (PEM). Nothing was sent"
        ) from None
    return text


def _has_certificates() -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(os.environ["SSL_CERT_FILE"])
    except OSError:
        return False
    return True


def _names_of_proxies() -> list[str]:
    return [name for each in _OF_PROXIES for name in (each, each.lower()) if os.environ.get(name)]


def _is_usable(proxy: str) -> bool:
    try:
        # As httpx reads them; the context is not used.
        url = proxy if "://" in proxy else f"http://{proxy}"
        httpx.Client(proxy=url, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)).close()
    except (ImportError, ValueError, httpx.InvalidURL):
        return False
    return True
