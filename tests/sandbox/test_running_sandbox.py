import subprocess
import sys
import threading
import time

import httpx
import pytest

import xchat_sandbox
from xchat_sandbox import running_sandbox

HEADERS = {"authorization": "Bearer sandbox-token"}


def test_it_stops_quickly_and_leaves_nothing_even_with_an_open_connection() -> None:
    before = set(threading.enumerate())
    with httpx.Client(headers=HEADERS) as client:
        with running_sandbox() as sandbox:
            url = f"{sandbox.url}/2/chat/conversations/900000001"
            assert client.get(url).status_code == 200
            leaving = time.monotonic()
        assert time.monotonic() - leaving < 1
        assert set(threading.enumerate()) == before
        with pytest.raises(httpx.TransportError):
            client.get(url)


def test_it_stops_when_the_block_fails() -> None:
    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError), running_sandbox():
        raise ZeroDivisionError
    assert set(threading.enumerate()) == before


def test_two_sandboxes_share_nothing() -> None:
    with running_sandbox() as one, running_sandbox(answer_form="array") as other:
        assert one.url != other.url
        answer = httpx.get(f"{one.url}/2/chat/conversations/900000001", headers=HEADERS)
        assert isinstance(answer.json()["data"], dict)
        assert len(one.requests()) == 1
        assert other.requests() == []


def test_a_kept_connection_is_not_slowed_down_by_delayed_acknowledgements() -> None:
    with running_sandbox() as sandbox, httpx.Client(headers=HEADERS) as client:
        url = f"{sandbox.url}/_sandbox/conversations"
        client.get(url)
        start = time.perf_counter()
        for _ in range(20):
            client.get(url)
        # With Nagle's algorithm each takes 40 ms.
        assert time.perf_counter() - start < 0.4


def test_an_unknown_answer_form_is_refused() -> None:
    with pytest.raises(ValueError, match="object, array"), running_sandbox(answer_form="list"):  # type: ignore[arg-type]
        pass


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, xchat_sandbox; print(sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for package in ("starlette", "uvicorn", "openapi_core", "yaml"):
        assert f"'{package}'" not in run.stdout


def test_the_package_offers_what_it_names() -> None:
    assert set(xchat_sandbox.__all__) <= set(dir(xchat_sandbox))
    assert all(getattr(xchat_sandbox, name) for name in xchat_sandbox.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = xchat_sandbox.nothing


def test_the_sandbox_does_not_know_what_it_is_used_to_test() -> None:
    code = "import sys, xchat_sandbox.server; print(sorted({n.partition('.')[0] for n in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for package in ("xchat_client", "airflow_provider_xchat", "airflow", "codegen"):
        assert f"'{package}'" not in run.stdout
