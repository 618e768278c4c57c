"""
Airflow connections, read and written as ``airflow connections`` does it: from a command, with the database at hand.

Connections also come from environment variables and secrets backends. Those win over the database, and cannot be
written.
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
    "environment_variable",
    "find",
    "get",
    "sharing",
]

# As Airflow has it; an id that does not match would be dropped without a word.
_CONN_ID = re.compile(r"[\w#!()\-.:/\\]{1,250}")
_TOKENS = ("refresh_token", "expires_at", "scope")


@dataclass
class ConnectionFields:
    """What a connection says, apart from any database."""

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
        """Whether somebody has signed in, or put a token there."""
        return bool(self.password or self.extra_dejson.get("refresh_token"))

    def with_client(self, client_id: str, client_secret: str | None, host: str | None) -> ConnectionFields:
        """
        Set the client, and take out the tokens of any other.

        :param client_id: the app's client id
        :param client_secret: for confidential clients
        :param host: where the API is; None leaves what stands there
        :return: the connection without tokens
        """
        extra = {name: value for name, value in self.extra_dejson.items() if name != "client_secret"}
        secret = {"client_secret": client_secret} if client_secret else {}
        fields = replace(self, login=client_id, extra_dejson={**extra, **secret}).without_tokens()
        # A connection that came as a URI has parts of the host in the other two.
        return fields if host is None else replace(fields, host=host, schema=None, port=None)

    def with_token(self, token: Token) -> ConnectionFields:
        """
        Set what a sign-in has given.

        :param token: the first token
        :return: the connection with it
        """
        expires_at = None if token.expires_at is None else int(token.expires_at)
        members = {"refresh_token": token.refresh_token, "expires_at": expires_at, "scope": token.scope}
        extra = {name: value for name, value in members.items() if value}
        fields = self.without_tokens()
        return replace(fields, password=token.access_token, extra_dejson={**fields.extra_dejson, **extra})

    def without_tokens(self) -> ConnectionFields:
        """Take out what a sign-in gives, and leave what it takes."""
        extra = {name: value for name, value in self.extra_dejson.items() if name not in _TOKENS}
        return replace(self, password=None, extra_dejson=extra)

    def with_port(self) -> ConnectionFields:
        """Set the port 0, which means nothing: the Test button of Airflow 3.3.1 and 3.3.2 fails for a missing one."""
        return replace(self, port=self.port or 0)

    def to_json(self) -> str:
        """Write it as Airflow reads it from an environment variable, in one line."""
        names = ("conn_type", "description", "host", "schema", "login", "password", "port")
        members = {**{name: getattr(self, name) for name in names}, "extra": dict(self.extra_dejson)}
        return json.dumps({name: value for name, value in members.items() if value})

    def to_uri(self) -> str:
        """Write it as a URI, as Airflow reads it."""
        connection = Connection(conn_id=self.conn_id)
        _fill(connection, self)
        return str(connection.get_uri())


@dataclass(frozen=True)
class FoundConnection:
    """
    A connection that tasks would get.

    :param fields: what it says
    :param source: where it comes from, in words
    :param in_database: whether that is the database
    """

    fields: ConnectionFields
    source: str
    in_database: bool


def find(conn_id: str) -> FoundConnection | None:
    """
    Look a connection up in all places where Airflow does, in the same order.

    :param conn_id: its id
    :return: None when there is none
    :raises XChatError: when a place cannot be read
    :raises XChatInputError: when the id cannot be one, or the connection is of another type
    """
    if not _CONN_ID.fullmatch(conn_id):
        raise XChatInputError(
            f"the connection id {conn_id!r} cannot be one; expected up to 250 letters, digits and -_.:/#!()"
        )
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
    Look a connection up that must be there.

    :param conn_id: its id
    :return: the connection
    :raises XChatError: as :func:`find` says
    :raises XChatInputError: when there is none, too
    """
    found = find(conn_id)
    if found is None:
        raise XChatInputError(
            f"there is no connection {conn_id!r}, neither in the Airflow database, nor in the environment variable"
            f" {environment_variable(conn_id)}, nor in a secrets backend. To sign in for one:"
            f" {sign_in_command(conn_id, new_client=True)}"
        )
    return found


def change(conn_id: str, changed: Callable[[ConnectionFields], ConnectionFields]) -> None:
    """
    Write a connection into the database: change the one there, or make one.

    :param conn_id: its id
    :param changed: given what stands there, gives what shall stand there
    :raises XChatError: when it could not be written
    :raises XChatInputError: when there is one of another type
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
            # Airflow's model takes no password for "leave it".
            session.flush()
            table = Connection.__table__
            session.execute(update(table).where(table.c.conn_id == conn_id).values(password=None))


def sharing(grant: Grant, conn_id: str) -> list[str]:
    """
    Find the connections in the database that live on the same sign-in.

    :param grant: the sign-in
    :param conn_id: the connection to leave out
    :return: their ids
    :raises XChatError: when the database cannot be read
    """
    shared = []
    with _errors("read", "the Airflow database"), create_session() as session:
        others = select(Connection).where(Connection.conn_type == CONN_TYPE, Connection.conn_id != conn_id)
        for connection in session.scalars(others):
            # One that cannot be used shares nothing.
            with suppress(XChatInputError):
                other = ConnectionSettings.of(_fields(connection)).grant
                if other is not None and other.key == grant.key:
                    shared.append(str(connection.conn_id))
    return sorted(shared)


def environment_variable(conn_id: str) -> str:
    """
    Name the environment variable that Airflow reads a connection from.

    :param conn_id: the connection's id
    :return: the name
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
            f"connection {fields.conn_id!r} is of type {fields.conn_type!r}; expected one of type {CONN_TYPE!r}. Give"
            " another id with --conn-id"
        )


@contextmanager
def _errors(done: str, place: str) -> Iterator[None]:
    """Put errors into words that hold nothing of a connection; a database quotes what it was to write."""
    try:
        yield
    except XChatError:
        raise
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or type(error).__name__).partition("\n")[0][:200]
        raise XChatError(
            f"{place} cannot be {done} ({said}). Is it up, and are AIRFLOW_HOME and the settings those of your Airflow?"
            " A new one needs: airflow db migrate"
        ) from None
    except InvalidToken:
        raise XChatError(
            f"the connection in {place} cannot be {done}: it was encrypted with another Fernet key than this"
            " configuration has (AIRFLOW__CORE__FERNET_KEY)"
        ) from None
    except Exception as error:  # noqa: BLE001  a backend may raise anything, and the text may repeat a secret
        raise XChatError(f"the connection in {place} cannot be {done}: {type(error).__name__}") from None
