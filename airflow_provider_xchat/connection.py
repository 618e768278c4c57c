"""From an Airflow connection to what a client needs; pure, so that every field is checked in one place."""

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

_MEMBERS = [*CONNECTION_FIELDS, "scope"]
# What Airflow and others show in place of a secret.
_MASK = re.compile(r"\*{3,}")
# In seconds, this is the year 5138.
_EARLIEST_IN_MILLISECONDS = 1e11


class AirflowConnection(Protocol):
    """What is needed of Airflow's ``Connection``, in any of its versions."""

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
    What a connection says, checked. It has an access token, or a grant, or both.

    :param base_url: where the API is
    :param access_token: the OAuth 2.0 user access token
    :param timeout: seconds that connecting, or a pause in an answer, may take
    :param grant: what tokens are rotated with; None for a static token
    :param store: dotted path of a token store; None for Airflow Variables
    :param store_kwargs: its keyword arguments
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
    def of(cls, connection: AirflowConnection, conn_id: str | None = None) -> ConnectionSettings:
        """
        Read a connection.

        :param connection: of type ``xchat``
        :param conn_id: its id, for messages, where the connection itself has a temporary one
        :return: its settings
        :raises XChatInputError: when it is of another type, or a field is missing or cannot be used
        """
        conn_id = conn_id or str(connection.conn_id)
        name = f"connection {conn_id!r}"
        if connection.conn_type != CONN_TYPE:
            raise XChatInputError(f"{name} is of type {connection.conn_type!r}; expected one of type {CONN_TYPE!r}")
        extra = checked_extra(connection.extra_dejson, conn_id)
        _warn_of_misspelt(extra, name)
        grant = _grant(connection, extra, name)
        if not connection.password and grant is None:
            raise XChatInputError(
                f"{name} has no password; expected the OAuth 2.0 user access token there, or a refresh_token in the"
                f" extra. This puts both there: {sign_in_command(conn_id, new_client=not connection.login)}"
            )
        if connection.password and _MASK.fullmatch(str(connection.password)):
            raise XChatInputError(_masked(name, "password"))
        return cls(
            base_url=_base_url(connection, name),
            access_token=connection.password or None,
            timeout=_timeout(extra.get("timeout"), name),
            grant=grant,
            # Not "token_store": Airflow would take that for a secret, and its value out of all logs.
            store=_store(extra.get("store"), name),
            store_kwargs=_store_kwargs(extra.get("store_kwargs"), name),
            verify=_verify(extra.get("verify"), name),
        )


def checked_extra(extra: Any, conn_id: str) -> Mapping[str, Any]:
    """
    Check that a connection's extra is a JSON object.

    :param extra: the extra, as Airflow has parsed it
    :param conn_id: the connection's id, for messages
    :return: the extra
    :raises XChatInputError: when it is any other JSON
    """
    if not isinstance(extra, Mapping):
        # It may hold a secret, so it is not shown.
        raise XChatInputError(
            f"connection {conn_id!r} has an extra that is JSON but not an object (a {type(extra).__name__}); expected"
            ' one such as {"refresh_token": "…"}'
        )
    return extra


def _warn_of_misspelt(extra: Mapping[str, Any], name: str) -> None:
    for member in extra:
        plain = str(member).rpartition("__")[2].replace("-", "_").lower()
        likely = get_close_matches(plain, _MEMBERS, 1, 0.8)
        if likely and member not in _MEMBERS:
            log.warning("%s has %r in its extra, which means nothing; is it %r?", name, member, likely[0])


def _masked(name: str, field_name: str) -> str:
    return (
        f"{name} has only asterisks for {field_name}: what Airflow shows in place of a secret was pasted back; expected"
        " the secret itself"
    )


def _grant(connection: AirflowConnection, extra: Mapping[str, Any], name: str) -> Grant | None:
    refresh_token = _secret(extra, "refresh_token", name)
    if refresh_token is None:
        return None
    client_id = str(connection.login or "").strip()
    if not client_id:
        raise XChatInputError(f"{name} has a refresh_token but no login; expected the app's client id there")
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
        raise XChatInputError(_masked(name, member))
    if not isinstance(value, str) or not REFRESH_TOKEN.fullmatch(value):
        raise XChatInputError(
            f"{name} has a {member} that cannot be one; expected text of ASCII characters without spaces and line"
            " breaks"
        )
    return value


def _expires_at(value: Any, name: str) -> float | None:
    seconds = _positive(value)
    if seconds is not None and math.isnan(seconds):
        raise XChatInputError(
            f"{name} has expires_at {value!r} in its extra; expected a number of seconds since 1970-01-01 UTC"
        )
    if seconds is not None and seconds >= _EARLIEST_IN_MILLISECONDS:
        raise XChatInputError(
            f"{name} has expires_at {value!r} in its extra, which looks like milliseconds; expected seconds since"
            f" 1970-01-01 UTC: {seconds / 1000:.0f}"
        )
    return seconds


def _store(value: Any, name: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or "." not in value:
        raise XChatInputError(
            f"{name} has store {value!r} in its extra; expected the dotted path of a class, such as"
            " airflow_provider_xchat.tokens.stores.FileTokenStore"
        )
    return value


def _store_kwargs(value: Any, name: str) -> Mapping[str, Any]:
    parsed = value
    if isinstance(value, str):  # as the connection form has it
        try:
            parsed = json.loads(value or "{}")
        except ValueError:
            parsed = None
    if parsed is None and value is None:
        return {}
    if not isinstance(parsed, dict):
        # It may hold a password, so it is not shown.
        raise XChatInputError(
            f"{name} has store_kwargs of type {type(value).__name__} in its extra that are no JSON object;"
            ' expected one such as {"folder": "/var/lib/xchat"}'
        )
    for member, text in parsed.items():
        if isinstance(text, str) and _MASK.fullmatch(text):
            raise XChatInputError(_masked(name, f"{member} in store_kwargs"))
    return parsed


def _verify(value: Any, name: str) -> str | None:
    text = "" if value is None else str(value).strip()
    if text.lower() in ("", "true"):
        return None
    if not isinstance(value, str) or text.lower() == "false":
        raise XChatInputError(
            f"{name} has verify {value!r} in its extra; expected the path of a file or a folder with the certificates"
            " (PEM) of a private CA, or nothing for the default ones. Verification cannot be turned off, as tokens"
            " would go to an unverified host: name the CA's file instead"
        )
    return text


def _base_url(connection: AirflowConnection, name: str) -> str:
    host = str(connection.host or DEFAULT_HOST).strip()
    if "://" not in host:  # a connection given as a URI has its parts in fields of their own
        host = f"{connection.schema or 'https'}://{host}"
    port = connection.port or None  # 0 means nothing
    try:
        parts = urlsplit(host)
        usable = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
        own_port = parts.port
    except ValueError:  # also for a port that is no number
        usable = own_port = None
    if not usable or parts.username or parts.password:
        # The host may hold credentials, so it is not shown.
        raise XChatInputError(f"{name} has a host that is no plain http(s) URL; expected one like {DEFAULT_HOST}")
    if port is not None and own_port is None:
        parts = parts._replace(netloc=f"{parts.netloc.rstrip(':')}:{port}")
    elif port is not None and str(port) != str(own_port):
        raise XChatInputError(
            f"{name} has port {own_port} in its host and port {port} in its field port; expected it in one of them"
        )
    return urlunsplit(parts).rstrip("/")


def _timeout(value: Any, name: str) -> float:
    seconds = _positive(value)
    if seconds is None:
        return DEFAULT_TIMEOUT
    if math.isnan(seconds):
        raise XChatInputError(f"{name} has timeout {value!r} in its extra; expected a number of seconds above 0")
    return seconds


def _positive(value: Any) -> float | None:
    """Read a number above 0 that may come as text; None when there is none, NaN when it is anything else."""
    if value is None or value == "":
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if 0 < number < math.inf else math.nan
