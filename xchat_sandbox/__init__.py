"""X Chat on loopback: the two X Chat operations and X's OAuth 2.0 authorization server, for demos and tests.

The package does not import the client or the provider that it is used to test. It validates requests against the
OpenAPI document ``contract/openapi.yaml``, so it can prove a client wrong.

From pytest, with the fixtures of ``xchat_sandbox.pytest_plugin``, which pytest loads by itself::

    def test_my_dag(xchat_sandbox, xchat_connection):
        xchat_connection()  # sets the Airflow connection xchat_default
        ...
        xchat_sandbox.requests()

From Python::

    from xchat_sandbox import running_sandbox

    with running_sandbox() as sandbox:
        ...  # talk to sandbox.url with the bearer token "sandbox-token"
        sandbox.requests()

Changes, load, limits and faults, from Python or over HTTP:

=========================================  =================================================================
for                                        use
=========================================  =================================================================
a conversation that changes                ``sandbox.change_conversation(id, group_name="…")``
many conversations                         ``running_sandbox(conversations=1000)``, ``generated_ids(1000)``
slow responses                             ``running_sandbox(latency=0.1)``
low rate limits                            ``running_sandbox(rate_limit=10, daily_limit=100)``
errors, bad responses, closed sockets      ``sandbox.faults([…])``, see ``xchat_sandbox.faults.operations``
the same for the token endpoint            ``sandbox.token_faults([…])``, see ``….faults.token_endpoint``
=========================================  =================================================================

These OAuth 2.0 clients are always registered, with all loopback addresses as redirect URIs:

==================  ===============================  =========================
kind                client id                        client secret
==================  ===============================  =========================
public              ``sandbox-public-client``        none
confidential        ``sandbox-confidential-client``  ``sandbox-client-secret``
==================  ===============================  =========================

``sandbox.grant()`` issues tokens without a browser.

From a shell: ``python -m xchat_sandbox`` or ``xchat-sandbox``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xchat_sandbox.app import create_app
    from xchat_sandbox.generated_conversations import generated_ids
    from xchat_sandbox.oauth.clients import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET, PUBLIC_CLIENT_ID, Client
    from xchat_sandbox.oauth.grants import Grant
    from xchat_sandbox.oauth.tokens import Token
    from xchat_sandbox.sandbox import Sandbox
    from xchat_sandbox.seed import FORBIDDEN_GROUP_ID, GROUP_ID, MAIN_USER_ID, OTHER_GROUP_ID
    from xchat_sandbox.server import running_sandbox

__all__ = [
    "CONFIDENTIAL_CLIENT_ID",
    "CONFIDENTIAL_CLIENT_SECRET",
    "FORBIDDEN_GROUP_ID",
    "GROUP_ID",
    "MAIN_USER_ID",
    "OTHER_GROUP_ID",
    "PUBLIC_CLIENT_ID",
    "Client",
    "Grant",
    "Sandbox",
    "Token",
    "create_app",
    "generated_ids",
    "running_sandbox",
]

_HOMES = {
    "CONFIDENTIAL_CLIENT_ID": "xchat_sandbox.oauth.clients",
    "CONFIDENTIAL_CLIENT_SECRET": "xchat_sandbox.oauth.clients",
    "FORBIDDEN_GROUP_ID": "xchat_sandbox.seed",
    "GROUP_ID": "xchat_sandbox.seed",
    "MAIN_USER_ID": "xchat_sandbox.seed",
    "OTHER_GROUP_ID": "xchat_sandbox.seed",
    "PUBLIC_CLIENT_ID": "xchat_sandbox.oauth.clients",
    "Client": "xchat_sandbox.oauth.clients",
    "Grant": "xchat_sandbox.oauth.grants",
    "Sandbox": "xchat_sandbox.sandbox",
    "Token": "xchat_sandbox.oauth.tokens",
    "create_app": "xchat_sandbox.app",
    "generated_ids": "xchat_sandbox.generated_conversations",
    "running_sandbox": "xchat_sandbox.server",
}


def __getattr__(name: str) -> Any:
    # Importing openapi-core takes about a second, so it is deferred until a sandbox is created.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
