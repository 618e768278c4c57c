"""Schemathesis, with all of its checks, looks for answers that deviate from the contract."""

import copy
from collections import Counter
from typing import Any

import pytest
import schemathesis
from schemathesis.engine import Status, events, from_schema

from xchat_sandbox import FORBIDDEN_GROUP_ID, Sandbox, running_sandbox
from xchat_sandbox.faults.problem_samples import SAMPLES
from xchat_sandbox.operations import HANDLERS
from xchat_sandbox.wire.problems import ABOUT_BLANK

PROBLEMS = "https://api.x.com/2/problems/"
SEEDED_IDS = [
    "900000001",
    "9000000000000000103",
    "9000000000000000101-900000001",
    "g9000000000000000201",
    "g9000000000000000202",
    # Those of others.
    FORBIDDEN_GROUP_ID,
    "9000000000000000103-9000000000000000104",
    "9000000000000000104-9000000000000000103",
]


def as_it_is_answered(document: dict[str, Any]) -> dict[str, Any]:
    """The operations that the sandbox serves, with the types of problems that X's document does not list."""
    served = {
        path: {method: operation for method, operation in item.items() if operation["operationId"] in HANDLERS}
        for path, item in document["paths"].items()
    }
    document = copy.deepcopy({**document, "paths": {path: item for path, item in served.items() if item}})
    problem = document["components"]["schemas"]["Problem"]
    if "oneOf" in problem:
        listed = {kind.rpartition("/")[2] for kind in problem.pop("discriminator")["mapping"]}
        others = [kind if kind == ABOUT_BLANK else f"{PROBLEMS}{kind}" for kind in SAMPLES if kind not in listed]
        types = {"type": {"type": "string", "enum": others}, "title": {"type": "string", "minLength": 1}}
        problem["oneOf"].append({"type": "object", "required": ["type", "title", "detail"], "properties": types})
    return document


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
            "generation": {"deterministic": True, "max-examples": 40, "database": "none"},
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
        checks, deviations = run(sandbox, as_it_is_answered(document))
        entries = sandbox.requests()
    assert deviations == []
    assert {"response_schema_conformance", "negative_data_rejection", "positive_data_acceptance"} <= set(checks)
    for method in ("GET", "POST"):
        statuses = Counter(entry["status"] for entry in entries if entry["method"] == method)
        assert {200, 400, 401, 403, 404} <= set(statuses)
        assert statuses[200] >= 20
