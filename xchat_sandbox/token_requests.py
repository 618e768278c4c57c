"""The log of token requests: who asked for what kind of grant and how it ended, and nothing that is secret."""

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from xchat_sandbox.clients import Clients, basic_credentials

GRANT_TYPES = ("authorization_code", "refresh_token")

# As many as the request log keeps.
_MAX_ENTRIES = 10_000


class TokenRequests:
    """The latest 10,000 token requests, in the order in which they arrived.

    :param clients: the clients whose ids may be shown.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._start = time.monotonic()
        self._entries: deque[dict[str, Any]] = deque(maxlen=_MAX_ENTRIES)

    def open_entry(self, authorization: str | None, form: Mapping[str, str]) -> dict[str, Any]:
        """Log a token request that has arrived.

        :param authorization: the value of the Authorization header, if there was one.
        :param form: the members of the body.
        :returns: the entry; ``status`` and ``error`` are to be filled in.
        """
        if authorization is not None:
            method, client_id = "basic", basic_credentials(authorization)[0]
        else:
            client_id = form.get("client_id")
            method = "none" if client_id is None else "body"
        # What is not known is not shown: a value in the wrong place may be a secret.
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
        """Copy the log.

        :returns: one dict for each request.
        """
        return [dict(entry) for entry in list(self._entries)]

    def clear(self) -> None:
        """Empty the log; its times go on from the start of the sandbox."""
        self._entries.clear()
