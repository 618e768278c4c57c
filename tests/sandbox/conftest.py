import http.client
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import httpx
import pytest
import yaml
from openapi_schema_validator import OAS30ReadValidator, oas30_format_checker

from xchat_sandbox import Sandbox, running_sandbox

CONVERSATIONS = "/2/chat/conversations"


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The contract, read independently of the sandbox."""
    content = (files("xchat_sandbox") / "openapi.yaml").read_text("utf-8")
    parsed: dict[str, Any] = yaml.safe_load(content)
    return parsed


@pytest.fixture(scope="session")
def schema_errors(document: dict[str, Any]) -> Callable[[str, Any], list[str]]:
    """A function that tells in what a value deviates from one of the contract's schemas."""

    def find(name: str, value: Any) -> list[str]:
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        validator = OAS30ReadValidator(schema, format_checker=oas30_format_checker)
        return [error.message for error in validator.iter_errors(value)]

    return find


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with running_sandbox(tokens=["a-token-of-its-own"]) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    """A sandbox with default settings, as good as new."""
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def connect() -> Iterator[Callable[..., httpx.Client]]:
    """A function that makes a client for a sandbox and a token, and closes it in the end."""
    clients: list[httpx.Client] = []

    def make(sandbox: Sandbox, token: str = "sandbox-token") -> httpx.Client:
        headers = {"authorization": f"Bearer {token}"}
        clients.append(httpx.Client(base_url=f"{sandbox.url}{CONVERSATIONS}", headers=headers))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(sandbox: Sandbox, connect: Callable[..., httpx.Client]) -> httpx.Client:
    """A client of the sandbox with the default token; paths are relative to the conversations."""
    return connect(sandbox)


@pytest.fixture
def send_raw(sandbox: Sandbox) -> Callable[..., tuple[int, str]]:
    """A function that sends a path exactly as given, and returns the status and the media type."""

    def send(method: str, target: str, body: bytes | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=5)
        try:
            headers = {"Authorization": "Bearer sandbox-token", "Content-Type": "application/json"}
            connection.request(method, target, body=body, headers=headers)
            response = connection.getresponse()
            response.read()
            return response.status, response.headers.get_content_type()
        finally:
            connection.close()

    return send
