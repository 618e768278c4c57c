"""Fetches many conversations in one task: several at a time, each once, and none again that it has."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_xchat.advice import is_of_whole_account
from airflow_provider_xchat.api.inputs import checked_conversation_id
from airflow_provider_xchat.exceptions import (
    XChatAPIError,
    XChatAuthError,
    XChatConversationsError,
    XChatConversationsRefusedError,
    XChatCreditsError,
    XChatError,
    XChatForbiddenError,
    XChatInputError,
    XChatRateLimitError,
    XChatTokenStoreError,
)
from airflow_provider_xchat.runtime.threads import in_thread

if TYPE_CHECKING:
    from airflow_provider_xchat.bulk.checkpoint import Progress, Record
    from airflow_provider_xchat.hooks.xchat import XChatHook

__all__ = ["ManyConversations"]

log = logging.getLogger(__name__)

# How often (seconds) the log says how far it is.
_REPORT = 5.0
# How long (seconds) between two saves at least, how many times as long as saving takes, and how long after a failure.
_SAVE = 0.05
_REST = 4
_SAVE_AGAIN = 2.0
# When so many calls in a row, and twice as many as run at a time, end in what may pass, it does not for now.
_FAILURES = 10
# When so many are refused alike and none is fetched, the others would be refused, too.
_REFUSALS = 10


class ManyConversations:
    """
    A list of conversations that is worked off.

    :param hook: what asks X
    :param arguments: its arguments for each conversation
    :param progress: where what there is, is kept
    :param keep_answers: whether the answers are to be held in memory, too; else they are in the progress alone
    :param try_number: of the task; what went wrong in an earlier one is tried again
    """

    def __init__(
        self,
        hook: XChatHook,
        arguments: Mapping[str, Any],
        progress: Progress,
        *,
        keep_answers: bool,
        try_number: int,
    ) -> None:
        self._hook = hook
        self._arguments = arguments
        self._progress = progress
        self._keep_answers = keep_answers
        self._try_number = try_number
        self._saving = threading.Lock()
        # Each conversation that is wanted, in order, and whether it is there: all that is held of it, with answers in a
        # file, as there may be very many.
        self._wanted: dict[str, bool] = {}
        self._answers: dict[str, Any] = {}
        self._errors: dict[str, dict[str, Any]] = {}
        self._unsaved: list[Record] = []
        self._failures_in_a_row = 0
        self._has_fetched = False
        # How many were refused for good, by type and status, while none was fetched.
        self._refusals: Counter[tuple[str, int | None]] = Counter()
        self._stopped_by: XChatError | None = None

    async def fetch(self, conversation_ids: Sequence[Any], max_concurrency: int) -> None:
        """
        Fetch what is not there yet; may be called again after a wait for the limit.

        :param conversation_ids: the conversations; one that is listed twice is fetched once
        :param max_concurrency: how many at a time
        :raises XChatRateLimitError: when the rest has to wait for the limit; what there is, is kept
        :raises XChatError: when something is wrong that concerns all of them, or the first ones are refused alike;
            what there is, is kept
        """
        self._stopped_by = None
        refused = self._want(conversation_ids)
        await in_thread(self._recall)
        for identifier, error in refused.items():
            if identifier not in self._errors:
                self._failed(identifier, error)
        if self._fetched:
            log.info("%d of %d conversations are there from before", self._fetched, len(self._wanted))
        todo = deque(each for each, there in self._wanted.items() if not there and each not in self._errors)
        at_once = min(max_concurrency, len(self._wanted) - self._fetched - len(self._errors))
        workers = [asyncio.create_task(self._work(todo, max_concurrency)) for _ in range(at_once)]
        keeper = asyncio.create_task(self._keep())
        try:
            await asyncio.gather(*workers)
        finally:
            # However it ends: nothing more is sent, and what was fetched has been paid for.
            for each in (*workers, keeper):
                each.cancel()
            await asyncio.gather(*workers, keeper, return_exceptions=True)
            try:
                await in_thread(self._save_the_rest)
            finally:
                await self._hook.aclose()
        log.info("%s", self._so_far())
        if self._stopped_by is not None:
            raise self._stopped_by

    def result(self, path: str | None) -> dict[str, Any]:
        """
        Say what came of it.

        :param path: where the answers are; None to have them in it
        :return: the counts, and the path or the answers and errors by conversation id
        """
        counts = {"requested": len(self._wanted), "fetched": self._fetched, "failed": len(self._errors)}
        if path is not None:
            return {"path": path, **counts}
        answers = {identifier: self._answers[identifier] for identifier, there in self._wanted.items() if there}
        return {**counts, "conversations": answers, "errors": self._errors}

    def records(self) -> Iterator[Record]:
        """
        Give what came of each conversation.

        :return: records of answers, in the order in which they came, and then those of errors
        """
        left = dict(self._wanted)
        for record in self._progress.records():
            # An answer is there twice where two tries ran at once.
            if "error" not in record and left.pop(str(record["conversation_id"]), False):
                yield record
        for identifier, error in self._errors.items():
            yield self._record_of(identifier, error)

    def failure(self, fail_on: str) -> XChatConversationsError | None:
        """
        Say whether it failed.

        :param fail_on: whether ``"any"`` failure counts as one, only that of ``"all"``, or ``"never"`` one
        :return: the error to raise, if any
        """
        if not self._errors or fail_on == "never" or (fail_on == "all" and self._fetched):
            return None
        identifier, first = next(iter(self._errors.items()))
        message = (
            f"{len(self._errors)} of {len(self._wanted)} conversations could not be fetched; the first is {identifier}:"
            f" {first['message']}"
        )
        may_pass = any(error["may_pass"] for error in self._errors.values())
        return (XChatConversationsError if may_pass else XChatConversationsRefusedError)(message, self._errors)

    @property
    def _fetched(self) -> int:
        return sum(self._wanted.values())

    def _recall(self) -> None:
        try:
            self._remember(self._progress.records())
        except Exception:
            if not self._keep_answers:
                raise
            log.warning("what an earlier try has fetched cannot be read, and is fetched again", exc_info=True)

    def _remember(self, records: Iterable[Record]) -> None:
        for record in records:
            identifier = str(record["conversation_id"])
            if identifier not in self._wanted:  # any more: the list may come from another task, which was run again
                continue
            if "error" not in record:
                self._errors.pop(identifier, None)
                self._have(identifier, record.get("answer"))
            elif record.get("try_number") == self._try_number and not self._wanted[identifier]:
                self._errors[identifier] = record["error"]
                self._count(record["error"])

    def _want(self, conversation_ids: Sequence[Any]) -> dict[str, XChatInputError]:
        refused = {}
        for value in conversation_ids:
            try:
                identifier = checked_conversation_id(value)
            except XChatInputError as error:
                identifier = str(value)[:100]
                refused[identifier] = error
            self._wanted.setdefault(identifier, False)
        return refused

    async def _work(self, todo: deque[str], max_concurrency: int) -> None:
        while self._stopped_by is None and todo:
            # After some refusals, those at the other end are tried: the first ones may be the ones that are gone.
            identifier = todo.popleft() if max(self._refusals.values(), default=0) < _REFUSALS // 2 else todo.pop()
            try:
                answer = await self._hook.aget_conversation(identifier, **self._arguments)
            except XChatError as error:
                if _concerns_all(error):
                    self._stopped_by = self._stopped_by or error
                    return
                self._failed(identifier, error)
                self._count(self._errors[identifier])
                refused = max(self._refusals.values(), default=0)
                if refused >= _REFUSALS:
                    log.warning(
                        "%d conversations were refused alike and none was fetched; the rest is not tried", refused
                    )
                    self._stopped_by = self._stopped_by or error
                elif self._failures_in_a_row >= max(_FAILURES, 2 * max_concurrency):
                    self._stopped_by = self._stopped_by or error
            else:
                self._unsaved.append({"conversation_id": identifier, "answer": answer})
                self._have(identifier, answer)

    def _count(self, error: Mapping[str, Any]) -> None:
        """Count a failure; a fetched conversation ends the row."""
        if error["may_pass"]:
            self._failures_in_a_row += 1
        elif not self._has_fetched and error["status"] is not None:
            self._refusals[error["type"], error["status"]] += 1

    def _have(self, identifier: str, answer: Any) -> None:
        self._wanted[identifier] = self._has_fetched = True
        self._failures_in_a_row = 0
        self._refusals.clear()
        if self._keep_answers:
            self._answers[identifier] = answer

    def _failed(self, identifier: str, error: XChatError) -> None:
        log.warning("conversation %s: %s", identifier, error)
        told = {
            "type": type(error).__name__,
            "message": str(error),
            "status": error.status if isinstance(error, XChatAPIError) else None,
            "may_pass": not isinstance(error, AirflowFailException),
        }
        self._errors[identifier] = told
        self._unsaved.append(self._record_of(identifier, told))

    def _record_of(self, identifier: str, error: Mapping[str, Any]) -> Record:
        return {"conversation_id": identifier, "error": error, "try_number": self._try_number}

    async def _keep(self) -> None:
        """Save as often as the place lets, so that a process that is killed loses what was under way, and no more."""
        report_at = time.monotonic() + _REPORT
        pause = _SAVE
        while True:
            await asyncio.sleep(pause)
            began = time.monotonic()
            try:
                if self._unsaved:
                    await in_thread(self._save)
            except Exception as error:  # noqa: BLE001  whatever the place raises; it is tried again
                log.warning("what was fetched is not saved yet: %s: %s", type(error).__name__, error)
                await asyncio.sleep(_SAVE_AGAIN)
                began = time.monotonic()
            pause = max(_SAVE, _REST * (time.monotonic() - began))
            if time.monotonic() >= report_at:
                report_at += _REPORT
                log.info("%s so far", self._so_far())

    def _save(self) -> None:
        with self._saving:
            records, self._unsaved = self._unsaved, []
            if not records:
                return
            try:
                self._progress.add(records)
            except BaseException:
                self._unsaved = records + self._unsaved
                raise

    def _save_the_rest(self) -> None:
        try:
            self._save()
        except Exception:
            if not self._keep_answers:
                raise
            log.warning("another try will fetch again what could not be saved", exc_info=True)

    def _so_far(self) -> str:
        return f"{self._fetched} of {len(self._wanted)} conversations fetched, {len(self._errors)} failed"


def _concerns_all(error: XChatError) -> bool:
    if isinstance(error, XChatForbiddenError):  # a scope that is missing is missing for all conversations
        return is_of_whole_account(error.problems)
    return isinstance(
        error, (XChatAuthError, XChatCreditsError, XChatInputError, XChatRateLimitError, XChatTokenStoreError)
    )
