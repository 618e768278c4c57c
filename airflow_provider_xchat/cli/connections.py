"""
Read and write Airflow connections, like ``airflow connections``.

Environment variables and secrets backends override the database, and cannot be written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from airflow.configuration import ensure_secrets_loaded
from airflow.models.connection import Connection
from airflow.utils.session import create_session
from cryptography.fernet import InvalidToken
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_xchat.advice import sign_in_command
from airflow_provider_xchat.connection import CONN_TYPE, ConnectionSettings, checked_extra
from airflow_provider_xchat.exceptions import XChatError, XChatInputError
from airflow_provider_xchat.tokens.model import Grant, Token

__all__ = [
    "CONN_TYPE",
    "ConnectionFields",
    "FoundConnection",
    "change",
    "connections_sharing",
    "environment_variable",
    "find",
    "get",
]

# Airflow's pattern; it drops other ids without an error.
_CONN_ID = re.compile(r"[\w#!()\-.:/\\]{1,250}")
_TOKENS = ("refresh_token", "expires_at", "scope")


@dataclass
class ConnectionFields:
    """Fields of a connection."""

    conn_id: str
    conn_type: str = CONN_TYPE
    description: str | None = None
    host: str | None = None
    schema: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    port: int | None = None
    extra_dejson: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def client_secret(self) -> str | None:
        """The secret of a confidential client."""
        return self.extra_dejson.get("client_secret") or None

    @property
    def has_tokens(self) -> bool:
        """Whether it has an access token or a refresh token."""
        return bool(self.password or self.extra_dejson.get("refresh_token"))

    def with_client(self, client_id: str, client_secret: str | None, host: str | None) -> ConnectionFields:
        """
        Return a copy with another client, without tokens.

        :param client_id: the app's client id
        :param client_secret: for confidential clients
        :param host: URL of the API; None for no change
        """
        extra = {name: value for name, value in self.extra_dejson.items() if name != "client_secret"}
        secret = {"client_secret": client_secret} if client_secret else {}
        fields = replace(self, login=client_id, extra_dejson={**extra, **secret}).without_tokens()
        # A connection from a URI has parts of the host in schema and port.
        return fields if host is None else replace(fields, host=host, schema=None, port=None)

    def with_token(self, token: Token) -> ConnectionFields:
        """
        Return a copy with the token of a sign-in.

        :param token: the token
        """
        expires_at = None if token.expires_at is None else int(token.expires_at)
        members = {"refresh_token": token.refresh_token, "expires_at": expires_at, "scope": token.scope}
        extra = {name: value for name, value in members.items() if value}
        fields = self.without_tokens()
        return replace(fields, password=token.access_token, extra_dejson={**fields.extra_dejson, **extra})

    def without_tokens(self) -> ConnectionFields:
        """Return a copy without the tokens and scopes of a sign-in."""
        extra = {name: value for name, value in self.extra_dejson.items() if name not in _TOKENS}
        return replace(self, password=None, extra_dejson=extra)

    def with_port(self) -> ConnectionFields:
        """Return a copy with port 0 instead of none, for which Airflow 3.3.1 and 3.3.2 cannot test a connection."""
        return replace(self, port=self.port or 0)

    def to_json(self) -> str:
        """Return it as JSON in one line, for an environment variable."""
        names = ("conn_type", "description", "host", "schema", "login", "password", "port")
        members = {**{name: getattr(self, name) for name in names}, "extra": dict(self.extra_dejson)}
        return json.dumps({name: value for name, value in members.items() if value})

    def to_uri(self) -> str:
        """Return it as a URI, for an environment variable."""
        connection = Connection(conn_id=self.conn_id)
        _fill(connection, self)
        return str(connection.get_uri())


@dataclass(frozen=True)
class FoundConnection:
    """
    Connection with its source.

    :param fields: its fields
    :param source: its source, in words
    :param in_database: whether the source is the database
    """

    fields: ConnectionFields
    source: str
    in_database: bool


def find(conn_id: str) -> FoundConnection | None:
    """
    Look up a connection in all sources of Airflow, in the same order.

    :param conn_id: its id
    :return: the connection; None if no source has it
    :raises XChatError: when a source cannot be read
    :raises XChatInputError: when the id is invalid, or the connection has another type
    """
    if not _CONN_ID.fullmatch(conn_id):
        raise XChatInputError(f"Invalid connection id {conn_id!r}: expected up to 250 letters, digits and -_.:/#!()")
    for backend in ensure_secrets_loaded():
        kind = type(backend).__name__
        if kind == "MetastoreBackend":
            source, read = "the Airflow database", _read_stored
        elif kind == "EnvironmentVariablesBackend":
            source, read = f"the environment variable {environment_variable(conn_id)}", backend.get_connection
        else:
            source, read = f"the secrets backend {kind}", backend.get_connection
        with _errors("read", source):
            connection = read(conn_id)
            fields = None if connection is None else _fields(connection)
        if fields is not None:
            _check_type(fields)
            return FoundConnection(fields, source, in_database=kind == "MetastoreBackend")
    return None


def get(conn_id: str) -> FoundConnection:
    """
    Look up a connection.

    :param conn_id: its id
    :return: the connection
    :raises XChatError: as in :func:`find`
    :raises XChatInputError: as in :func:`find`, and when no source has the connection
    """
    found = find(conn_id)
    if found is None:
        raise XChatInputError(
            f"Connection {conn_id!r} not found in the Airflow database, the environment variable"
            f" {environment_variable(conn_id)} or a secrets backend. To sign in:"
            f" {sign_in_command(conn_id, new_client=True)}"
        )
    return found


def change(conn_id: str, changed: Callable[[ConnectionFields], ConnectionFields]) -> None:
    """
    Change a connection in the database, or create it.

    :param conn_id: its id
    :param changed: returns the new fields from the stored ones
    :raises XChatError: when it could not be written
    :raises XChatInputError: when it has another type
    """
    with _errors("written", "the Airflow database"), create_session() as session:
        connection = session.scalar(select(Connection).where(Connection.conn_id == conn_id))
        if connection is None:
            connection = Connection(conn_id=conn_id, conn_type=CONN_TYPE)
            session.add(connection)
        before = _fields(connection)
        _check_type(before)
        fields = changed(before)
        _fill(connection, fields)
        if fields.password is None:
            # Airflow's model ignores None as a password.
            session.flush()
            table = Connection.__table__
            session.execute(update(table).where(table.c.conn_id == conn_id).values(password=None))


def connections_sharing(grant: Grant, conn_id: str) -> list[str]:
    """
    Return the connections in the database with the same sign-in.

    :param grant: the sign-in
    :param conn_id: the connection to leave out
    :return: their ids
    :raises XChatError: when the database cannot be read
    """
    shared = []
    with _errors("read", "the Airflow database"), create_session() as session:
        others = select(Connection).where(Connection.conn_type == CONN_TYPE, Connection.conn_id != conn_id)
        for connection in session.scalars(others):
            # Invalid connections have no grant.
            with suppress(XChatInputError):
                other = ConnectionSettings.from_connection(_fields(connection)).grant
                if other is not None and other.key == grant.key:
                    shared.append(str(connection.conn_id))
    return sorted(shared)


def environment_variable(conn_id: str) -> str:
    """
    Return the name of the environment variable of a connection.

    :param conn_id: id of the connection
    """
    return f"AIRFLOW_CONN_{conn_id.upper()}"


def _read_stored(conn_id: str) -> Connection | None:
    with create_session() as session:
        connection: Connection | None = session.scalar(select(Connection).where(Connection.conn_id == conn_id))
        if connection is not None:
            session.expunge(connection)
        return connection


def _fields(connection: Any) -> ConnectionFields:
    is_ours = connection.conn_type == CONN_TYPE
    extra = connection.extra_dejson
    return ConnectionFields(
        conn_id=connection.conn_id,
        conn_type=connection.conn_type or "",
        description=connection.description,
        host=connection.host,
        schema=connection.schema,
        login=connection.login,
        password=connection.password,
        port=connection.port,
        extra_dejson=checked_extra(extra, connection.conn_id) if is_ours else {},
    )


def _fill(connection: Connection, fields: ConnectionFields) -> None:
    for name in ("conn_type", "description", "host", "schema", "login", "password", "port"):
        setattr(connection, name, getattr(fields, name))
    connection.set_extra(json.dumps(dict(fields.extra_dejson)))


def _check_type(fields: ConnectionFields) -> None:
    if fields.conn_type != CONN_TYPE:
        raise XChatInputError(
            f"connection {fields.conn_id!r} has type {fields.conn_type!r}: expected {CONN_TYPE!r}. Change --conn-id"
        )


@contextmanager
def _errors(done: str, place: str) -> Iterator[None]:
    """Raise errors without values of a connection, which errors of a database quote."""
    try:
        yield
    except XChatError:
        raise
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__).partition("\n")[0][:200]
        raise XChatError(
            f"{place} cannot be {done} ({reason}). Check that it is running, and that AIRFLOW_HOME and the settings are"
            " those of your Airflow. For a new database: airflow db migrate"
        ) from None
    except InvalidToken:
        raise XChatError(
            f"the connection in {place} cannot be {done}: it was encrypted with another Fernet key"
            " (AIRFLOW__CORE__FERNET_KEY)"
        ) from None
    except Exception as error:  # noqa: BLE001  a backend may raise anything, and the text may contain a secret
        raise XChatError(f"the connection in {place} cannot be {done}: {type(error).__name__}") from None
