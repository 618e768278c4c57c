import base64
import hashlib
import http.client
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml
from openapi_schema_validator import OAS30ReadValidator, oas30_format_checker

from xchat_sandbox import Sandbox, running_sandbox

CONVERSATIONS = "/2/chat/conversations"
PUBLIC = "sandbox-public-client"
REDIRECT_URI = "http://127.0.0.1:49152/callback"
VERIFIER = "a-verifier-that-is-long-enough-for-its-rfc-7636"


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The contract, read independently of the sandbox."""
    content = (files("xchat_sandbox.contract") / "openapi.yaml").read_text("utf-8")
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
def problem_errors(
    document: dict[str, Any], schema_errors: Callable[[str, Any], list[str]]
) -> Callable[[dict[str, Any]], list[str]]:
    """A function that tells in what a problem deviates from the contract's schema of its type.

    X sends problems of types that its document does not list, too: ``about:blank`` is one since version 2.167.
    """
    mapping = document["components"]["schemas"]["Problem"]["discriminator"]["mapping"]

    def find(problem: dict[str, Any]) -> list[str]:
        if problem["type"] in mapping:
            name = mapping[problem["type"]].rpartition("/")[2]
            return [*schema_errors("Problem", problem), *schema_errors(name, problem)]
        return [] if problem["title"] and problem["detail"] else ["a problem says what it is about"]

    return find


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


@pytest.fixture(scope="session")
def shared_strict_sandbox() -> Iterator[Sandbox]:
    with running_sandbox(strict=True) as sandbox:
        yield sandbox


@pytest.fixture
def strict_sandbox(shared_strict_sandbox: Sandbox) -> Sandbox:
    """A strict sandbox, as good as new."""
    shared_strict_sandbox.reset()
    return shared_strict_sandbox


@pytest.fixture(scope="session")
def bare_client() -> Iterator[httpx.Client]:
    """One client for all that send credentials of their own: making one costs more than a request."""
    with httpx.Client() as client:
        yield client


@pytest.fixture
def authorize(bare_client: httpx.Client) -> Callable[..., httpx.Response]:
    """A function that asks for a code as a browser does; a parameter that is None is left out."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()

    def ask(sandbox: Sandbox, **changes: str | None) -> httpx.Response:
        parameters = {
            "response_type": "code",
            "client_id": PUBLIC,
            "redirect_uri": REDIRECT_URI,
            "scope": "dm.read tweet.read users.read offline.access",
            "state": "a state & more",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        given = {name: value for name, value in parameters.items() if value is not None}
        return bare_client.get(f"{sandbox.url}/i/oauth2/authorize", params=given)

    return ask


@pytest.fixture
def sign_in(authorize: Callable[..., httpx.Response]) -> Callable[..., dict[str, str]]:
    """A function that gets a code, and returns the form that turns it into tokens."""

    def get_code(sandbox: Sandbox, **changes: str | None) -> dict[str, str]:
        answer = authorize(sandbox, **changes)
        assert answer.status_code == 302, answer.text
        return {
            "grant_type": "authorization_code",
            "code": parse_qs(urlsplit(answer.headers["location"]).query)["code"][0],
            "redirect_uri": changes.get("redirect_uri") or REDIRECT_URI,
            "code_verifier": VERIFIER,
        }

    return get_code


@pytest.fixture
def post_form(bare_client: httpx.Client) -> Callable[..., httpx.Response]:
    """A function that posts a form to the token endpoint or another one, for the public client or with Basic."""

    def post(sandbox: Sandbox, form: dict[str, str], basic: str | None = None, to: str = "token") -> httpx.Response:
        url = f"{sandbox.url}/2/oauth2/{to}"
        if basic is None:
            return bare_client.post(url, data={"client_id": PUBLIC, **form})
        encoded = base64.b64encode(basic.encode()).decode()
        return bare_client.post(url, data=form, headers={"authorization": f"Basic {encoded}"})

    return post


@pytest.fixture
def refresh(post_form: Callable[..., httpx.Response]) -> Callable[..., httpx.Response]:
    """A function that refreshes with a token of the public client."""

    def post(sandbox: Sandbox, refresh_token: str | None) -> httpx.Response:
        assert refresh_token is not None
        return post_form(sandbox, {"grant_type": "refresh_token", "refresh_token": refresh_token})

    return post


@pytest.fixture
def works(bare_client: httpx.Client) -> Callable[[Sandbox, str], bool]:
    """A function that tells whether an access token reads a conversation."""

    def read(sandbox: Sandbox, access_token: str) -> bool:
        headers = {"authorization": f"Bearer {access_token}"}
        answer = bare_client.get(f"{sandbox.url}{CONVERSATIONS}/g9000000000000000201", headers=headers)
        if answer.status_code != 200:
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        return answer.status_code == 200

    return read
