"""
Certificates and proxies for HTTP clients: the connection's ``verify``, and environment variables.

httpx reads these variables when a client is made, and raises errors of many types for invalid ones.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from airflow_provider_xchat.exceptions import XChatInputError

__all__ = ["proxy_errors", "ssl_context"]

_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def ssl_context(verify: str | None = None, conn_id: str = "xchat_default") -> ssl.SSLContext:
    """
    Return the SSL context for a client.

    :param verify: file or folder with the CA certificates to trust (PEM); None for those of ``SSL_CERT_FILE`` or
        ``SSL_CERT_DIR``, else those of certifi
    :param conn_id: id of the connection with ``verify``, for messages
    :raises XChatInputError: when ``verify`` or an environment variable for certificates is invalid
    """
    certificates = None if verify is None else _certificates(verify, conn_id)
    try:
        return httpx.create_ssl_context() if certificates is None else ssl.create_default_context(cadata=certificates)
    except (OSError, ValueError) as error:  # also ssl.SSLError
        name = "SSL_CERT_FILE" if os.environ.get("SSL_CERT_FILE") and not _has_certificates() else "SSLKEYLOGFILE"
        expected = "a file with certificates (PEM)" if name == "SSL_CERT_FILE" else "a file that can be written"
        raise XChatInputError(
            f"Invalid environment variable {name} {os.environ.get(name, '')!r} ({type(error).__name__}: {error}):"
            f" expected {expected}. Nothing was sent"
        ) from None


@contextmanager
def proxy_errors() -> Iterator[None]:
    """
    Raise an error that names the environment variable instead of one of httpx.

    :raises XChatInputError: when an environment variable for proxies is invalid
    """
    try:
        yield
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        # The value is not shown, as it may contain a password.
        name = next((name for name in _proxy_variables() if not _is_usable(os.environ[name])), "NO_PROXY")
        expected = "http://HOST:PORT, https://HOST:PORT or, with the package socksio, socks5://HOST:PORT"
        if name == "NO_PROXY":
            expected = "host names and addresses separated by commas, IPv6 addresses without brackets"
        raise XChatInputError(
            f"Invalid proxy in the environment variable {name} ({type(error).__name__}): expected {expected}. Nothing"
            " was sent"
        ) from None


def _certificates(verify: str, conn_id: str) -> str:
    """Return the PEM certificates in a file, or in all files of a folder."""
    try:
        place = Path(verify)
        files = sorted(path for path in place.iterdir() if path.is_file()) if place.is_dir() else [place]
        # Comments in such files may be in any encoding.
        text = "\n".join(path.read_text(encoding="ascii", errors="ignore") for path in files)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (OSError, ValueError) as error:  # also ssl.SSLError
        raise XChatInputError(
            f"connection {conn_id!r} has an invalid verify {verify!r} in its extra ({type(error).__name__}: {error}):"
            " expected the path of a file or folder with the CA's certificates (PEM). Nothing was sent"
        ) from None
    return text


def _has_certificates() -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(os.environ["SSL_CERT_FILE"])
    except OSError:
        return False
    return True


def _proxy_variables() -> list[str]:
    return [name for each in _PROXY_VARIABLES for name in (each, each.lower()) if os.environ.get(name)]


def _is_usable(proxy: str) -> bool:
    try:
        # The same reading as for a real client; the context is not used.
        url = proxy if "://" in proxy else f"http://{proxy}"
        httpx.Client(proxy=url, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)).close()
    except (ImportError, ValueError, httpx.InvalidURL):
        return False
    return True
