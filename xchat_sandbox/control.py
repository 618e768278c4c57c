"""Control endpoints: the methods of ``Sandbox`` over HTTP. They need no token and are not logged."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from xchat_sandbox.conversations import UnknownConversationError
from xchat_sandbox.request_log import CONTROL_PATH
from xchat_sandbox.sandbox import Sandbox
from xchat_sandbox.wire.json_documents import AsciiJSONResponse, strict_loads
from xchat_sandbox.wire.problems import ProblemError, ProblemResponse

_GRANT_MEMBERS: dict[str, type | tuple[type, ...]] = {
    "client_id": str,
    "scopes": (list, str),
    "expires_in": (int, float),
    "user_id": str,
}


def control_routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the control endpoints.

    :param sandbox: the sandbox that they read, change and reset.
    :return: the routes.
    """

    def change_conversation(body: bytes, conversation_id: str) -> dict[str, Any]:
        return sandbox.change_conversation(conversation_id, **_object(body))

    def clear_faults(_body: bytes) -> dict[str, Any]:
        sandbox.clear_faults()
        return {"waiting": 0}

    return [
        _route("GET", "requests", lambda _: {"requests": sandbox.requests()}),
        _route("GET", "read-marks", lambda _: sandbox.read_marks()),
        _route("GET", "conversations", lambda _: {"conversations": sandbox.conversations()}),
        _route("POST", "conversations/{conversation_id}", change_conversation),
        _route("POST", "faults", lambda body: {"waiting": sandbox.faults(_list(body))}),
        _route("DELETE", "faults", clear_faults),
        _route("POST", "token-faults", lambda body: {"waiting": sandbox.token_faults(_list(body))}),
        _route("POST", "grants", lambda body: asdict(sandbox.grant(**_grant_arguments(body)))),
        _route("POST", "expire", lambda _: {"expired": sandbox.expire_access_tokens()}),
        _route("GET", "token-requests", lambda _: {"token_requests": sandbox.token_requests()}),
        _route("GET", "chains", lambda _: {"chains": sandbox.chains()}),
        _route("POST", "reset", lambda _: sandbox.reset()),
    ]


def _route(method: str, path: str, respond: Callable[..., dict[str, Any] | None]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            document = respond(await request.body(), **request.path_params)
        except UnknownConversationError as error:
            problem = ProblemError(404, "Not Found", str(error))
            return ProblemResponse(problem, problem.kind)
        except ValueError as error:
            problem = ProblemError(400, "Invalid Request", str(error))
            return ProblemResponse(problem, problem.kind)
        return Response(status_code=204) if document is None else AsciiJSONResponse(document)

    return Route(f"{CONTROL_PATH}/{path}", endpoint, methods=[method])


def _object(body: bytes) -> dict[str, Any]:
    document = strict_loads(body or b"{}")
    if not isinstance(document, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - answered with a 400, as all others
    return document


def _list(body: bytes) -> list[Any]:
    document = strict_loads(body)
    if not isinstance(document, list):
        raise ValueError("the body must be a JSON list")  # noqa: TRY004 - answered with a 400, as all others
    return document


def _grant_arguments(body: bytes) -> dict[str, Any]:
    arguments = _object(body)
    if unknown := arguments.keys() - _GRANT_MEMBERS.keys():
        raise ValueError(f"unknown members {', '.join(sorted(unknown))}: expected {', '.join(_GRANT_MEMBERS)}")
    if wrong := [name for name, value in arguments.items() if not isinstance(value, _GRANT_MEMBERS[name])]:
        raise ValueError(f"members of the wrong type: {', '.join(wrong)}")
    if not all(isinstance(scope, str) for scope in arguments.get("scopes", ())):
        raise ValueError("scopes must be strings")
    return arguments
