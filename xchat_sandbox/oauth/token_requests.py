"""Log of token requests, without secrets."""

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from xchat_sandbox.oauth.clients import Clients, basic_credentials

GRANT_TYPES = ("authorization_code", "refresh_token")

# The same as in the request log.
_MAX_ENTRIES = 10_000


class TokenRequests:
    """The latest 10,000 token requests, in the order in which they arrived.

    :param clients: the registered clients; only their ids are logged.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._start = time.monotonic()
        self._entries: deque[dict[str, Any]] = deque(maxlen=_MAX_ENTRIES)

    def open_entry(self, authorization: str | None, form: Mapping[str, str]) -> dict[str, Any]:
        """Add an entry for a token request that has arrived.

        :param authorization: the value of the Authorization header, if there was one.
        :param form: the parameters in the body.
        :return: the entry; the caller sets ``status`` and ``error``.
        """
        if authorization is not None:
            method, client_id = "basic", basic_credentials(authorization)[0]
        else:
            client_id = form.get("client_id")
            method = "none" if client_id is None else "body"
        # Unknown values are not logged: a client may put a secret in the wrong place.
        client = self._clients.find(client_id)
        grant_type = form.get("grant_type")
        entry: dict[str, Any] = {
            "grant_type": grant_type if grant_type in GRANT_TYPES else None,
            "client_id": None if client is None else client.client_id,
            "client_authentication": method,
            "status": None,
            "error": None,
            "time": round(time.monotonic() - self._start, 6),
        }
        self._entries.append(entry)
        return entry

    def entries(self) -> list[dict[str, Any]]:
        """Return a copy of the log.

        :return: a dict for each request.
        """
        return [dict(entry) for entry in list(self._entries)]

    def clear(self) -> None:
        """Remove all entries; times still count from the start of the sandbox."""
        self._entries.clear()
