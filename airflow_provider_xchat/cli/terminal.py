"""Where commands write: results to standard output, and everything else to standard error."""

from __future__ import annotations

import getpass
import logging
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Terminal", "one_line", "relative", "take_terminal"]

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Terminal:
    """
    A person, or a script.

    :param results: file descriptor of what a script reads
    """

    results: int

    def result(self, text: str) -> None:
        """
        Write what was asked for.

        :param text: one line or more
        :raises XChatError: when nobody reads it, or there is no room for it
        """
        # It imports Airflow, which is to happen after ``take_terminal``.
        from airflow_provider_xchat.exceptions import XChatError

        left = f"{text}\n".encode()
        try:
            while left:
                left = left[os.write(self.results, left) :]
        except OSError as error:
            raise XChatError(f"the result cannot be written: {error.strerror}") from None

    def say(self, text: str) -> None:
        """
        Write what goes with it.

        :param text: one line or more
        """
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def warn(self, text: str) -> None:
        """
        Write what should not be missed.

        :param text: what it is
        """
        self.say(f"xchat: warning: {one_line(text)}")

    def ask(self, prompt: str) -> str:
        """
        Ask for a line; the prompt stays out of the results.

        :param prompt: what for
        :return: the line; empty when there is nobody to answer
        """
        sys.stderr.write(prompt)
        sys.stderr.flush()
        answer = sys.stdin.readline().strip()
        if not sys.stdin.isatty():
            # Nobody has pressed the key that ends the line.
            self.say("")
        return answer

    def ask_secretly(self, prompt: str) -> str:
        """
        Ask for a line that is not to be seen; it may also come through a pipe.

        :param prompt: what for
        :return: the line; empty when there is nobody to answer
        """
        if not sys.stdin.isatty():
            return self.ask(prompt)
        try:
            return getpass.getpass(prompt).strip()
        except EOFError:
            return ""


def take_terminal() -> Terminal:
    """
    Keep standard output for results, until the process ends.

    Airflow logs there from when it is imported to the very end, and a browser that is started may chat there, too. The
    file descriptor is exchanged, as both have it already, or inherit it. What is logged below a warning is for nobody
    at a terminal.

    :return: the terminal
    """
    sys.stdout.flush()
    results = os.dup(1)
    os.dup2(2, 1)
    logging.disable(logging.INFO)
    return Terminal(results)


def one_line(text: str) -> str:
    """
    Make a text from elsewhere fit for a terminal.

    :param text: the text
    :return: one line of printable characters
    """
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def relative(moment: float) -> str:
    """
    Say when something is, with how far that is from now.

    :param moment: seconds since 1970-01-01 UTC
    :return: such as ``2026-01-01T12:00:00+00:00 (in 1 h 54 min)``
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
    far = " ".join(parts[:2]) or "0 s"
    return f"{at.isoformat(timespec='seconds')} ({f'in {far}' if at > now else f'{far} ago'})"
