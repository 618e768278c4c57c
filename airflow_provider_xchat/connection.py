"""From an Airflow connection to what a client needs; pure, so that every field is checked in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from airflow_provider_xchat.exceptions import XChatInputError

__all__ = ["ConnectionSettings"]

DEFAULT_HOST = "https://api.x.com"
DEFAULT_TIMEOUT = 30.0


class AirflowConnection(Protocol):
    """What is needed of Airflow's ``Connection``, in any of its versions."""

    conn_id: Any
    host: Any
    port: Any
    schema: Any
    password: Any

    @property
    def extra_dejson(self) -> Any:
        """The extra as an object."""


@dataclass(frozen=True)
class ConnectionSettings:
    """
    What a connection says, checked.

    :param base_url: where the API is
    :param access_token: the OAuth 2.0 user access token
    :param timeout: seconds that connecting, or a pause in an answer, may take
    """

    base_url: str
    access_token: str = field(repr=False)
    timeout: float = DEFAULT_TIMEOUT

    @classmethod
    def of(cls, connection: AirflowConnection) -> ConnectionSettings:
        """
        Read a connection.

        :param connection: of type ``xchat``
        :return: its settings
        :raises XChatInputError: when a field is missing or cannot be used
        """
        name = f"connection {connection.conn_id!r}"
        if not connection.password:
            raise XChatInputError(f"{name} has no password; expected the OAuth 2.0 user access token there")
        return cls(
            base_url=_base_url(connection, name),
            access_token=connection.password,
            timeout=_timeout(connection.extra_dejson.get("timeout"), name),
        )


def _base_url(connection: AirflowConnection, name: str) -> str:
    host = str(connection.host or DEFAULT_HOST).strip()
    if "://" not in host:  # a connection given as a URI has its parts in fields of their own
        port = f":{connection.port}" if connection.port else ""
        host = f"{connection.schema or 'https'}://{host}{port}"
    try:
        parts = urlsplit(host)
        usable = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
        parts.port  # noqa: B018  raises for a port that is no number
    except ValueError:
        usable = None
    if not usable or parts.username or parts.password:
        # The host may hold credentials, so it is not shown.
        raise XChatInputError(f"{name} has a host that is no plain http(s) URL; expected one like {DEFAULT_HOST}")
    return host.rstrip("/")


def _timeout(value: Any, name: str) -> float:
    if value is None or value == "":
        return DEFAULT_TIMEOUT
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not (0 < seconds < math.inf):
        raise XChatInputError(f"{name} has timeout {value!r} in its extra; expected a number of seconds above 0")
    return seconds
