"""
The commands ``xchat …``, and ``airflow xchat …`` in Airflow 3.2 and later: their arguments, declared once for both.

Airflow imports this module whenever ``airflow`` starts, so it imports nothing that takes time.
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
    One argument.

    :param flags: how it is written
    :param options: what argparse is told of it
    """

    flags: tuple[str, ...]
    options: Mapping[str, Any]


@dataclass(frozen=True)
class _Command:
    """
    One command.

    :param name: how it is called; its module and its function in it have the same name
    :param help: what it does, in a few words
    :param description: what it does
    :param arguments: its arguments
    """

    name: str
    help: str
    description: str
    arguments: Sequence[_Argument]


class _SecretRefused(argparse.Action):
    """Refuses a client secret without repeating it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        parser.error(
            "a client secret on the command line can be seen by others; expected it in the environment variable"
            " XCHAT_CLIENT_SECRET, or use --confidential to be asked for it"
        )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


_CONN_ID = _Argument(
    ("--conn-id",),
    {"metavar": "ID", "default": "xchat_default", "help": "id of the Airflow connection (default: xchat_default)"},
)

COMMANDS = (
    _Command(
        "login",
        "sign in at X and write the connection",
        "Sign in at X in a browser, and write the tokens into an Airflow connection. For a connection that is there,"
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
                    "help": "ask for the client secret of a confidential client; without it, it is taken from the"
                    " environment variable XCHAT_CLIENT_SECRET, else from the connection",
                },
            ),
            _Argument(("--client-secret",), {"action": _SecretRefused, "nargs": "?", "help": argparse.SUPPRESS}),
            _Argument(
                ("--host",),
                {"metavar": "URL", "help": "URL of the API (default: the connection's host, else https://api.x.com)"},
            ),
            _Argument(
                ("--pages",),
                {
                    "metavar": "URL",
                    "help": "URL of the site with the page to allow access (default: https://x.com; for an API on this"
                    " machine, that one, as a sandbox has both)",
                },
            ),
            _Argument(
                ("--redirect-uri",),
                {
                    "metavar": "URI",
                    "default": DEFAULT_REDIRECT_URI,
                    "help": "where X sends the browser back to; must be registered in X's developer portal exactly like"
                    f" this, and be on loopback unless --no-browser is given (default: {DEFAULT_REDIRECT_URI})",
                },
            ),
            _Argument(
                ("--scope",),
                {
                    "metavar": "SCOPES",
                    "help": "scopes to ask for, with spaces between them (default: dm.read dm.write tweet.read"
                    " users.read offline.access)",
                },
            ),
            _Argument(
                ("--no-browser",),
                {
                    "action": "store_true",
                    "help": "open no browser and listen on no port: print the URL, and read the one that a browser on"
                    " any machine ends at",
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
                    "help": "write no connection but print it, with its tokens: as JSON, as a URI, or as a line for an"
                    " .env file",
                },
            ),
        ),
    ),
    _Command(
        "status",
        "show what is known of a connection, without its tokens",
        "Show client, scopes, expiry, token store and last rotation of a connection. Asks nobody and changes nothing.",
        (
            _CONN_ID,
            _Argument(
                ("-o", "--output"),
                {"choices": ("text", "json"), "default": "text", "help": "how to show it (default: text)"},
            ),
        ),
    ),
    _Command(
        "logout",
        "revoke the tokens of a connection at X and remove them",
        "Revoke a connection's sign-in at X, and remove its tokens here. What it takes to sign in again stays.",
        (
            _CONN_ID,
            _Argument(
                ("--force",),
                {"action": "store_true", "help": "remove the tokens here also when they cannot be revoked at X"},
            ),
        ),
    ),
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """
    Run a command and end the process.

    :param arguments: the command line without the program's name; None for that of the process
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
    """
    Give Airflow the group ``airflow xchat``.

    :return: the group with its commands
    """
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    make_argument: Callable[..., Arg] = Arg  # it is not typed
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
    """Run a command and end the process; nothing but results goes to standard output, importing Airflow included."""
    from airflow_provider_xchat.cli.terminal import one_line, take_terminal

    terminal = take_terminal()
    from airflow_provider_xchat.exceptions import XChatError

    # Airflow warns its own developers, by filters that it has just set.
    warnings.simplefilter("ignore")
    status = 0
    try:
        getattr(import_module(f"airflow_provider_xchat.cli.{name}"), name)(arguments, terminal)
    except XChatError as error:
        terminal.say(f"xchat: error: {one_line(str(error)).rstrip('.')}")
        status = 1
    except KeyboardInterrupt:
        terminal.say("xchat: error: interrupted")
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
