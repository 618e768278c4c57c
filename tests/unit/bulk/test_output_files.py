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

from airflow_provider_xchat.bulk.checkpoint import open_checkpoint
from airflow_provider_xchat.bulk.output_files import checked_output
from airflow_provider_xchat.exceptions import XChatInputError


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
    return open_checkpoint({"ti": ti, "task_state_store": None}, output)


def records():
    """As many as take several parts of an object: some 12 MB."""
    return [{"conversation_id": f"g{number}", "answer": {"data": ["x" * 1000]}} for number in range(12_000)]


def names(output):
    return [each.name for each in output.parent.iterdir()]


def test_it_is_replaced_as_a_whole(output, caplog):
    with caplog.at_level("INFO"):
        progress(output).write_output(records())
    assert f"12000 lines written to {output}, replacing an older file" in caplog.text
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


def test_an_output_that_can_be_written_is_left_as_it_was(output):
    assert checked_output(str(output)) == output
    new = output.parent / "not_yet" / "many.jsonl"
    assert checked_output(str(new)) == new
    assert output.read_text() == "yesterday\n"
    assert not new.exists()
    assert [name for name in names(output) if name.startswith(".")] == []


@pytest.mark.parametrize("kind", ["folder", "with a slash", "root"])
def test_an_output_that_is_a_folder(output, kind):
    path = {"folder": output.parent, "with a slash": f"{output}/", "root": output.parent.parent}[kind]
    with pytest.raises(XChatInputError, match=r"^Invalid output_path '.*': expected the path of a file"):
        checked_output(str(path))


@pytest.mark.parametrize("path", ["nowhere://bucket/many.jsonl", "hdfs://host/many.jsonl"])
def test_an_output_of_no_storage(path):
    with pytest.raises(XChatInputError, match=f"^Invalid output_path '{path}' "):
        checked_output(path)


def test_a_bucket_that_is_not_there(bucket):
    with pytest.raises(FileNotFoundError, match="bucket does not exist"):
        checked_output(f"{bucket}2/many.jsonl")


def test_a_local_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    # /proc takes no files of anybody, root included.
    for folder in (tmp_path / "file", "/proc/many", "/proc"):
        with pytest.raises(OSError, match=str(folder)):
            checked_output(f"{folder}/many.jsonl")
