"""``xchat status``: what is known of a connection, without a token, without asking X and without writing anything."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from airflow_provider_xchat.cli.connections import FoundConnection, get
from airflow_provider_xchat.cli.kept_tokens import latest_token
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
    Show how a connection is.

    :param arguments: as cli.py declares them
    :param terminal: where to write
    :raises XChatError: when there is no such connection, or it cannot be used
    """
    known = _status(get(arguments.conn_id))
    terminal.result(_json(known) if arguments.output == "json" else _text(known))


def _status(found: FoundConnection) -> _Status:
    fields = found.fields
    settings = ConnectionSettings.of(fields)
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


def _text(known: _Status) -> str:
    client = "not known"
    if known.client_id:
        client = f"{known.client_id} ({'confidential' if known.confidential else 'public'})"
    rows = {
        "connection": f"{known.conn_id}, from {known.source}",
        "API URL": known.api_url,
        "client": client,
        "scopes": " ".join(known.scopes or []) or _unknown_scopes(known),
        "access token": _expiry(known),
        "last rotation": "none yet" if known.last_rotation is None else relative(known.last_rotation),
        "token store": f"{known.token_store}, key {known.token_store_key}",
    }
    if not known.refreshes:
        rows["last rotation"] = "none: a static token, as the connection has no refresh token"
        rows["token store"] = "none: the token is in the connection"
    return "\n".join(f"{name:<15}{one_line(value)}" for name, value in rows.items())


def _unknown_scopes(known: _Status) -> str:
    return "unknown until the first refresh" if known.refreshes else "unknown"


def _expiry(known: _Status) -> str:
    if known.expires_at is None:
        return "expires at a time that is not known"
    over = known.expires_at <= datetime.now(UTC).timestamp()
    then = "" if not over else "; the next task refreshes it" if known.refreshes else "; sign in again"
    return f"{'expired' if over else 'expires'} {relative(known.expires_at)}{then}"


def _json(known: _Status) -> str:
    members = asdict(known)
    for name in ("expires_at", "last_rotation"):
        if members[name] is not None:
            members[name] = datetime.fromtimestamp(members[name], UTC).isoformat(timespec="seconds")
    return json.dumps(members, indent=2)
