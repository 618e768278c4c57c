"""X Chat on loopback: a stand-in for the two X Chat operations and for X's authorization server.

It is made for demos, tests and continuous integration.

The package knows nothing of the client it is used to test. What it accepts and answers is decided by
``openapi.yaml`` next to this file, so it can disagree with a client, and be right.

From Python::

    from xchat_sandbox import running_sandbox

    with running_sandbox() as sandbox:
        ...  # talk to sandbox.url with the bearer token "sandbox-token"
        sandbox.requests()

What a client has to live with can be called up, from Python or over HTTP:

=========================================  =============================================================
to get                                     use
=========================================  =============================================================
a conversation that changes                ``sandbox.change_conversation(id, group_name="…")``
many conversations                         ``running_sandbox(conversations=1000)``, ``generated_ids(1000)``
slow answers                               ``running_sandbox(latency=0.1)``
limits that are soon used up               ``running_sandbox(rate_limit=10, daily_limit=100)``
errors, odd answers, broken connections    ``sandbox.faults([…])``, see ``xchat_sandbox.operation_faults``
the same at the token endpoint             ``sandbox.token_faults([…])``, see ``xchat_sandbox.token_faults``
=========================================  =============================================================

OAuth 2.0 is served next to it. These clients are always registered, and redirected to any loopback address:

==================  ===============================  =========================
kind                client id                        client secret
==================  ===============================  =========================
public              ``sandbox-public-client``        none
confidential        ``sandbox-confidential-client``  ``sandbox-client-secret``
==================  ===============================  =========================

``sandbox.grant()`` gives tokens without a browser.

From a shell: ``python -m xchat_sandbox`` or ``xchat-sandbox``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xchat_sandbox.app import create_app
    from xchat_sandbox.clients import CONFIDENTIAL_CLIENT_ID, CONFIDENTIAL_CLIENT_SECRET, PUBLIC_CLIENT_ID, Client
    from xchat_sandbox.generated_conversations import generated_ids
    from xchat_sandbox.grants import Grant
    from xchat_sandbox.server import Sandbox, running_sandbox
    from xchat_sandbox.tokens import Token

__all__ = [
    "CONFIDENTIAL_CLIENT_ID",
    "CONFIDENTIAL_CLIENT_SECRET",
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
    "CONFIDENTIAL_CLIENT_ID": "xchat_sandbox.clients",
    "CONFIDENTIAL_CLIENT_SECRET": "xchat_sandbox.clients",
    "PUBLIC_CLIENT_ID": "xchat_sandbox.clients",
    "Client": "xchat_sandbox.clients",
    "Grant": "xchat_sandbox.grants",
    "Sandbox": "xchat_sandbox.server",
    "Token": "xchat_sandbox.tokens",
    "create_app": "xchat_sandbox.app",
    "generated_ids": "xchat_sandbox.generated_conversations",
    "running_sandbox": "xchat_sandbox.server",
}


def __getattr__(name: str) -> Any:
    # openapi-core alone takes about a second to import; nobody pays for it before a sandbox is started.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
