"""Test a DAG with pytest, Airflow and the sandbox, without an X account, a scheduler or a network."""

import pytest
from airflow.dag_processing.dagbag import DagBag

from xchat_sandbox import GROUP_ID


@pytest.fixture(scope="module")
def dag():
    return DagBag().dags["inbox"]


def test_it_marks_the_group_as_read(dag, xchat_sandbox, xchat_connection):
    xchat_connection()
    assert dag.test().state == "success"
    assert xchat_sandbox.read_marks() == {GROUP_ID: "1987654321987654399"}


def test_it_refreshes_an_expired_token(dag, xchat_sandbox, xchat_connection):
    xchat_connection(rotating=True, expires_in=0)
    assert dag.test().state == "success"
    assert [request["status"] for request in xchat_sandbox.token_requests()] == [200]


def test_it_marks_nothing_without_credits(dag, xchat_sandbox, xchat_connection):
    xchat_connection()
    xchat_sandbox.faults([{"kind": "status", "status": 402, "problem": "credits-depleted"}])
    assert dag.test().state == "failed"
    assert [request["status"] for request in xchat_sandbox.requests()] == [402]
    assert xchat_sandbox.read_marks() == {}
