"""Every fault of the sandbox, for both operations, as a method and as a coroutine: what docs/errors.md says of it."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_xchat import exceptions
from airflow_provider_xchat.exceptions import XChatAPIError, XChatError
from airflow_provider_xchat.hooks.xchat import XChatHook
from xchat_sandbox import generated_ids, running_sandbox

DOCUMENT = Path(__file__).parents[3] / "docs" / "errors.md"
OPERATIONS = ("getChatConversation", "markChatConversationRead")
MODES = ("sync", "async")

REFUSED, SERVER, CUT_OFF = "another 3xx or 4xx", "5xx", "connection refused, closed or cut off"
NEAR, BLIND = "429, reset within `rate_limit_wait`", "429 without a plausible reset"
CAPPED = "429 `usage-capped`"
LATE = "5xx, `retry-after` beyond the deadline"
NOT_JSON, ENDLESS = "2xx that is not a JSON object", "a response that does not end before the deadline"
BESIDE = "2xx with partial errors"
# With a reset 10 minutes after the fault is queued, which may be long after this module was imported.
FAR = {"x-rate-limit-remaining": "0"}
RAW = {"x-rate-limit-limit": None, "x-rate-limit-remaining": None, "x-rate-limit-reset": None}


def status(code, **members):
    return {"kind": "status", "status": code, **members}


def body(text, **members):
    return {"kind": "body", "body": text, **members}


# The row of the document, and the fault. A 2xx with errors and no data has the row that the document refers to.
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"400 {form}": ("400", status(400, form=form)) for form in ("legacy", "flat", "html", "empty")},
    "400 invalid-request": ("400", status(400, problem="invalid-request")),
    "401": ("401", status(401, form="legacy")),
    "401 about:blank": ("401", status(401)),
    "402 credits-depleted": ("402", status(402, problem="credits-depleted")),
    "402 credits": ("402", status(402, problem="credits")),
    **{
        f"403 {problem}": ("403", status(403, problem=problem))
        for problem in (
            *("not-authorized-for-resource", "not-authorized-for-field", "client-forbidden"),
            *("disallowed-resource", "field-unauthorized", "unsupported-authentication"),
        )
    },
    "404 resource-not-found": ("404", status(404, problem="resource-not-found")),
    "404 html": ("404", status(404, form="html")),
    "409": (REFUSED, status(409)),
    "302": (REFUSED, status(302, form="empty", headers={"location": "/2/users/me"})),
    "429, far": ("429, reset later", status(429, problem="rate-limit-exceeded", headers=FAR)),
    "429, near": (
        "429, reset within `rate_limit_wait`",
        status(429, form="legacy", headers={**RAW, "retry-after": "1"}),
    ),
    "429, blind": (BLIND, status(429, form="flat", headers=RAW)),
    "429, usage-capped": (CAPPED, status(429, problem="usage-capped", headers={"x-rate-limit-remaining": "14"})),
    **{
        f"{code} {form}": (SERVER, status(code, form=form, times=None))
        for code, form in ((500, "html"), (502, "empty"), (503, "legacy"), (504, "flat"))
    },
    "500 internal-error": (SERVER, status(500, problem="internal-error", times=None)),
    "503 resource-unavailable": (SERVER, status(503, problem="resource-unavailable", times=None)),
    "503, retry-after": (
        "5xx, `retry-after` beyond the deadline",
        status(503, headers={"retry-after": "300"}, times=None),
    ),
    "drop-before": (CUT_OFF, {"kind": "drop-before", "times": None}),
    "drop-after": (CUT_OFF, {"kind": "drop-after", "times": None}),
    "reset": (CUT_OFF, {"kind": "reset", "times": None}),
    "delay": ("no response within the connection's `timeout`", {"kind": "delay", "seconds": 30, "times": None}),
    "drip": (ENDLESS, {"kind": "drip", "bytes": 1, "seconds": 0.5, "times": None}),
    "drip-headers": (ENDLESS, {"kind": "drip-headers", "bytes": 1, "seconds": 0.5, "times": None}),
    "truncated": (NOT_JSON, {"kind": "truncated", "times": None}),
    "html": (NOT_JSON, body("<html>Sign in</html>", content_type="text/html", times=None)),
    "empty": (NOT_JSON, body("", times=None)),
    "list": (NOT_JSON, body("[1]", content_type="application/json", times=None)),
    "not utf-8": (NOT_JSON, body("\u00ff{", content_type="application/octet-stream", times=None)),
    "partial": (BESIDE, {"kind": "partial"}),
    "in place of data": ("404", body('{"errors": [{"title": "Not Found", "status": 404}]}')),
    "in place of data, passing": (SERVER, body('{"errors": [{"type": "x/internal-error"}]}', times=None)),
}


@dataclass(frozen=True)
class Row:
    """What the document says of a fault."""

    error: type[XChatError] | None
    requests: int
    fails_at_once: bool


@dataclass(frozen=True)
class Result:
    """What came of a call."""

    answer: Any
    error: BaseException | None
    requests: list[dict[str, Any]]
    took: float

    @property
    def text(self) -> str:
        printed = "" if self.error is None else "".join(traceback.format_exception(self.error))
        return f"{self.answer} {printed} {self.error!r} {vars(self.error) if self.error else ''}"


def documented() -> dict[str, Row]:
    rows = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4 and cells[2].isdigit():
            name = re.fullmatch(r"`(\w+)`|", cells[1]).group(1)
            rows[cells[0]] = Row(getattr(exceptions, name) if name else None, int(cells[2]), cells[3] == "no")
    return rows


ROWS = documented()
CASES = [(fault, operation, mode) for fault in FAULTS for operation in OPERATIONS for mode in MODES]


def token(number: int) -> str:
    return f"the-token-of-case-{number}"


@pytest.fixture(scope="module")
def results():
    """Run all cases at the same time, each with an account and a conversation of its own, as most of it is waiting."""
    identifiers = list(generated_ids(len(CASES)))
    with (
        pytest.MonkeyPatch.context() as environment,
        running_sandbox(
            tokens=[token(number) for number in range(len(CASES))], conversations=len(CASES), rate_limit=100
        ) as sandbox,
    ):
        for number, (fault, operation, _) in enumerate(CASES):
            timeout = 1 if fault == "delay" else 30
            fields = {
                "conn_type": "xchat",
                "host": sandbox.url,
                "password": token(number),
                "extra": {"timeout": timeout},
            }
            environment.setenv(f"AIRFLOW_CONN_CASE_{number}", json.dumps(fields))
            meant_for = {"operation": operation, "conversation_id": identifiers[number]}
            members = FAULTS[fault][1]
            if members.get("headers") is FAR:
                members = {**members, "headers": {**FAR, "x-rate-limit-reset": str(int(time.time()) + 600)}}
            sandbox.faults([{**members, **meant_for}])
        with ThreadPoolExecutor(len(CASES)) as threads:
            outcomes = list(threads.map(called, range(len(CASES)), identifiers))
        requests: dict[str, list[dict[str, Any]]] = {identifier: [] for identifier in identifiers}
        for request in sandbox.requests():
            requests[request["path"].split("/")[4]].append(request)
    return {
        case: Result(*outcome, requests[identifier], took)
        for case, identifier, (*outcome, took) in zip(CASES, identifiers, outcomes, strict=True)
    }


def called(number: int, identifier: str) -> tuple[Any, BaseException | None, float]:
    _, operation, mode = CASES[number]
    endless = ROWS.get(FAULTS[CASES[number][0]][0]) is ROWS[ENDLESS]
    hook = XChatHook(f"case_{number}", deadline=8 if endless else 60)
    arguments = (identifier,) if operation == OPERATIONS[0] else (identifier, "7")
    name = ("a" if mode == "async" else "") + ("get_conversation" if len(arguments) == 1 else "mark_conversation_read")
    began = time.monotonic()
    try:
        answer = asyncio.run(awaited(hook, name, arguments)) if mode == "async" else getattr(hook, name)(*arguments)
        return answer, None, time.monotonic() - began
    except BaseException as error:  # noqa: BLE001  that nothing else escapes is what is tested
        return None, error, time.monotonic() - began
    finally:
        hook.close()


async def awaited(hook: XChatHook, name: str, arguments: tuple[str, ...]) -> Any:
    async with hook:
        return await getattr(hook, name)(*arguments)


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_it_is_as_documented(results, case):
    result, row = results[case], ROWS[FAULTS[case[0]][0]]
    assert type(result.error) is (row.error or type(None)), result.text
    assert len(result.requests) == row.requests
    assert isinstance(result.error, AirflowFailException) is row.fails_at_once
    if row.error is None:
        data = result.answer["data"]
        assert data["success"] is True if case[1] == OPERATIONS[1] else len(data) == 1


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_it_tells_what_is_known_and_no_token(results, case):
    result = results[case]
    assert "the-token-of-case" not in result.text
    if isinstance(result.error, XChatAPIError):
        assert result.error.request_id == result.requests[-1]["transaction_id"]
        assert result.error.request_id in str(result.error)
    if result.error is not None:
        assert result.error.request.endswith(result.requests[0]["path"])


def test_it_ends_in_time(results):
    # Far from what the server would take, so that a slow machine does not matter.
    assert max(result.took for result in results.values()) < 60


def test_every_row_of_the_document_is_tested():
    assert {row for row, _ in FAULTS.values()} == ROWS.keys()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_reset_that_x_did_not_send_is_not_told_as_one(results, operation):
    said = str(results["429, blind", operation, "sync"].error)
    assert "X sent no plausible reset time; the next request is sent at 20" in said
    assert "resets at" not in said
    assert "The rate limit resets at 20" in str(results["429, far", operation, "sync"].error)
    capped = str(results["429, usage-capped", operation, "sync"].error)
    assert "The app's account has reached its monthly usage cap" in capped
    assert "wait for the next month" in capped


def test_facts_are_attributes(results):
    error = results["402 credits-depleted", OPERATIONS[0], "sync"].error
    assert error.status == 402
    assert error.problem_type.endswith("/credits-depleted")
    assert error.title and error.detail
    assert error.title in str(error)


@pytest.mark.parametrize("mode", MODES)
def test_nobody_listens(monkeypatch, mode):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    fields = {"conn_type": "xchat", "host": f"http://127.0.0.1:{port}", "password": "some-token"}
    monkeypatch.setenv("AIRFLOW_CONN_CASE_0", json.dumps(fields))
    with pytest.raises(ROWS[CUT_OFF].error) as caught, XChatHook("case_0") as hook:
        asyncio.run(awaited(hook, "aget_conversation", ("g1",))) if mode == "async" else hook.get_conversation("g1")
    assert caught.value.nothing_sent
