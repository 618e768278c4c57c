"""The output of many conversations: it is there when it is complete, and until then yesterday's stays."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from airflow_provider_xchat.bulk.checkpoint import progress_of


class TimeoutOfTheTaskError(BaseException):
    """As Airflow's own, it is no Exception."""


@pytest.fixture(scope="module")
def bucket():
    """A bucket of a real S3 server, which Airflow reaches through a connection."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    files = S3FileSystem(
        key="a-key",
        secret="a-secret",
        endpoint_url=f"http://{host}:{port}",
        # The least that S3 takes for a part of an object.
        default_block_size=5 * 2**20,
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    files.mkdir("bucket")
    attach("s3", "aws_tests", fs=files)
    yield "s3://aws_tests@bucket"
    server.stop()


@pytest.fixture(params=["file", "memory", "s3"])
def output(request, tmp_path):
    """A file of yesterday's."""
    if request.param == "file":
        folder = f"file://{tmp_path}"
    elif request.param == "memory":
        attach("memory", fs=MemoryFileSystem())
        folder = "memory://bucket"
    else:
        folder = request.getfixturevalue("bucket")
    path = ObjectStoragePath(f"{folder}/{request.node.name}/many.jsonl")
    if request.param != "s3":
        path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("yesterday\n")
    return path


def progress(output):
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="many", map_index=-1)
    return progress_of({"ti": ti, "task_state_store": None}, output)


def records():
    """As many as take several parts of an object: some 12 MB."""
    return [{"conversation_id": f"g{number}", "answer": {"data": ["x" * 1000]}} for number in range(12_000)]


def names(output):
    return [each.name for each in output.parent.iterdir()]


def test_it_is_replaced_as_a_whole(output, caplog):
    with caplog.at_level("INFO"):
        progress(output).write_output(records())
    assert f"12000 lines written to {output} in place of an older file" in caplog.text
    assert output.read_text().count("\n") == 12_000
    assert names(output) == ["many.jsonl"]


@pytest.mark.parametrize("error", [OSError("reads are throttled"), TimeoutOfTheTaskError()])
def test_an_exception_leaves_yesterdays(output, error):
    def throttled():
        yield from itertools.islice(records(), 8_000)
        raise error

    with pytest.raises(type(error)):
        progress(output).write_output(throttled())
    assert output.read_text() == "yesterday\n"
    assert names(output) == ["many.jsonl"]
