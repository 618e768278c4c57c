"""``xchat status``: show the state of a connection, without its tokens; it sends and writes nothing."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from airflow_provider_xchat.cli.connections import FoundConnection, get
from airflow_provider_xchat.cli.stored_tokens import latest_token
from airflow_provider_xchat.cli.terminal import Terminal, one_line, relative
from airflow_provider_xchat.connection import ConnectionSettings

__all__ = ["status"]


@dataclass(frozen=True)
class _Status:
    conn_id: str
    source: str
    api_url: str
    client_id: str | None
    confidential: bool
    scopes: list[str] | None
    expires_at: float | None
    refreshes: bool
    token_store: str | None
    token_store_key: str | None
    last_rotation: float | None


def status(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """
    Show the state of a connection.

    :param arguments: the parsed arguments
    :param terminal: the terminal
    :raises XChatError: when the connection is missing or invalid
    """
    state = _status(get(arguments.conn_id))
    terminal.output(_json(state) if arguments.output == "json" else _text(state))


def _status(found: FoundConnection) -> _Status:
    fields = found.fields
    settings = ConnectionSettings.from_connection(fields)
    token = latest_token(settings, fields.conn_id)
    rotates = settings.grant is not None
    return _Status(
        conn_id=fields.conn_id,
        source=found.source,
        api_url=settings.base_url,
        client_id=str(fields.login or "").strip() or None,
        confidential=fields.client_secret is not None,
        scopes=token.scope.split() or None,
        expires_at=token.expires_at if rotates else _seconds(fields.extra_dejson.get("expires_at")),
        refreshes=rotates,
        token_store=(settings.store or "Airflow Variables") if rotates else None,
        token_store_key=settings.grant.key if settings.grant else None,
        last_rotation=token.rotated_at,
    )


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _text(state: _Status) -> str:
    client = "unknown"
    if state.client_id:
        client = f"{state.client_id} ({'confidential' if state.confidential else 'public'})"
    rows = {
        "connection": f"{state.conn_id}, from {state.source}",
        "API URL": state.api_url,
        "client": client,
        "scopes": " ".join(state.scopes or []) or _unknown_scopes(state),
        "access token": _expiry(state),
        "last rotation": "none yet" if state.last_rotation is None else relative(state.last_rotation),
        "token store": f"{state.token_store}, key {state.token_store_key}",
    }
    if not state.refreshes:
        rows["last rotation"] = "none: a static token, as the connection has no refresh token"
        rows["token store"] = "none: the token is in the connection"
    return "\n".join(f"{name:<15}{one_line(value)}" for name, value in rows.items())


def _unknown_scopes(state: _Status) -> str:
    return "unknown until the first refresh" if state.refreshes else "unknown"


def _expiry(state: _Status) -> str:
    if state.expires_at is None:
        return "expiry unknown"
    is_expired = state.expires_at <= datetime.now(UTC).timestamp()
    advice = "" if not is_expired else "; the next task refreshes it" if state.refreshes else "; sign in again"
    return f"{'expired' if is_expired else 'expires'} {relative(state.expires_at)}{advice}"


def _json(state: _Status) -> str:
    members = asdict(state)
    for name in ("expires_at", "last_rotation"):
        if members[name] is not None:
            members[name] = datetime.fromtimestamp(members[name], UTC).isoformat(timespec="seconds")
    return json.dumps(members, indent=2)
