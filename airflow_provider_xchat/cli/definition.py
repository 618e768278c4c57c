"""
Commands ``xchat …``, and ``airflow xchat …`` in Airflow 3.2 and later, with their arguments.

Airflow imports this module whenever ``airflow`` starts, so it imports nothing slow.
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_xchat import __version__

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand

__all__ = ["get_xchat_cli_commands", "main"]

DEFAULT_REDIRECT_URI = "http://127.0.0.1:8723/callback"
_DESCRIPTION = "Sign in at X for the Airflow connections of airflow-provider-xchat."


@dataclass(frozen=True)
class _Argument:
    """
    Argument of a command.

    :param flags: its flags
    :param options: its options for argparse
    """

    flags: tuple[str, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class _Command:
    """
    Command.

    :param name: its name, also that of its module and function
    :param help: a short description
    :param description: a description
    :param arguments: its arguments
    """

    name: str
    help: str
    description: str
    arguments: Sequence[_Argument]


class _RefuseSecret(argparse.Action):
    """Refuses a client secret without showing it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        parser.error(
            "a client secret on the command line is visible to other users: set the environment variable"
            " XCHAT_CLIENT_SECRET, or use --confidential to be asked for it"
        )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return seconds


_CONN_ID = _Argument(
    ("--conn-id",),
    {"metavar": "ID", "default": "xchat_default", "help": "id of the Airflow connection (default: xchat_default)"},
)

COMMANDS = (
    _Command(
        "login",
        "sign in at X and write the connection",
        "Sign in at X in a browser, and write the tokens into an Airflow connection. For an existing connection,"
        " --conn-id is enough.",
        (
            _CONN_ID,
            _Argument(
                ("--client-id",),
                {"metavar": "CLIENT_ID", "help": "client id of your app (default: the connection's login)"},
            ),
            _Argument(
                ("--confidential",),
                {
                    "action": "store_true",
                    "help": "ask for the client secret of a confidential client (default: the environment variable"
                    " XCHAT_CLIENT_SECRET, else the connection's)",
                },
            ),
            _Argument(("--client-secret",), {"action": _RefuseSecret, "nargs": "?", "help": argparse.SUPPRESS}),
            _Argument(
                ("--host",),
                {"metavar": "URL", "help": "URL of the API (default: the connection's host, else https://api.x.com)"},
            ),
            _Argument(
                ("--pages",),
                {
                    "metavar": "URL",
                    "help": "URL of the site with the authorization page (default: https://x.com; for an API on this"
                    " machine, such as a sandbox, the URL of the API)",
                },
            ),
            _Argument(
                ("--redirect-uri",),
                {
                    "metavar": "URI",
                    "default": DEFAULT_REDIRECT_URI,
                    "help": "redirect URI; must be registered exactly like this in X's developer portal, and be on"
                    f" loopback unless --no-browser is given (default: {DEFAULT_REDIRECT_URI})",
                },
            ),
            _Argument(
                ("--scope",),
                {
                    "metavar": "SCOPES",
                    "help": "scopes, separated by spaces (default: dm.read dm.write tweet.read users.read"
                    " offline.access)",
                },
            ),
            _Argument(
                ("--no-browser",),
                {
                    "action": "store_true",
                    "help": "do not open a browser and do not listen on a port: show the URL, and read the redirect URL"
                    " from a browser on any machine",
                },
            ),
            _Argument(
                ("--timeout",),
                {
                    "metavar": "SECONDS",
                    "type": _seconds,
                    "default": 300.0,
                    "help": "how long to wait for the browser (default: 300)",
                },
            ),
            _Argument(
                ("--print",),
                {
                    "choices": ("json", "uri", "env"),
                    "help": "print the connection with its tokens instead of writing it: as JSON, as a URI, or as a"
                    " line for an .env file",
                },
            ),
        ),
    ),
    _Command(
        "status",
        "show the state of a connection, without its tokens",
        "Show client, scopes, expiry, token store and last rotation of a connection. It sends and changes nothing.",
        (
            _CONN_ID,
            _Argument(
                ("-o", "--output"),
                {"choices": ("text", "json"), "default": "text", "help": "output format (default: text)"},
            ),
        ),
    ),
    _Command(
        "logout",
        "revoke the tokens of a connection at X and delete them",
        "Revoke a connection's sign-in at X, and delete its tokens here. Its client id and client secret stay.",
        (
            _CONN_ID,
            _Argument(
                ("--force",),
                {"action": "store_true", "help": "delete the tokens here even if they cannot be revoked at X"},
            ),
        ),
    ),
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """
    Run a command and end the process.

    :param arguments: the command line without the program's name; None for the one of the process
    """
    parser = argparse.ArgumentParser(prog="xchat", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"airflow-provider-xchat {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")
    for command in COMMANDS:
        subparser = commands.add_parser(command.name, help=command.help, description=command.description)
        for argument in command.arguments:
            subparser.add_argument(*argument.flags, **argument.options)
    parsed = parser.parse_args(arguments)
    if parsed.command is None:
        parser.print_help()
        sys.exit()
    _run(parsed.command, parsed)


def get_xchat_cli_commands() -> list[CLICommand]:
    """Return the group ``airflow xchat`` with its commands; Airflow calls this."""
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    make_argument: Callable[..., Arg] = Arg  # untyped
    return [
        GroupCommand(
            name="xchat",
            help="Sign in at X for X Chat connections",
            description=_DESCRIPTION,
            subcommands=[
                ActionCommand(
                    name=command.name,
                    help=command.help,
                    description=command.description,
                    func=partial(_run, command.name),
                    args=[make_argument(flags=argument.flags, **argument.options) for argument in command.arguments],
                )
                for command in COMMANDS
            ],
        )
    ]


def _run(name: str, arguments: argparse.Namespace) -> NoReturn:
    """Run a command and end the process; only its output goes to standard output, also while Airflow is imported."""
    from airflow_provider_xchat.cli.terminal import one_line, reserve_stdout

    terminal = reserve_stdout()
    from airflow_provider_xchat.exceptions import XChatError

    # Airflow has just set filters for warnings to its own developers.
    warnings.simplefilter("ignore")
    status = 0
    try:
        getattr(import_module(f"airflow_provider_xchat.cli.{name}"), name)(arguments, terminal)
    except XChatError as error:
        terminal.info(f"xchat: error: {one_line(str(error)).rstrip('.')}")
        status = 1
    except KeyboardInterrupt:
        terminal.info("xchat: error: interrupted")
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
