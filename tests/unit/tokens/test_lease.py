"""Fischer's protocol on a plain register, and the lock among the processes of a machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from airflow_provider_xchat.exceptions import XChatTokenStoreUnusableError
from airflow_provider_xchat.runtime.file_locks import file_lock, host_lock
from airflow_provider_xchat.tokens.lease import Lease


class Register:
    """A register in memory, whose reads and writes take as long as they are told to."""

    def __init__(self):
        self.texts = {}
        self.writing_takes = []

    def load(self, key):
        return self.texts.get(key)

    def save(self, key, value):
        if self.writing_takes:
            time.sleep(self.writing_takes.pop())
        self.texts[key] = value

    def delete(self, key):
        self.texts.pop(key, None)


def always():
    return True


@pytest.fixture
def register():
    return Register()


def test_one_after_the_other(register):
    inside, most, held = [], [], []

    def work():
        with Lease(register, "k").held(always) as until:
            inside.append(1)
            most.append(len(inside))
            held.append(until - time.monotonic())
            time.sleep(0.05)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5
    assert all(5 < seconds < 12 for seconds in held)
    assert register.texts["k_lease"].startswith("free ")


def test_who_does_not_want_it_any_more_leaves(register):
    with Lease(register, "k").held(always), Lease(register, "k").held(lambda: False) as until:
        assert until is None


def test_a_write_that_comes_too_late_does_not_count(register):
    """The slow one has read "free" before the other wrote, and writes when that one is in."""
    inside = []

    def slow():
        register.writing_takes.append(4.0)
        with Lease(register, "k").held(always) as until:
            inside.append(("slow", until))

    thread = threading.Thread(target=slow)
    thread.start()
    while register.writing_takes or not thread.is_alive():
        time.sleep(0.01)
    with Lease(register, "k").held(always):
        time.sleep(2)  # the slow write lands here
        assert inside == []
        assert "free" not in register.texts["k_lease"]
    thread.join()
    assert len(inside) == 1


def test_a_dead_holders_lease_is_taken_after_a_time(register):
    register.texts["k_lease"] = "somebody who is dead"
    began = time.monotonic()
    with Lease(register, "k").held(always) as until:
        assert until is not None
    assert 16 < time.monotonic() - began < 30


def test_a_store_that_is_always_too_slow_is_an_error(register):
    register.writing_takes = [3.1] * 100
    with (
        pytest.raises(TimeoutError, match=r"no lease .* within 5 s: the store takes too long to read and write \(3"),
        Lease(register, "k", patience=5).held(always),
    ):
        pass


def test_an_error_inside_frees_it(register):
    with pytest.raises(RuntimeError), Lease(register, "k").held(always):
        raise RuntimeError
    assert register.texts["k_lease"].startswith("free ")


class TestFileLock:
    """Of one machine."""

    def test_it_keeps_others_out(self, tmp_path):
        path = tmp_path / "k.lock"
        with file_lock(path, 1), pytest.raises(TimeoutError, match="locked by another process"), file_lock(path, 0.1):
            pass
        with file_lock(path, 0.1):
            assert path.stat().st_mode & 0o777 == 0o600

    def test_the_kernel_frees_a_dead_holders(self, tmp_path):
        path = tmp_path / "k.lock"
        script = (
            "import sys, pathlib, time; from airflow_provider_xchat.runtime.file_locks import file_lock\n"
            "with file_lock(pathlib.Path(sys.argv[1]), 1): print('in', flush=True); time.sleep(60)"
        )
        with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "in\n"
            process.send_signal(signal.SIGKILL)
            with file_lock(path, 5):
                pass

    @pytest.mark.parametrize("what", ["a file", "a link"])
    def test_a_folder_that_is_none_of_ours_is_not_used(self, tmp_path, monkeypatch, what):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        folder = tmp_path / f"airflow-provider-xchat-{os.getuid()}"
        (tmp_path / "elsewhere").mkdir()
        if what == "a file":
            folder.touch()
        else:
            folder.symlink_to(tmp_path / "elsewhere")
        with host_lock("k", 60):
            pass
        assert list((tmp_path / "elsewhere").iterdir()) == []


def test_who_cannot_read_what_was_saved_stops_at_once(register):
    """Overwriting goes on otherwise, and those who can read it never get the lease."""
    saved = []

    class AnotherTeam(Register):
        def load(self, key):
            return None

        def save(self, key, value):
            saved.append(value)

    with pytest.raises(XChatTokenStoreUnusableError, match="k_lease was saved and cannot be read"):
        Lease(AnotherTeam(), "k").held(always).__enter__()
    assert len(saved) == 1


def test_who_waits_for_long_asks_less_often(register):
    register.texts["k_lease"] = "somebody"
    asked = []

    def count():
        asked.append(1)
        return True

    with pytest.raises(TimeoutError), Lease(register, "k", patience=12.0).held(count):
        raise AssertionError("somebody has it")
    assert len(asked) <= 15  # every half second would be 24 times
