"""The control endpoints: what a test asks the sandbox about itself. They need no token and are not logged."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from xchat_sandbox.authorization_server import AuthorizationServer
from xchat_sandbox.conversations import UnknownConversationError
from xchat_sandbox.json_wire import AsciiJSONResponse, strict_loads
from xchat_sandbox.limits import RateLimits
from xchat_sandbox.operation_faults import OperationFaults
from xchat_sandbox.operations import Service
from xchat_sandbox.problems import ProblemError, ProblemResponse
from xchat_sandbox.request_log import CONTROL_PATH, RequestLog

_GRANT_MEMBERS: dict[str, type | tuple[type, ...]] = {
    "client_id": str,
    "scopes": (list, str),
    "expires_in": (int, float),
    "user_id": str,
}


class Control:
    """Reads, changes and resets the state of a sandbox.

    :param service: what the operations work on.
    :param limits: the rate limits.
    :param log: the request log.
    :param faults: the faults of the operations; asked directly, too.
    :param authorization: the authorization server; asked directly for what concerns it.
    """

    def __init__(
        self,
        service: Service,
        limits: RateLimits,
        log: RequestLog,
        faults: OperationFaults,
        authorization: AuthorizationServer,
    ) -> None:
        self._service = service
        self._limits = limits
        self._log = log
        self.faults = faults
        self.authorization = authorization

    def requests(self) -> list[dict[str, Any]]:
        """Tell what was asked of the operations, and of paths that do not exist.

        :returns: a dict for each request, oldest first: ``method``, ``path``, ``path_raw`` if it differs,
            ``query`` as received, ``status`` (None if the connection was closed without an answer), ``body`` if it was
            JSON, ``transaction_id`` as the answer of an operation had it, and ``time`` in seconds since the start.
        """
        return self._log.entries()

    def read_marks(self) -> dict[str, str]:
        """Tell what was marked as read.

        :returns: the furthest sequence id for each conversation id, whoever marked it.
        """
        return self._service.read_marks.furthest()

    def conversations(self) -> list[dict[str, Any]]:
        """Tell what can be asked for.

        :returns: a dict for each conversation.
        """
        return self._service.conversations.overview()

    def change_conversation(self, conversation_id: str, members: Mapping[str, Any]) -> dict[str, Any]:
        """Change a conversation.

        :param conversation_id: the conversation.
        :param members: the members to set.
        :returns: all members that it has now.
        :raises ValueError: if there is no such conversation, or a member cannot have its value.
        """
        return self._service.conversations.change(conversation_id, members)

    def reset(self) -> None:
        """Put everything back to the seed: conversations, read marks, rate limits, the logs, grants and faults."""
        self._service.conversations.reset()
        self._service.read_marks.reset()
        self._limits.reset()
        self._log.clear()
        self.faults.clear()
        self.authorization.reset()

    def routes(self) -> list[Route]:
        """Make the HTTP form of the above, and of what the authorization server tells.

        :returns: the routes.
        """

        async def requests(_request: Request) -> Response:
            return AsciiJSONResponse({"requests": self.requests()})

        async def read_marks(_request: Request) -> Response:
            return AsciiJSONResponse(self.read_marks())

        async def conversations(_request: Request) -> Response:
            return AsciiJSONResponse({"conversations": self.conversations()})

        async def change_conversation(request: Request) -> Response:
            change = partial(self._change_conversation, request.path_params["id"])
            return _answer(change, await request.body())

        async def faults(request: Request) -> Response:
            return _answer(partial(_queue, self.faults.add, "faults"), await request.body())

        async def clear_faults(_request: Request) -> Response:
            self.faults.clear()
            return AsciiJSONResponse({"waiting": 0})

        async def reset(_request: Request) -> Response:
            self.reset()
            return Response(status_code=204)

        return [
            Route(f"{CONTROL_PATH}/requests", requests),
            Route(f"{CONTROL_PATH}/read-marks", read_marks),
            Route(f"{CONTROL_PATH}/conversations", conversations),
            Route(f"{CONTROL_PATH}/conversations/{{id}}", change_conversation, methods=["POST"]),
            Route(f"{CONTROL_PATH}/faults", faults, methods=["POST"]),
            Route(f"{CONTROL_PATH}/faults", clear_faults, methods=["DELETE"]),
            Route(f"{CONTROL_PATH}/reset", reset, methods=["POST"]),
            *self._authorization_routes(),
        ]

    def _authorization_routes(self) -> list[Route]:
        async def grants(request: Request) -> Response:
            return _answer(self._grant, await request.body())

        async def token_faults(request: Request) -> Response:
            return _answer(partial(_queue, self.authorization.faults.add, "token faults"), await request.body())

        async def expire(_request: Request) -> Response:
            return AsciiJSONResponse({"expired": self.authorization.grants.expire_access_tokens()})

        async def token_requests(_request: Request) -> Response:
            return AsciiJSONResponse({"token_requests": self.authorization.token_requests.entries()})

        async def chains(_request: Request) -> Response:
            return AsciiJSONResponse({"chains": self.authorization.grants.chains()})

        return [
            Route(f"{CONTROL_PATH}/grants", grants, methods=["POST"]),
            Route(f"{CONTROL_PATH}/token-faults", token_faults, methods=["POST"]),
            Route(f"{CONTROL_PATH}/expire", expire, methods=["POST"]),
            Route(f"{CONTROL_PATH}/token-requests", token_requests),
            Route(f"{CONTROL_PATH}/chains", chains),
        ]

    def _change_conversation(self, conversation_id: str, body: bytes) -> dict[str, Any]:
        return self.change_conversation(conversation_id, strict_loads(body or b"{}"))

    def _grant(self, body: bytes) -> dict[str, Any]:
        wanted = strict_loads(body or b"{}")
        if not isinstance(wanted, dict) or not wanted.keys() <= _GRANT_MEMBERS.keys():
            raise ValueError(f"the body must be an object with members of {', '.join(_GRANT_MEMBERS)}")
        if wrong := [name for name, value in wanted.items() if not isinstance(value, _GRANT_MEMBERS[name])]:
            raise ValueError(f"not of the right type: {', '.join(wrong)}")
        if not all(isinstance(scope, str) for scope in wanted.get("scopes", ())):
            raise ValueError("scopes must be strings")
        return asdict(self.authorization.grant(**wanted))


def _queue(add: Callable[[list[Any]], int], what: str, body: bytes) -> dict[str, Any]:
    faults = strict_loads(body)
    if not isinstance(faults, list):
        raise ValueError(f"the body must be a list of {what}")  # noqa: TRY004 - it is answered, as all others
    return {"waiting": add(faults)}


def _answer(do: Callable[[bytes], dict[str, Any]], body: bytes) -> Response:
    try:
        return AsciiJSONResponse(do(body))
    except UnknownConversationError as error:
        problem = ProblemError(404, "Not Found", str(error))
        return ProblemResponse(problem, problem.kind)
    except ValueError as error:
        problem = ProblemError(400, "Invalid Request", str(error))
        return ProblemResponse(problem, problem.kind)
