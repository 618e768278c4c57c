"""Responses changed by faults of the operations: replaced, modified, or sent in an unusual way."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from xchat_sandbox.faults.operations import OperationFault
from xchat_sandbox.faults.problem_samples import phrase_of, sample
from xchat_sandbox.request_log import log_entry
from xchat_sandbox.wire.json_documents import AsciiJSONResponse
from xchat_sandbox.wire.problems import ABOUT_BLANK, ProblemResponse
from xchat_sandbox.wire.sockets import drip, drop, reset, write_slowly

# The error codes of X's older APIs, by status.
_LEGACY_CODES = {401: 32, 403: 453, 404: 34, 429: 88, 500: 131, 503: 130}

ProblemType = Callable[[str], str]


def replacement(fault: OperationFault, problem_type: ProblemType) -> Response | None:
    """Return the response of a fault that replaces the handling of the request.

    :param fault: the fault.
    :param problem_type: a function that returns the type URI of a problem.
    :return: the response; None for a fault of another kind.
    """
    if fault.kind == "body":
        return Response(fault.body, fault.status, media_type=fault.content_type)
    if fault.kind != "status":
        return None
    if fault.form is not None:
        return _in_form(fault.form, fault.status)
    problem = sample(fault.problem or ABOUT_BLANK, fault.status)
    return ProblemResponse(problem, problem_type(problem.kind))


def _in_form(form: str, status: int) -> Response:
    phrase = phrase_of(status)
    if form == "empty":
        return Response(status_code=status)
    if form == "html":
        return HTMLResponse(f"<!DOCTYPE html><title>{phrase}</title><h1>{status} {phrase}</h1>", status)
    error = {"code": _LEGACY_CODES.get(status, 0), "message": phrase}
    return AsciiJSONResponse({"errors": [error]} if form == "legacy" else error, status)


def changed_document(fault: OperationFault, document: dict[str, Any], problem_type: ProblemType) -> dict[str, Any]:
    """Apply a fault to the document of a successful response.

    :param fault: the fault.
    :param document: the document.
    :param problem_type: a function that returns the type URI of a problem.
    :return: the document to send.
    """
    if fault.kind != "partial":
        return document
    errors: list[Mapping[str, Any]] | None = fault.errors
    if errors is None:
        problem = sample("resource-not-found", 404)
        errors = [{"type": problem_type(problem.kind), **problem.members}]
    return {**(document if fault.data else {}), "errors": errors}


def change_headers(fault: OperationFault, response: Response) -> None:
    """Add, replace and remove headers of a response.

    :param fault: the fault.
    :param response: the response.
    """
    for name, value in fault.headers.items():
        if value is not None:
            response.headers[name] = value
        elif name in response.headers:
            del response.headers[name]


async def deliver(fault: OperationFault, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response in the way of a fault, or close the socket.

    :param fault: the fault.
    :param response: the response.
    :param scope: the ASGI scope.
    :param receive: the ASGI receive channel.
    :param send: the ASGI send channel.
    :raises ClientDisconnect: if the fault has closed the socket.
    """
    match fault.kind:
        case "drop-after":
            await drop(scope)
        case "reset":
            await reset(scope, response, send)
        case "drip":
            await drip(scope, response, send, fault.bytes, fault.seconds)
            return
        case "drip-headers":
            # It bypasses the middleware that logs the status.
            log_entry(scope)["status"] = response.status_code
            await write_slowly(scope, response, receive, fault.bytes, fault.seconds)
        case "truncated":
            response.body = response.body[: len(response.body) // 2]
            response.headers["content-length"] = str(len(response.body))
    await response(scope, receive, send)
