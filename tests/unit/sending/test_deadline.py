"""Requests of threads that end when their time is up, against a server that takes them and never answers."""

from __future__ import annotations

import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from airflow_provider_xchat.sending.deadline import Connections

PATIENCE = 20


@pytest.fixture
def silent():
    """The URL of a server that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def client():
    with httpx.Client(timeout=PATIENCE) as made:
        yield made


def watching():
    return {thread for thread in threading.enumerate() if thread.name == "xchat-deadline"}


def asked(client, connections, url, seconds):
    """Ask, and tell how long it took until the request was broken off."""
    began = time.monotonic()
    with pytest.raises(httpx.TransportError), connections.until(began + seconds):
        client.get(url)
    return time.monotonic() - began


def test_is_broken_off(client, silent):
    assert 0.3 <= asked(client, Connections(client), silent, 0.3) < PATIENCE / 2


def test_one_that_ends_sooner_than_those_before_it_is_not_late(client, silent):
    connections = Connections(client)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(asked, client, connections, silent, PATIENCE / 2)
        time.sleep(0.2)
        assert asked(client, connections, silent, 0.3) < PATIENCE / 4
        first.result()


def test_a_time_that_is_over_ends_it_at_once(client, silent):
    assert asked(client, Connections(client), silent, -1) < PATIENCE / 4


def test_one_thread_watches_all_and_goes_when_there_is_nothing_to_watch(client, silent):
    of_others = watching()
    connections = Connections(client)
    for _ in range(100):
        with connections.until(time.monotonic() + PATIENCE):
            assert len(watching() - of_others) == 1
    give_up_at = time.monotonic() + PATIENCE
    while watching() - of_others:
        assert time.monotonic() < give_up_at
        time.sleep(0.1)
    assert asked(client, connections, silent, 0.2) < PATIENCE / 4


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # Python 3.12 and later
def test_a_forked_process_watches_for_itself(client, silent):
    connections = Connections(client)
    with connections.until(time.monotonic() + PATIENCE):
        child = os.fork()
        if child == 0:
            watches = False
            try:
                with connections.until(time.monotonic() + PATIENCE):
                    watches = connections._watching.is_alive()
            finally:
                os._exit(0 if watches else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
