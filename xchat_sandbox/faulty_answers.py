"""What faults of the operations make of an answer: another one in its place, or a strange way to send it."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from xchat_sandbox.connections import drip, drop, reset, write_slowly
from xchat_sandbox.json_wire import AsciiJSONResponse
from xchat_sandbox.operation_faults import OperationFault
from xchat_sandbox.problem_samples import phrase_of, sample
from xchat_sandbox.problems import ABOUT_BLANK, ProblemResponse
from xchat_sandbox.request_log import log_entry

# The codes of X's older APIs that go with a status.
_LEGACY_CODES = {401: 32, 403: 453, 404: 34, 429: 88, 500: 131, 503: 130}

ProblemType = Callable[[str], str]


def answer_in_place(fault: OperationFault, problem_type: ProblemType) -> Response | None:
    """Make the answer of a fault that lets nothing be done.

    :param fault: the fault.
    :param problem_type: completes the type of a problem.
    :returns: the answer; None if the usual one has to be made.
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


def document_of(fault: OperationFault, usual: dict[str, Any], problem_type: ProblemType) -> dict[str, Any]:
    """Turn a good answer into a partial one, if the fault says so.

    :param fault: the fault.
    :param usual: the answer's document.
    :param problem_type: completes the type of a problem.
    :returns: the document to send.
    """
    if fault.kind != "partial":
        return usual
    errors: list[Mapping[str, Any]] | None = fault.errors
    if errors is None:
        problem = sample("resource-not-found", 404)
        errors = [{"type": problem_type(problem.kind), **problem.members}]
    return {**(usual if fault.data else {}), "errors": errors}


def change_headers(fault: OperationFault, response: Response) -> None:
    """Add, replace and remove the headers of an answer.

    :param fault: the fault.
    :param response: the answer.
    """
    for name, value in fault.headers.items():
        if value is not None:
            response.headers[name] = value
        elif name in response.headers:
            del response.headers[name]


async def deliver(fault: OperationFault, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer, or not, in the way of a fault.

    :param fault: the fault.
    :param response: the answer.
    :param scope: the ASGI scope.
    :param receive: the ASGI receive channel.
    :param send: the ASGI send channel.
    :raises ClientDisconnect: if the connection was closed, and nobody is left to read an answer.
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
            # It passes by where the log would see it.
            log_entry(scope)["status"] = response.status_code
            await write_slowly(scope, response, receive, fault.bytes, fault.seconds)
        case "truncated":
            response.body = response.body[: len(response.body) // 2]
            response.headers["content-length"] = str(len(response.body))
    await response(scope, receive, send)
