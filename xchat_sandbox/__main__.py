"""The command ``xchat-sandbox``, also ``python -m xchat_sandbox``."""

import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from xchat_sandbox.limits import DAILY_WINDOW_SECONDS, RATE_LIMIT, RATE_WINDOW_SECONDS
from xchat_sandbox.oauth.settings import ACCESS_TOKEN_LIFETIME_SECONDS

_LAST_PORT = 65535


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # One line, without the usage text, so that the error is easy to see.
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sandbox until SIGINT or SIGTERM.

    Write one line to standard output when the server accepts requests, ``X Chat sandbox on URL``, for a parent
    process to read, and a hint for humans to standard error.

    :param arguments: the command line; None for the process's own.
    :return: the exit status, 0 after a signal. Invalid arguments and a port in use exit with status 2.
    """
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, _exit_quietly)
    parser = _parser()
    options = parser.parse_args(arguments)

    # Imported after the arguments are parsed, because openapi-core takes a second to import.
    try:
        from xchat_sandbox.app import create_app
        from xchat_sandbox.oauth.clients import PUBLIC_CLIENT_ID
        from xchat_sandbox.oauth.tokens import DEFAULT_TOKEN
        from xchat_sandbox.server import bind, serve, url_of
    except ModuleNotFoundError as error:
        parser.error(f"{error.name} is missing; install it with: pip install 'airflow-provider-xchat[sandbox]'")

    try:
        app = create_app(
            answer_form=options.answer_form,
            tokens=options.token,
            rate_limit=options.rate_limit,
            rate_window=options.rate_window,
            daily_limit=options.daily_limit,
            daily_window=options.daily_window,
            conversations=options.conversations,
            latency=options.latency,
            strict=options.strict,
            access_token_lifetime=options.access_token_lifetime,
        )
    except ValueError as error:
        parser.error(str(error))
    try:
        listener = bind(options.host, options.port)
    except OSError as error:
        parser.error(f"cannot listen on {options.host} port {options.port}: {error.strerror or error}")
    url = url_of(listener)

    def announce() -> None:
        print(f"X Chat sandbox on {url}", flush=True)
        print(
            f"Point the host of an Airflow connection at {url}, with the password {DEFAULT_TOKEN},\n"
            f"or sign in with the client id {PUBLIC_CLIENT_ID}, which has no client secret.\n"
            f"Its conversations: {url}/_sandbox/conversations. Stop with Ctrl-C.",
            file=sys.stderr,
            flush=True,
        )

    serve(app, listener, announce)
    return 0


def _parser() -> _Parser:
    parser = _Parser(prog="xchat-sandbox", description="A stand-in for the X Chat API on this machine.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=0, help="the port to listen on; 0, the default: a free one")
    parser.add_argument(
        "--answer-form",
        choices=["object", "array"],
        default="object",
        help="return a conversation as an object, as X does now, or in a list of one, as before 2.167 (%(default)s)",
    )
    parser.add_argument(
        "--token", action="append", default=[], help="an additional valid access token; may be repeated"
    )
    parser.add_argument(
        "--rate-limit",
        type=int,
        default=RATE_LIMIT,
        metavar="N",
        help="requests per window, for each token and operation (%(default)s)",
    )
    parser.add_argument(
        "--rate-window",
        type=float,
        default=RATE_WINDOW_SECONDS,
        metavar="SECONDS",
        help="length of a window (%(default)s)",
    )
    parser.add_argument(
        "--daily-limit",
        type=int,
        metavar="N",
        help="requests per day, for each token and operation (no limit)",
    )
    parser.add_argument(
        "--daily-window",
        type=float,
        default=DAILY_WINDOW_SECONDS,
        metavar="SECONDS",
        help="length of that day (%(default)s)",
    )
    parser.add_argument(
        "--conversations",
        type=int,
        default=0,
        metavar="N",
        help="number of generated conversations, from g9100000000000000001 on (%(default)s)",
    )
    parser.add_argument(
        "--latency",
        type=float,
        default=0,
        metavar="SECONDS",
        help="delay of every response of the two operations, in fractions of seconds too (%(default)s)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="revoke the whole grant when one of its used refresh tokens is used again",
    )
    parser.add_argument(
        "--access-token-lifetime",
        type=float,
        default=ACCESS_TOKEN_LIFETIME_SECONDS,
        metavar="SECONDS",
        help="lifetime of access tokens, in fractions of seconds too (%(default)s)",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise ArgumentTypeError(f"not a port number: {text}")
    return int(text)


def _exit_quietly(_signal: int, _frame: FrameType | None) -> NoReturn:
    # uvicorn handles the signal first, and raises it again after its shutdown.
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
