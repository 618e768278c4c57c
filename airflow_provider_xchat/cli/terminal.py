"""Terminal of a command: output to standard output, everything else to standard error."""

from __future__ import annotations

import getpass
import logging
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Terminal", "one_line", "relative", "reserve_stdout"]

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Terminal:
    """
    Terminal of a command.

    :param stdout: file descriptor for the output
    """

    stdout: int

    def output(self, text: str) -> None:
        """
        Write the output of the command.

        :param text: one or more lines
        :raises XChatError: when it cannot be written
        """
        # It imports Airflow, which must happen after ``reserve_stdout``.
        from airflow_provider_xchat.exceptions import XChatError

        left = f"{text}\n".encode()
        try:
            while left:
                left = left[os.write(self.stdout, left) :]
        except OSError as error:
            raise XChatError(f"Cannot write the output: {error.strerror}") from None

    def info(self, text: str) -> None:
        """
        Write a message to standard error.

        :param text: one or more lines
        """
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def warn(self, text: str) -> None:
        """
        Write a warning to standard error.

        :param text: the warning
        """
        self.info(f"xchat: warning: {one_line(text)}")

    def prompt(self, text: str) -> str:
        """
        Read a line from standard input; the prompt goes to standard error.

        :param text: the prompt
        :return: the line; empty at the end of the input
        """
        sys.stderr.write(text)
        sys.stderr.flush()
        answer = sys.stdin.readline().strip()
        if not sys.stdin.isatty():
            # End the line of the prompt.
            self.info("")
        return answer

    def prompt_secret(self, text: str) -> str:
        """
        Read a line without showing it; it may also come from a pipe.

        :param text: the prompt
        :return: the line; empty at the end of the input
        """
        if not sys.stdin.isatty():
            return self.prompt(text)
        try:
            return getpass.getpass(text).strip()
        except EOFError:
            return ""


def reserve_stdout() -> Terminal:
    """
    Reserve standard output for the output of the command, until the process ends.

    Airflow and a started browser write there, too: their file descriptor is redirected to standard error. Log messages
    below a warning are dropped.

    :return: the terminal
    """
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    logging.disable(logging.INFO)
    return Terminal(stdout)


def one_line(text: str) -> str:
    """
    Return a text as one line of printable characters.

    :param text: the text
    """
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def relative(moment: float) -> str:
    """
    Format a time, with its distance from now.

    :param moment: seconds since 1970-01-01 UTC
    :return: a text such as ``2026-01-01T12:00:00+00:00 (in 1 h 54 min)``
    """
    now = datetime.now(UTC)
    try:
        at = datetime.fromtimestamp(moment, UTC)
    except (OverflowError, ValueError):
        return f"{moment:.0f} s after 1970-01-01 UTC"
    left = round(abs((at - now).total_seconds()))
    parts = []
    for length, name in _UNITS:
        if left >= length:
            parts.append(f"{left // length} {name}")
            left %= length
    distance = " ".join(parts[:2]) or "0 s"
    return f"{at.isoformat(timespec='seconds')} ({f'in {distance}' if at > now else f'{distance} ago'})"
