"""Two workers that share nothing but Airflow, a token that expires all the time, and one of them killed."""

from __future__ import annotations

from collections import Counter

from xchat_sandbox import PUBLIC_CLIENT_ID

# How the sandbox's tokens begin.
ISSUED = ("sandbox-access-", "sandbox-refresh-")


def test_all_tasks_succeed(rounds):
    for each in rounds:
        assert each.state == "success"
        assert Counter(state for state, _ in each.tasks.values()) == {"success": 2 * len(each.ids) + 1}


def test_a_worker_was_killed_with_tasks_and_those_were_tried_again(rounds):
    for each in rounds:
        assert each.killed
        assert set(each.killed) <= set(each.retried)


def test_the_chain_of_tokens_is_alive(cluster, rounds):
    (chain,) = cluster.sandbox.chains()
    assert (chain["client_id"], chain["alive"], chain["reused_dead_token"]) == (PUBLIC_CLIENT_ID, True, 0)
    assert all(each.refreshes > 1 for each in rounds)


def test_each_conversation_is_marked_as_far_as_it_should_be(rounds):
    for each in rounds:
        assert each.marks == dict.fromkeys(each.ids, each.seen_until)


def test_x_refuses_at_most_three_times_in_a_window(rounds):
    for each in rounds:
        assert max(each.refused_by_window.values(), default=0) <= 3


def test_no_secret_is_written_anywhere(cluster, rounds):
    homes = [cluster.home, *(worker.home for worker in cluster.workers)]
    files = {path: path.read_bytes() for home in homes for path in home.path.rglob("*") if path.is_file()}
    assert any(b"refreshed, saved within" in content for content in files.values())
    secrets = [each.encode() for each in (*ISSUED, *cluster.secrets)]
    assert [path for path, content in files.items() if any(secret in content for secret in secrets)] == []


def test_no_secret_stands_in_the_metadata_database_in_clear_text(cluster, rounds):
    dump = cluster.dump()
    assert "xchat_default" in dump
    assert "fleet" in dump
    assert [secret for secret in (*ISSUED, *cluster.secrets) if secret in dump] == []
