"""Pipeline of a request to an operation: faults, authentication, rate limits, validation, response."""

import asyncio
import secrets
from functools import partial
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from xchat_sandbox.contract.operation import Operation
from xchat_sandbox.faults.operations import NO_FAULT, OperationFaults
from xchat_sandbox.faults.responses import change_headers, changed_document, deliver, replacement
from xchat_sandbox.limits import RateLimits
from xchat_sandbox.oauth.tokens import Token, TokenRegistry
from xchat_sandbox.operations import Handler, Service
from xchat_sandbox.request_log import log_entry
from xchat_sandbox.wire.json_documents import AsciiJSONResponse
from xchat_sandbox.wire.problems import ProblemError, ProblemResponse, rate_limit_exceeded
from xchat_sandbox.wire.sockets import drop

MAX_LATENCY_SECONDS = 3600

_TRANSACTION_ID = "x-transaction-id"


class Pipeline:
    """Pipeline of all operations; each of its steps may raise a ProblemError.

    :param service: the data of the operations.
    :param tokens: the valid tokens.
    :param limits: the rate limits.
    :param faults: the queued faults.
    :param latency: delay of every response in seconds.
    :raises ValueError: for a latency out of range.
    """

    def __init__(
        self, service: Service, tokens: TokenRegistry, limits: RateLimits, faults: OperationFaults, latency: float
    ) -> None:
        if not 0 <= latency <= MAX_LATENCY_SECONDS:
            raise ValueError(f"the latency must be from 0 to {MAX_LATENCY_SECONDS} seconds: {latency}")
        self._service = service
        self._tokens = tokens
        self._limits = limits
        self._faults = faults
        self._latency = latency

    async def respond(self, operation: Operation, handler: Handler, request: Request) -> ASGIApp:
        """Return the response to a request.

        :param operation: the operation.
        :param handler: the handler of the operation.
        :param request: the request.
        :return: an ASGI application that sends the response.
        :raises ClientDisconnect: if a fault has closed the socket.
        """
        entry = log_entry(request.scope)
        entry["transaction_id"] = secrets.token_hex(8)
        target = (operation.operation_id, unquote(request.path_params.get("id", "")))
        fault = self._faults.take(*target, on_arrival=True)
        if fault.kind == "drop-before":
            await drop(request.scope)
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        quota = self._limits.untouched()
        problem_type = self._service.contract.problem_type
        response: Response
        try:
            token = self._tokens.authenticate(request.headers.get("authorization"))
            quota = self._limits.take(token.value, operation.operation_id)
            if quota.refused_until is not None:
                raise rate_limit_exceeded(quota.refused_until)
            token.require(operation.scopes)
            if fault is NO_FAULT:
                fault = self._faults.take(*target, on_arrival=False)
            response = replacement(fault, problem_type) or AsciiJSONResponse(
                changed_document(fault, await self._handle(operation, handler, token, request), problem_type)
            )
        except ProblemError as problem:
            response = ProblemResponse(problem, problem_type(problem.kind))
        response.headers.update({**quota.headers, _TRANSACTION_ID: entry["transaction_id"]})
        change_headers(fault, response)
        entry["transaction_id"] = response.headers.get(_TRANSACTION_ID)
        if self._latency:
            # After the handler, so that a request takes effect when it arrives and only its response is late.
            await asyncio.sleep(self._latency)
        return response if fault is NO_FAULT else partial(deliver, fault, response)

    async def _handle(self, operation: Operation, handler: Handler, token: Token, request: Request) -> dict[str, Any]:
        values = self._service.contract.read(
            operation,
            path={name: unquote(value) for name, value in request.path_params.items()},
            query=request.scope["query_string"].decode("latin-1"),
            body=await request.body(),
            content_type=request.headers.get("content-type", ""),
        )
        return handler(self._service, token, values)
