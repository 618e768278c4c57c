"""Every refusal is a problem document, and the one that the contract has for its type."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from xchat_sandbox import FORBIDDEN_GROUP_ID, GROUP_ID, Sandbox, create_app, running_sandbox
from xchat_sandbox.server import serving

BODY = {"seen_until_sequence_id": "1"}


def refusals(sandbox: Sandbox, connect: Callable[..., httpx.Client]) -> list[httpx.Response]:
    client, read_only = connect(sandbox), connect(sandbox, "sandbox-read-only-token")
    return [
        connect(sandbox, "nobody").get(GROUP_ID),
        client.get("abc?page=2&expansions=x"),
        client.post(f"{GROUP_ID}/read", json={}),
        client.post(f"{GROUP_ID}/read", content=b"x", headers={"content-type": "text/plain"}),
        client.get("77"),
        client.post("77/read", json=BODY),
        client.get(FORBIDDEN_GROUP_ID),
        client.get(FORBIDDEN_GROUP_ID),
        client.get(GROUP_ID),
        read_only.post(f"{GROUP_ID}/read", json=BODY),
        httpx.get(f"{sandbox.url}/nowhere"),
        httpx.get(f"{sandbox.url}/_sandbox/nowhere"),
        httpx.delete(f"{sandbox.url}/2/chat/conversations/{GROUP_ID}"),
    ]


def test_problems_have_the_schema_that_the_contract_maps_their_type_to(
    connect: Callable[..., httpx.Client],
    problem_errors: Callable[[dict[str, Any]], list[str]],
) -> None:
    with running_sandbox(rate_limit=4) as sandbox:
        answers = refusals(sandbox, connect)
    assert {answer.status_code for answer in answers} == {400, 401, 403, 404, 405, 415, 429}
    for answer in answers:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["detail"]
        assert problem_errors(problem) == []


def test_the_checks_of_this_module_can_fail(
    sandbox: Sandbox, client: httpx.Client, problem_errors: Callable[[dict[str, Any]], list[str]]
) -> None:
    problem = client.get("77").json()
    assert problem_errors(problem) == []
    assert problem_errors({**problem, "title": 5})


@pytest.mark.parametrize(
    ("path", "allowed", "method"),
    [
        (path, allowed, method)
        for path, allowed in [(GROUP_ID, "GET"), (f"{GROUP_ID}/read", "POST")]
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
        if method != allowed
    ],
)
def test_a_method_the_path_does_not_have_is_not_allowed(
    client: httpx.Client, path: str, allowed: str, method: str
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_fault_of_the_sandbox_is_a_problem_too() -> None:
    async def fail(_request: Request) -> Response:
        raise RuntimeError("a secret of the implementation")

    app = create_app()
    app.router.routes.append(Route("/fail", fail))
    with serving(app) as url:
        answer = httpx.get(f"{url}/fail")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "about:blank"
    assert "secret" not in answer.text
    assert app.state.sandbox.requests()[0]["status"] == 500
