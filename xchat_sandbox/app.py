"""The ASGI application: it puts the parts of a sandbox together, and routes requests to them."""

from collections.abc import Iterable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Unpack, cast, get_args

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from xchat_sandbox.contract.document import Contract
from xchat_sandbox.contract.operation import Operation
from xchat_sandbox.control import control_routes
from xchat_sandbox.conversations import Conversations, ReadMarks
from xchat_sandbox.faults.operations import OperationFaults
from xchat_sandbox.limits import DAILY_WINDOW_SECONDS, RATE_LIMIT, RATE_WINDOW_SECONDS, RateLimits, all_limits
from xchat_sandbox.oauth.authorization_server import AuthorizationServer
from xchat_sandbox.oauth.settings import OAuthOptions, OAuthSettings
from xchat_sandbox.oauth.tokens import Token, TokenRegistry, default_tokens
from xchat_sandbox.operations import HANDLERS, Handler, Service
from xchat_sandbox.pipeline import Pipeline
from xchat_sandbox.request_log import RequestLog, RequestLogMiddleware
from xchat_sandbox.sandbox import Sandbox
from xchat_sandbox.selection import AnswerForm
from xchat_sandbox.wire.problems import ProblemResponse, about_blank


def create_app(
    *,
    answer_form: AnswerForm = "object",
    tokens: Iterable[Token | str] = (),
    rate_limit: int = RATE_LIMIT,
    rate_window: float = RATE_WINDOW_SECONDS,
    daily_limit: int | None = None,
    daily_window: float = DAILY_WINDOW_SECONDS,
    conversations: int = 0,
    latency: float = 0,
    document: str | PathLike[str] | None = None,
    **oauth: Unpack[OAuthOptions],
) -> Starlette:
    """Create a sandbox with its own state.

    :param answer_form: ``object`` returns a conversation as an object, as X does since version 2.167 of its document;
        ``array`` in a list of one, as before.
    :param tokens: access tokens in addition to the two default ones; a string is a token of the main user with
        all scopes.
    :param rate_limit: requests per window, for each token and operation.
    :param rate_window: length of that window in seconds.
    :param daily_limit: requests per day, for each token and operation; adds headers about the day to all responses of
        the operations. None for no daily limit.
    :param daily_window: length of that day in seconds.
    :param conversations: number of generated conversations in addition to the seed; ``generated_ids(n)`` returns their
        ids.
    :param latency: delay of every response of the operations in seconds.
    :param document: path of an OpenAPI document to use instead of the packaged one.
    :param oauth: the fields of OAuthSettings.
    :return: an ASGI application; ``state.sandbox`` is its Sandbox.
    :raises ValueError: for an unknown answer form, a malformed token, a token of an unknown user, a limit, window,
        lifetime, latency or number of conversations out of range, or a contract without one of the operations.
    :raises OSError: if the document cannot be read.
    """
    if answer_form not in get_args(AnswerForm):
        raise ValueError(f"invalid answer form {answer_form!r}: expected one of {', '.join(get_args(AnswerForm))}")
    contract = Contract.load(None if document is None else Path(document))
    if missing := sorted(HANDLERS.keys() - contract.operations.keys()):
        raise ValueError(f"the contract lacks the operation {', '.join(missing)}")
    service = Service(contract, Conversations(conversations), ReadMarks(), answer_form)
    authorization = AuthorizationServer(OAuthSettings(**oauth), contract.scopes, service.conversations.users)
    registry = TokenRegistry(_known_tokens(tokens, service), authorization.grants.find)
    limits = RateLimits(all_limits(rate_limit, rate_window, daily_limit, daily_window))
    log = RequestLog()
    faults = OperationFaults()
    sandbox = Sandbox(service, limits, log, faults, authorization)
    pipeline = Pipeline(service, registry, limits, faults, latency)
    routes = [
        _route(contract.operations[operation_id], pipeline, handler) for operation_id, handler in HANDLERS.items()
    ]
    app = Starlette(
        routes=[*routes, *authorization.routes(), *control_routes(sandbox)],
        middleware=[Middleware(RawPathMiddleware), Middleware(RequestLogMiddleware, log=log)],
        exception_handlers={HTTPException: _http_problem, Exception: _server_problem},
    )
    # A path with a trailing slash is a different path: it is not redirected.
    app.router.redirect_slashes = False
    app.state.sandbox = sandbox
    return app


class RawPathMiddleware:
    """Middleware that routes by the undecoded path.

    The decoded path of an id such as ``1%2Fread`` would match the route of another operation.

    :param app: the wrapped application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace the path of a request by its raw path.

        :param scope: the ASGI scope.
        :param receive: the ASGI receive channel.
        :param send: the ASGI send channel.
        """
        if scope["type"] == "http":
            scope = {**scope, "path": scope["raw_path"].decode("latin-1")}
        await self._app(scope, receive, send)


def _route(operation: Operation, pipeline: Pipeline, handler: Handler) -> Route:
    endpoint = partial(pipeline.respond, operation, handler)
    route = Route(operation.path, endpoint, methods=[operation.method], name=operation.operation_id)
    # Starlette adds HEAD to every GET; the contract has none.
    route.methods = {operation.method}
    return route


def _known_tokens(tokens: Iterable[Token | str], service: Service) -> list[Token]:
    given = [tokens] if isinstance(tokens, str) else tokens
    more = [Token(token) if isinstance(token, str) else token for token in given]
    for token in more:
        if token.user_id not in service.conversations.users:
            raise ValueError(f"there is no user {token.user_id} in the sandbox")
    return [*default_tokens(service.contract.scopes), *more]


async def _http_problem(_request: Request, error: Exception) -> Response:
    refusal = cast(HTTPException, error)
    problem = about_blank(refusal.status_code, refusal.headers)
    return ProblemResponse(problem, problem.kind)


async def _server_problem(_request: Request, _error: Exception) -> Response:
    problem = about_blank(500)
    return ProblemResponse(problem, problem.kind)
