"""The application: what a sandbox is made of, and its routes."""

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

from xchat_sandbox.authorization_server import AuthorizationServer
from xchat_sandbox.contract import Contract, Operation
from xchat_sandbox.control import Control
from xchat_sandbox.conversations import Conversations, ReadMarks
from xchat_sandbox.limits import DAILY_WINDOW_SECONDS, RATE_LIMIT, RATE_WINDOW_SECONDS, RateLimits, all_limits
from xchat_sandbox.oauth_settings import OAuthOptions, OAuthSettings
from xchat_sandbox.operation_faults import OperationFaults
from xchat_sandbox.operations import HANDLERS, Handler, Service
from xchat_sandbox.pipeline import Pipeline
from xchat_sandbox.problems import ProblemResponse, about_blank
from xchat_sandbox.request_log import RequestLog, RequestLogMiddleware
from xchat_sandbox.selection import AnswerForm
from xchat_sandbox.tokens import Token, TokenRegistry, default_tokens


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
    """Make a sandbox with a state of its own.

    :param answer_form: ``object`` answers a conversation by itself, as X does since version 2.167 of its document;
        ``array`` in a list of one, as before.
    :param tokens: access tokens beside the two default ones; a string is a token of the main user with
        every scope.
    :param rate_limit: requests that each token may send to each operation in a window.
    :param rate_window: the length of that window, in seconds.
    :param daily_limit: requests that each token may send to each operation in a day; with it, every answer of the
        operations has headers about the day, too.
    :param daily_window: the length of that day, in seconds.
    :param conversations: how many conversations to generate beyond the seed, with the ids ``generated_ids(n)``.
    :param latency: how much later every answer of the two operations comes, in seconds.
    :param document: an OpenAPI document to use as the contract instead of the packaged one.
    :param oauth: the settings of the authorization server: the fields of OAuthSettings.
    :returns: an ASGI application; ``state.control`` reads and resets what it has recorded.
    :raises ValueError: for an unknown answer form, a malformed token, a token of a user who does not exist,
        a limit, window, lifetime, latency or number of conversations out of range, or a contract that lacks one
        of the two operations.
    :raises OSError: if the document cannot be read.
    """
    if answer_form not in get_args(AnswerForm):
        raise ValueError(f"the answer form must be one of {', '.join(get_args(AnswerForm))}: {answer_form}")
    contract = Contract.load(None if document is None else Path(document))
    if missing := sorted(HANDLERS.keys() - contract.operations.keys()):
        raise ValueError(f"the contract lacks the operation {', '.join(missing)}")
    service = Service(contract, Conversations(conversations), ReadMarks(), answer_form)
    authorization = AuthorizationServer(OAuthSettings(**oauth), contract.scopes, service.conversations.users)
    registry = TokenRegistry(_known_tokens(tokens, service), authorization.grants.find)
    limits = RateLimits(all_limits(rate_limit, rate_window, daily_limit, daily_window))
    log = RequestLog()
    faults = OperationFaults()
    control = Control(service, limits, log, faults, authorization)
    pipeline = Pipeline(service, registry, limits, faults, latency)
    routes = [
        _route(contract.operations[operation_id], pipeline, handler) for operation_id, handler in HANDLERS.items()
    ]
    app = Starlette(
        routes=[*routes, *authorization.routes(), *control.routes()],
        middleware=[Middleware(RawPathMiddleware), Middleware(RequestLogMiddleware, log=log)],
        exception_handlers={HTTPException: _http_problem, Exception: _server_problem},
    )
    # A path with a slash too many is another path, not one to be redirected from.
    app.router.redirect_slashes = False
    app.state.control = control
    return app


class RawPathMiddleware:
    """Routes by the path as it was sent.

    Decoded, an id such as ``1%2Fread`` would reach another route than the one it was sent to.

    :param app: the application behind.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its raw path in place of the decoded one.

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
