"""Read and check the fields of an Airflow connection. Pure: no network, no Airflow."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_xchat.advice import sign_in_command
from airflow_provider_xchat.exceptions import XChatInputError
from airflow_provider_xchat.provider_info import CONNECTION_FIELDS
from airflow_provider_xchat.tokens.model import REFRESH_TOKEN, Grant

__all__ = ["CONN_TYPE", "ConnectionSettings", "checked_extra"]

log = logging.getLogger(__name__)

CONN_TYPE = "xchat"

DEFAULT_HOST = "https://api.x.com"
DEFAULT_TIMEOUT = 30.0

_EXTRA_FIELDS = [*CONNECTION_FIELDS, "scope"]
# Airflow shows secrets as asterisks.
_MASK = re.compile(r"\*{3,}")
# In seconds, this is the year 5138.
_EARLIEST_IN_MILLISECONDS = 1e11


class AirflowConnection(Protocol):
    """The attributes used of Airflow's ``Connection``, the same in all versions."""

    conn_id: Any
    conn_type: Any
    host: Any
    port: Any
    schema: Any
    login: Any
    password: Any

    @property
    def extra_dejson(self) -> Any:
        """The extra as an object."""


@dataclass(frozen=True)
class ConnectionSettings:
    """
    Checked fields of a connection, with an access token, a grant, or both.

    :param base_url: URL of the API
    :param access_token: the OAuth 2.0 user access token
    :param timeout: seconds that connecting, or a pause in a response, may take
    :param grant: the grant for rotating tokens; None for a static token
    :param store: dotted path of a token store; None for Airflow Variables
    :param store_kwargs: keyword arguments of the token store
    :param verify: file or folder with the CA certificates to trust; None for the default ones
    """

    base_url: str
    access_token: str | None = field(repr=False)
    timeout: float = DEFAULT_TIMEOUT
    grant: Grant | None = None
    store: str | None = None
    store_kwargs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    verify: str | None = None

    @classmethod
    def from_connection(cls, connection: AirflowConnection, conn_id: str | None = None) -> ConnectionSettings:
        """
        Read a connection.

        :param connection: a connection of type ``xchat``
        :param conn_id: its id for messages, if the connection object has a temporary one
        :return: its settings
        :raises XChatInputError: when the type is another, or a field is missing or invalid
        """
        conn_id = conn_id or str(connection.conn_id)
        name = f"connection {conn_id!r}"
        if connection.conn_type != CONN_TYPE:
            raise XChatInputError(f"{name} has type {connection.conn_type!r}: expected {CONN_TYPE!r}")
        extra = checked_extra(connection.extra_dejson, conn_id)
        _warn_about_typos(extra, name)
        grant = _grant(connection, extra, name)
        if not connection.password and grant is None:
            raise XChatInputError(
                f"{name} has no password: expected the OAuth 2.0 user access token, or a refresh_token in the extra. To"
                f" sign in and set both: {sign_in_command(conn_id, new_client=not connection.login)}"
            )
        if connection.password and _MASK.fullmatch(str(connection.password)):
            raise _masked_error(name, "password")
        return cls(
            base_url=_base_url(connection, name),
            access_token=connection.password or None,
            timeout=_timeout(extra.get("timeout"), name),
            grant=grant,
            # Not named "token_store": Airflow masks values whose key contains "token", in all logs.
            store=_store(extra.get("store"), name),
            store_kwargs=_store_kwargs(extra.get("store_kwargs"), name),
            verify=_verify(extra.get("verify"), name),
        )


def checked_extra(extra: Any, conn_id: str) -> Mapping[str, Any]:
    """
    Check that a connection's extra is a JSON object.

    :param extra: the extra, parsed by Airflow
    :param conn_id: id of the connection, for messages
    :return: the extra
    :raises XChatInputError: when it is other JSON
    """
    if not isinstance(extra, Mapping):
        # It may contain a secret, so it is not shown.
        raise XChatInputError(
            f"connection {conn_id!r} has an invalid extra (a {type(extra).__name__}): expected a JSON object such as"
            ' {"refresh_token": "…"}'
        )
    return extra


def _warn_about_typos(extra: Mapping[str, Any], name: str) -> None:
    for member in extra:
        plain = str(member).rpartition("__")[2].replace("-", "_").lower()
        likely = get_close_matches(plain, _EXTRA_FIELDS, 1, 0.8)
        if likely and member not in _EXTRA_FIELDS:
            log.warning("%s has the unknown field %r in its extra: did you mean %r?", name, member, likely[0])


def _masked_error(name: str, field_name: str) -> XChatInputError:
    return XChatInputError(
        f"{name} has only asterisks as {field_name}, which Airflow shows instead of secrets: expected the secret itself"
    )


def _grant(connection: AirflowConnection, extra: Mapping[str, Any], name: str) -> Grant | None:
    refresh_token = _secret(extra, "refresh_token", name)
    if refresh_token is None:
        return None
    client_id = str(connection.login or "").strip()
    if not client_id:
        raise XChatInputError(f"{name} has a refresh_token but no login: expected the app's client id as login")
    return Grant(
        client_id,
        refresh_token,
        _secret(extra, "client_secret", name),
        connection.password or None,
        _expires_at(extra.get("expires_at"), name),
        str(extra.get("scope") or ""),
    )


def _secret(extra: Mapping[str, Any], member: str, name: str) -> str | None:
    value = extra.get(member)
    if value is None or value == "":
        return None
    if isinstance(value, str) and _MASK.fullmatch(value):
        raise _masked_error(name, member)
    if not isinstance(value, str) or not REFRESH_TOKEN.fullmatch(value):
        raise XChatInputError(
            f"{name} has an invalid {member}: expected ASCII characters without spaces and line breaks"
        )
    return value


def _expires_at(value: Any, name: str) -> float | None:
    seconds = _positive(value)
    if seconds is not None and math.isnan(seconds):
        raise XChatInputError(
            f"{name} has an invalid expires_at {value!r} in its extra: expected seconds since 1970-01-01 UTC"
        )
    if seconds is not None and seconds >= _EARLIEST_IN_MILLISECONDS:
        raise XChatInputError(
            f"{name} has expires_at {value!r} in its extra, which seems to be in milliseconds: expected seconds since"
            f" 1970-01-01 UTC, such as {seconds / 1000:.0f}"
        )
    return seconds


def _store(value: Any, name: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or "." not in value:
        raise XChatInputError(
            f"{name} has an invalid store {value!r} in its extra: expected the dotted path of a class, such as"
            " airflow_provider_xchat.tokens.stores.FileTokenStore"
        )
    return value


def _store_kwargs(value: Any, name: str) -> Mapping[str, Any]:
    parsed = value
    if isinstance(value, str):  # from the connection form
        try:
            parsed = json.loads(value or "{}")
        except ValueError:
            parsed = None
    if parsed is None and value is None:
        return {}
    if not isinstance(parsed, dict):
        # It may contain a password, so it is not shown.
        raise XChatInputError(
            f"{name} has invalid store_kwargs (a {type(value).__name__}) in its extra: expected a JSON object such as"
            ' {"folder": "/var/lib/xchat"}'
        )
    for member, text in parsed.items():
        if isinstance(text, str) and _MASK.fullmatch(text):
            raise _masked_error(name, f"{member} in store_kwargs")
    return parsed


def _verify(value: Any, name: str) -> str | None:
    text = "" if value is None else str(value).strip()
    if text.lower() in ("", "true"):
        return None
    if not isinstance(value, str) or text.lower() == "false":
        raise XChatInputError(
            f"{name} has an invalid verify {value!r} in its extra: expected the path of a file or folder with the"
            " certificates (PEM) of a private CA, or nothing for the default CAs. Verification cannot be turned off"
        )
    return text


def _base_url(connection: AirflowConnection, name: str) -> str:
    host = str(connection.host or DEFAULT_HOST).strip()
    if "://" not in host:  # a connection from a URI has the scheme in another field
        host = f"{connection.schema or 'https'}://{host}"
    port = connection.port or None  # 0 stands for no port
    try:
        parts = urlsplit(host)
        is_valid = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
        own_port = parts.port
    except ValueError:  # also for an invalid port
        is_valid = own_port = None
    if not is_valid or parts.username or parts.password:
        # It may contain credentials, so it is not shown.
        raise XChatInputError(f"{name} has an invalid host: expected an http(s) URL such as {DEFAULT_HOST}")
    if port is not None and own_port is None:
        parts = parts._replace(netloc=f"{parts.netloc.rstrip(':')}:{port}")
    elif port is not None and str(port) != str(own_port):
        raise XChatInputError(f"{name} has port {own_port} in host and {port} in port: expected one port")
    return urlunsplit(parts).rstrip("/")


def _timeout(value: Any, name: str) -> float:
    seconds = _positive(value)
    if seconds is None:
        return DEFAULT_TIMEOUT
    if math.isnan(seconds):
        raise XChatInputError(
            f"{name} has an invalid timeout {value!r} in its extra: expected a positive number of seconds"
        )
    return seconds


def _positive(value: Any) -> float | None:
    """Return a positive number, which may be a text; None for no value, NaN for an invalid one."""
    if value is None or value == "":
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if 0 < number < math.inf else math.nan
