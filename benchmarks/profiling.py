"""Where the time of a call goes: the profiler's own times, added up by package."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("airflow_provider_xchat", "xchat_client", "httpx", "httpcore", "h11", "json")
SOCKETS = "sockets"

Function = tuple[str, int, str]


def shares(work: Callable[[], None]) -> dict[str, float]:
    """
    Do something, and tell which package it keeps busy; the profiler makes small functions look dearer than they are.

    :param work: what to do
    :return: the part of the time that each package takes, from 0 to 1; what is written in C counts for its caller,
        except sockets, where it waits for the server; all others are the ``rest``
    """
    profile = cProfile.Profile()
    profile.runcall(work)
    seconds = dict.fromkeys((*PACKAGES, SOCKETS, "rest"), 0.0)
    for function, (_, _, own, _, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if _in_python(function) or _of_sockets(function):
            seconds[_room(function)] += own
        else:
            for caller, (_, _, own_for_caller, _) in callers.items():
                seconds[_room(caller)] += own_for_caller
    whole = sum(seconds.values())
    return {room: took / whole for room, took in seconds.items()}


def _in_python(function: Function) -> bool:
    return function[0] != "~"


def _of_sockets(function: Function) -> bool:
    return "socket" in function[2] or "select.poll" in function[2]


def _room(function: Function) -> str:
    if not _in_python(function):
        return SOCKETS if _of_sockets(function) else "rest"
    parts = Path(function[0]).parts
    return next((package for package in PACKAGES if package in parts), "rest")
