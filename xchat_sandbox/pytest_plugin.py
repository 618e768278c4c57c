"""Pytest plugin with a sandbox and Airflow connections to it. Pytest loads it when the package is installed.

The plugin imports nothing of the sandbox until a test uses one of its fixtures.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xchat_sandbox.sandbox import Sandbox


@pytest.fixture(scope="session")
def xchat_sandbox_server() -> "Iterator[Sandbox]":
    """Sandbox that all tests share, one for each pytest process; override it to choose other options.

    Tests use the fixture ``xchat_sandbox``, which resets it.
    """
    try:
        from xchat_sandbox.server import running_sandbox
    except ModuleNotFoundError as error:
        pytest.fail(f"{error.name} is missing; install it with: pip install 'airflow-provider-xchat[sandbox]'", False)
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def xchat_sandbox(xchat_sandbox_server: "Sandbox") -> "Sandbox":
    """Running sandbox in its initial state."""
    xchat_sandbox_server.reset()
    return xchat_sandbox_server


@pytest.fixture
def xchat_connection(xchat_sandbox: "Sandbox", monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Function that sets an Airflow connection to the sandbox for the duration of the test.

    Each call issues tokens of its own. The provider derives the names of its Airflow Variables (``xchat_token_…``,
    ``xchat_rate_limit_…``) from them, so no test reads the Variables of another.
    """

    def connect(
        conn_id: str = "xchat_default",
        *,
        rotating: bool = False,
        scopes: str | Iterable[str] | None = None,
        expires_in: float | None = None,
        user_id: str | None = None,
    ) -> str:
        """Set an Airflow connection by its environment variable.

        :param conn_id: the connection id.
        :param rotating: whether the connection has a refresh token; a static access token otherwise.
        :param scopes: the granted scopes, also as one string with spaces; None for all scopes.
        :param expires_in: lifetime of the access token in seconds; 0 for an expired one, None for the default.
        :param user_id: the user who grants access; None for the main user of the sandbox.
        :return: the connection id.
        :raises ValueError: for an unknown scope or user, or a rotating connection without ``offline.access``.
        """
        from xchat_sandbox.oauth.clients import PUBLIC_CLIENT_ID
        from xchat_sandbox.seed import MAIN_USER_ID

        grant = xchat_sandbox.grant(scopes=scopes, expires_in=expires_in, user_id=user_id or MAIN_USER_ID)
        connection: dict[str, Any] = {"conn_type": "xchat", "host": xchat_sandbox.url, "password": grant.access_token}
        if rotating:
            if grant.refresh_token is None:
                raise ValueError("invalid scopes: a rotating connection needs offline.access")
            connection["login"] = PUBLIC_CLIENT_ID
            connection["extra"] = {"refresh_token": grant.refresh_token, "expires_at": int(grant.expires_at)}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        return conn_id

    return connect
