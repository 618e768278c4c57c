"""A deployment leaves no secret in what it writes, and nothing at all when it is stopped; so this comes last."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

# How the sandbox's tokens begin.
ISSUED = (b"sandbox-access-", b"sandbox-refresh-")


@pytest.fixture(scope="module")
def written(up):
    """Everything that it wrote, by file."""
    run = up.trigger("example_xchat_conversation")
    assert set(up.ended("example_xchat_conversation", run).values()) == {"success"}
    return {
        path.relative_to(up.home).as_posix(): path.read_bytes() for path in up.home.rglob("*") if path.is_file()
    } | {"printed": up.printed.encode()}


def test_no_token_is_written(written):
    assert any(name.startswith("logs/") and b"get_conversation" in name.encode() for name in written)
    assert [name for name, content in written.items() if any(token in content for token in ISSUED)] == []


def test_ctrl_c_stops_everything(up, written):
    home = up.home
    processes = psutil.Process(up.process.pid).children(recursive=True)
    assert len(processes) > 5
    os.killpg(up.process.pid, signal.SIGINT)
    assert up.process.wait(90) == 0
    assert "All processes have ended, and the temporary folder is removed." in up.printed
    assert [process for process in processes if process.is_running()] == []
    assert not home.exists()
