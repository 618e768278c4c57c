"""What a command tells the person who waits for it."""

from __future__ import annotations

import sys

__all__ = ["say"]


def say(text: str) -> None:
    """Write a line to standard error at once; standard output is for what a command was asked for."""
    print(f"codegen: {text}", file=sys.stderr, flush=True)
