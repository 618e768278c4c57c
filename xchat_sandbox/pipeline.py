"""The steps between the route of an operation and its answer."""

import asyncio
import secrets
from functools import partial
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from xchat_sandbox.connections import drop
from xchat_sandbox.contract import Operation
from xchat_sandbox.faulty_answers import answer_in_place, change_headers, deliver, document_of
from xchat_sandbox.json_wire import AsciiJSONResponse
from xchat_sandbox.limits import RateLimits
from xchat_sandbox.operation_faults import NO_FAULT, OperationFaults
from xchat_sandbox.operations import Handler, Service
from xchat_sandbox.problems import ProblemError, ProblemResponse, rate_limit_exceeded
from xchat_sandbox.request_log import log_entry
from xchat_sandbox.tokens import Token, TokenRegistry

# A client gives up long before.
MAX_LATENCY = 3600

_TRANSACTION_ID = "x-transaction-id"


class Pipeline:
    """The steps; each may refuse a request by raising a ProblemError.

    :param service: what the operations work on.
    :param tokens: the tokens that are known.
    :param limits: the rate limits.
    :param faults: the faults that wait.
    :param latency: how much later every answer comes, in seconds.
    :raises ValueError: for a latency out of range.
    """

    def __init__(
        self, service: Service, tokens: TokenRegistry, limits: RateLimits, faults: OperationFaults, latency: float
    ) -> None:
        if not 0 <= latency <= MAX_LATENCY:
            raise ValueError(f"the latency must be from 0 to {MAX_LATENCY} seconds: {latency}")
        self._service = service
        self._tokens = tokens
        self._limits = limits
        self._faults = faults
        self._latency = latency

    async def respond(self, operation: Operation, handler: Handler, request: Request) -> ASGIApp:
        """Answer a request.

        :param operation: the operation.
        :param handler: what does it.
        :param request: the request.
        :returns: the answer, as what sends it.
        :raises ClientDisconnect: if a fault has closed the connection.
        """
        entry = log_entry(request.scope)
        entry["transaction_id"] = secrets.token_hex(8)
        aimed_at = (operation.operation_id, unquote(request.path_params.get("id", "")))
        fault = self._faults.take(*aimed_at, on_arrival=True)
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
                fault = self._faults.take(*aimed_at, on_arrival=False)
            response = answer_in_place(fault, problem_type) or AsciiJSONResponse(
                document_of(fault, await self._done(operation, handler, token, request), problem_type)
            )
        except ProblemError as problem:
            response = ProblemResponse(problem, problem_type(problem.kind))
        response.headers.update({**quota.headers, _TRANSACTION_ID: entry["transaction_id"]})
        change_headers(fault, response)
        entry["transaction_id"] = response.headers.get(_TRANSACTION_ID)
        if self._latency:
            # After the work: what a request does is done when it arrives, and only its answer is late.
            await asyncio.sleep(self._latency)
        return response if fault is NO_FAULT else partial(deliver, fault, response)

    async def _done(self, operation: Operation, handler: Handler, token: Token, request: Request) -> dict[str, Any]:
        values = self._service.contract.read(
            operation,
            path={name: unquote(value) for name, value in request.path_params.items()},
            query=request.scope["query_string"].decode("latin-1"),
            body=await request.body(),
            content_type=request.headers.get("content-type", ""),
        )
        return handler(self._service, token, values)
