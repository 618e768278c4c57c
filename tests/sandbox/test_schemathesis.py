"""Schemathesis, with all of its checks, looks for answers that deviate from the contract."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from schemathesis.engine import Status, events, from_schema

from xchat_sandbox import Sandbox, running_sandbox

SEEDED_IDS = [
    "900000001",
    "9000000000000000103",
    "9000000000000000101-900000001",
    "g9000000000000000201",
    "g9000000000000000202",
    "g9000000000000000203",
]


def run(sandbox: Sandbox, document: dict[str, Any]) -> tuple[Counter[str], list[object]]:
    """Let schemathesis loose on a sandbox.

    :param sandbox: the sandbox.
    :param document: what its answers are held against.
    :returns: how often each check was made, and what was found.
    """
    config = schemathesis.Config.from_dict(
        {
            "seed": 1,
            "base-url": sandbox.url,
            "headers": {"Authorization": "Bearer sandbox-token"},
            "generation": {"deterministic": True, "max-examples": 25, "database": "none"},
            "dictionaries": {"conversations": {"values": SEEDED_IDS}},
            "parameters": {"path.id": {"dictionary": "conversations", "probability": 0.8}},
        }
    )
    checks: Counter[str] = Counter()
    deviations: list[object] = []
    # The engine itself, and not its pytest plugin, which lags behind new versions of pytest.
    for event in from_schema(schemathesis.openapi.from_dict(document, config=config)).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            deviations.append(event)
        if isinstance(event, events.ScenarioFinished):
            for check in (check for checks_of_case in event.recorder.checks.values() for check in checks_of_case):
                checks[check.name] += 1
                if check.status is not Status.SUCCESS:
                    deviations.append((event.recorder.label, check.name, check.failure_info))
    return checks, deviations


@pytest.mark.parametrize("answer_form", ["array", "object"])
def test_no_answer_deviates_from_the_contract(document: dict[str, Any], answer_form: str) -> None:
    with running_sandbox(answer_form=answer_form, rate_limit=1_000_000) as sandbox:  # type: ignore[arg-type]
        checks, deviations = run(sandbox, document)
        entries = sandbox.requests()
    assert deviations == []
    assert {"response_schema_conformance", "negative_data_rejection", "positive_data_acceptance"} <= set(checks)
    for method in ("GET", "POST"):
        statuses = Counter(entry["status"] for entry in entries if entry["method"] == method)
        assert {200, 400, 401, 403, 404} <= set(statuses)
        assert statuses[200] >= 20
