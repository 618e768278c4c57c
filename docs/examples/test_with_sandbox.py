"""Tests of a DAG with pytest, Airflow and the sandbox: no X account, no scheduler, no network."""

import json

import pytest
from airflow.dag_processing.dagbag import DagBag

from xchat_sandbox import running_sandbox

GROUP = "g9000000000000000201"


@pytest.fixture
def sandbox(monkeypatch):
    with running_sandbox() as running:
        connection = {"conn_type": "xchat", "host": running.url, "password": "sandbox-token"}
        monkeypatch.setenv("AIRFLOW_CONN_XCHAT_DEFAULT", json.dumps(connection))
        yield running


@pytest.fixture(scope="module")
def dag():
    return DagBag().dags["inbox"]


def test_it_marks_the_group_as_read(dag, sandbox):
    assert dag.test().state == "success"
    assert sandbox.read_marks() == {GROUP: "1987654321987654399"}


def test_it_marks_nothing_without_credits(dag, sandbox):
    sandbox.faults([{"kind": "status", "status": 402, "problem": "credits-depleted"}])
    assert dag.test().state == "failed"
    assert [request["status"] for request in sandbox.requests()] == [402]
    assert sandbox.read_marks() == {}
