"""The command ``xchat-sandbox``, also ``python -m xchat_sandbox``."""

import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from xchat_sandbox.limits import DAILY_WINDOW_SECONDS, RATE_LIMIT, RATE_WINDOW_SECONDS
from xchat_sandbox.oauth_settings import ACCESS_TOKEN_LIFETIME

_LAST_PORT = 65535


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # One line, without the usage: what is wrong must not be lost in it.
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sandbox until SIGINT or SIGTERM.

    The first line on standard output, ``X Chat sandbox on URL``, is written when requests are answered, for
    a parent process to read; it is the only one. A hint for humans goes to standard error.

    :param arguments: the command line; None for the process's own.
    :returns: the exit status: 0 after a signal. Bad arguments and a port in use end the process with 2.
    """
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, _exit_quietly)
    parser = _parser()
    options = parser.parse_args(arguments)

    # Not before the arguments are known to be good: openapi-core takes a second to import.
    try:
        from xchat_sandbox.app import create_app
        from xchat_sandbox.clients import PUBLIC_CLIENT_ID
        from xchat_sandbox.server import bind, serve, url_of
        from xchat_sandbox.tokens import DEFAULT_TOKEN
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
            f"or sign in as the client {PUBLIC_CLIENT_ID}, which has no secret.\n"
            f"What can be asked for: {url}/_sandbox/conversations. Stop with Ctrl-C.",
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
        help="answer a conversation by itself, as X does now, or in a list of one, as before 2.167 (%(default)s)",
    )
    parser.add_argument("--token", action="append", default=[], help="accept this access token too; may be repeated")
    parser.add_argument(
        "--rate-limit",
        type=int,
        default=RATE_LIMIT,
        metavar="N",
        help="requests for each token and operation in a window (%(default)s)",
    )
    parser.add_argument(
        "--rate-window",
        type=float,
        default=RATE_WINDOW_SECONDS,
        metavar="SECONDS",
        help="the length of a window (%(default)s)",
    )
    parser.add_argument(
        "--daily-limit",
        type=int,
        metavar="N",
        help="requests for each token and operation in a day (as many as one likes)",
    )
    parser.add_argument(
        "--daily-window",
        type=float,
        default=DAILY_WINDOW_SECONDS,
        metavar="SECONDS",
        help="the length of that day (%(default)s)",
    )
    parser.add_argument(
        "--conversations",
        type=int,
        default=0,
        metavar="N",
        help="generate so many conversations beyond the seed, from g9100000000000000001 on (%(default)s)",
    )
    parser.add_argument(
        "--latency",
        type=float,
        default=0,
        metavar="SECONDS",
        help="how much later every answer of the two operations comes; fractions count (%(default)s)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="end a whole grant when one of its dead refresh tokens is used again",
    )
    parser.add_argument(
        "--access-token-lifetime",
        type=float,
        default=ACCESS_TOKEN_LIFETIME,
        metavar="SECONDS",
        help="how long an access token lives after a sign-in or a refresh; fractions count (%(default)s)",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise ArgumentTypeError(f"not a port number: {text}")
    return int(text)


def _exit_quietly(_signal: int, _frame: FrameType | None) -> NoReturn:
    # uvicorn stops in its own handler first and raises the signal again when it is done.
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
