"""Fetch many conversations concurrently; already fetched ones are not requested again."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_xchat.advice import concerns_whole_account
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
    from airflow_provider_xchat.bulk.checkpoint import Checkpoint, Record
    from airflow_provider_xchat.hooks.xchat import XChatHook

__all__ = ["ConversationFetcher"]

log = logging.getLogger(__name__)

_LOG_INTERVAL_SECONDS = 5.0
# Pauses between two saves: at least this long, and this many times as long as a save took; and after a failed save.
_MIN_SAVE_PAUSE_SECONDS = 0.05
_SAVE_PAUSE_FACTOR = 4
_RETRY_SAVE_SECONDS = 2.0
# After this many consecutive transient failures (and at least twice the concurrency), stop: the problem is not passing.
_MAX_FAILURES = 10
# After this many equal refusals without a success, stop: the others would be refused, too.
_MAX_REFUSALS = 10


class ConversationFetcher:
    """
    Batch of conversations being fetched.

    :param hook: the hook
    :param arguments: keyword arguments of the hook's method for each conversation
    :param checkpoint: the checkpoint of the task
    :param keep_results: whether to keep the results in memory, too, and not only in the checkpoint
    :param try_number: number of the task's try; errors of earlier tries are retried
    """

    def __init__(
        self,
        hook: XChatHook,
        arguments: Mapping[str, Any],
        checkpoint: Checkpoint,
        *,
        keep_results: bool,
        try_number: int,
    ) -> None:
        self._hook = hook
        self._arguments = arguments
        self._checkpoint = checkpoint
        self._keep_results = keep_results
        self._try_number = try_number
        self._saving = threading.Lock()
        # All conversations in order, and whether each is fetched; nothing else, as there may be very many.
        self._is_fetched: dict[str, bool] = {}
        self._results: dict[str, Any] = {}
        self._errors: dict[str, dict[str, Any]] = {}
        self._unsaved: list[Record] = []
        self._consecutive_failures = 0
        self._has_fetched = False
        # By type and status, as long as no conversation was fetched.
        self._refusals: Counter[tuple[str, int | None]] = Counter()
        self._stopped_by: XChatError | None = None

    async def fetch(self, conversation_ids: Sequence[Any], max_concurrency: int) -> None:
        """
        Fetch the conversations that are not fetched yet; may be called again after a rate limit.

        :param conversation_ids: the conversations; duplicates are fetched once
        :param max_concurrency: the number of concurrent requests
        :raises XChatRateLimitError: when the rest must wait for the rate limit
        :raises XChatError: when an error concerns all conversations, or the first ones all fail with the same error
        """
        self._stopped_by = None
        invalid = self._register(conversation_ids)
        await in_thread(self._load_checkpoint)
        for identifier, error in invalid.items():
            if identifier not in self._errors:
                self._record_error(identifier, error)
        if self._fetched:
            log.info("%d of %d conversations are in the checkpoint", self._fetched, len(self._is_fetched))
        todo = deque(each for each, is_done in self._is_fetched.items() if not is_done and each not in self._errors)
        workers = [
            asyncio.create_task(self._work(todo, max_concurrency)) for _ in range(min(max_concurrency, len(todo)))
        ]
        saver = asyncio.create_task(self._checkpoint_loop())
        try:
            await asyncio.gather(*workers)
        finally:
            # Also when the task is killed: send nothing more, and save what was paid for.
            for each in (*workers, saver):
                each.cancel()
            await asyncio.gather(*workers, saver, return_exceptions=True)
            try:
                await in_thread(self._save_rest)
            finally:
                await self._hook.aclose()
        log.info("%s", self._summary())
        if self._stopped_by is not None:
            raise self._stopped_by

    def result(self, path: str | None) -> dict[str, Any]:
        """
        Return the result of the task.

        :param path: path of the output file; None to include the conversations and errors
        :return: the counts, and the path or the conversations and errors by conversation id
        """
        counts = {"requested": len(self._is_fetched), "fetched": self._fetched, "failed": len(self._errors)}
        if path is not None:
            return {"path": path, **counts}
        conversations = {each: self._results[each] for each, is_done in self._is_fetched.items() if is_done}
        return {**counts, "conversations": conversations, "errors": self._errors}

    def records(self) -> Iterator[Record]:
        """
        Yield a record for each conversation.

        :return: the fetched conversations in the order of their responses, then the errors
        """
        left = dict(self._is_fetched)
        for record in self._checkpoint.records():
            # Two concurrent tries may have saved the same conversation.
            if "error" not in record and left.pop(str(record["conversation_id"]), False):
                yield record
        for identifier, error in self._errors.items():
            yield self._error_record(identifier, error)

    def failure(self, fail_on: str) -> XChatConversationsError | None:
        """
        Return the error of the task.

        :param fail_on: ``"any"``, ``"all"`` or ``"never"``: which failures fail the task
        :return: the error to raise; None for success
        """
        if not self._errors or fail_on == "never" or (fail_on == "all" and self._fetched):
            return None
        identifier, first = next(iter(self._errors.items()))
        message = (
            f"{len(self._errors)} of {len(self._is_fetched)} conversations could not be fetched; the first is"
            f" {identifier}: {first['message']}"
        )
        may_pass = any(error["may_pass"] for error in self._errors.values())
        return (XChatConversationsError if may_pass else XChatConversationsRefusedError)(message, self._errors)

    @property
    def _fetched(self) -> int:
        return sum(self._is_fetched.values())

    def _load_checkpoint(self) -> None:
        try:
            for record in self._checkpoint.records():
                self._apply(str(record["conversation_id"]), record)
        except Exception:
            if not self._keep_results:
                raise
            log.warning("Cannot read the checkpoint; its conversations are fetched again", exc_info=True)

    def _apply(self, identifier: str, record: Record) -> None:
        if identifier not in self._is_fetched:
            return  # the list has changed since the last try
        if "error" not in record:
            self._errors.pop(identifier, None)
            self._record_result(identifier, record.get("answer"))
        elif record.get("try_number") == self._try_number and not self._is_fetched[identifier]:
            self._errors[identifier] = record["error"]
            self._count(record["error"])

    def _register(self, conversation_ids: Sequence[Any]) -> dict[str, XChatInputError]:
        invalid = {}
        for value in conversation_ids:
            try:
                identifier = checked_conversation_id(value)
            except XChatInputError as error:
                identifier = str(value)[:100]
                invalid[identifier] = error
            self._is_fetched.setdefault(identifier, False)
        return invalid

    async def _work(self, todo: deque[str], max_concurrency: int) -> None:
        while self._stopped_by is None and todo:
            # After some refusals, take the last ones: the first ones may have been deleted.
            identifier = todo.popleft() if self._most_refusals() < _MAX_REFUSALS // 2 else todo.pop()
            try:
                result = await self._hook.aget_conversation(identifier, **self._arguments)
            except XChatError as error:
                if _concerns_all(error):
                    self._stopped_by = self._stopped_by or error
                    return
                self._record_error(identifier, error)
                self._count(self._errors[identifier])
                if self._most_refusals() >= _MAX_REFUSALS:
                    log.warning("Stopping after %d refusals with the same error and no success", self._most_refusals())
                    self._stopped_by = self._stopped_by or error
                elif self._consecutive_failures >= max(_MAX_FAILURES, 2 * max_concurrency):
                    self._stopped_by = self._stopped_by or error
            else:
                self._unsaved.append({"conversation_id": identifier, "answer": result})
                self._record_result(identifier, result)

    def _most_refusals(self) -> int:
        return max(self._refusals.values(), default=0)

    def _count(self, error: Mapping[str, Any]) -> None:
        if error["may_pass"]:
            self._consecutive_failures += 1
        elif not self._has_fetched and error["status"] is not None:
            self._refusals[error["type"], error["status"]] += 1

    def _record_result(self, identifier: str, result: Any) -> None:
        self._is_fetched[identifier] = self._has_fetched = True
        self._consecutive_failures = 0
        self._refusals.clear()
        if self._keep_results:
            self._results[identifier] = result

    def _record_error(self, identifier: str, error: XChatError) -> None:
        log.warning("Conversation %s: %s", identifier, error)
        self._errors[identifier] = {
            "type": type(error).__name__,
            "message": str(error),
            "status": error.status if isinstance(error, XChatAPIError) else None,
            "may_pass": not isinstance(error, AirflowFailException),
        }
        self._unsaved.append(self._error_record(identifier, self._errors[identifier]))

    def _error_record(self, identifier: str, error: Mapping[str, Any]) -> Record:
        return {"conversation_id": identifier, "error": error, "try_number": self._try_number}

    async def _checkpoint_loop(self) -> None:
        """Save as often as the storage allows, so a killed process loses only requests in flight."""
        log_at = time.monotonic() + _LOG_INTERVAL_SECONDS
        pause = _MIN_SAVE_PAUSE_SECONDS
        while True:
            await asyncio.sleep(pause)
            began = time.monotonic()
            try:
                if self._unsaved:
                    await in_thread(self._save)
            except Exception as error:  # noqa: BLE001  any of the storage; the save is retried
                log.warning("Checkpoint not saved yet: %s: %s", type(error).__name__, error)
                await asyncio.sleep(_RETRY_SAVE_SECONDS)
                began = time.monotonic()
            pause = max(_MIN_SAVE_PAUSE_SECONDS, _SAVE_PAUSE_FACTOR * (time.monotonic() - began))
            if time.monotonic() >= log_at:
                log_at += _LOG_INTERVAL_SECONDS
                log.info("%s so far", self._summary())

    def _save(self) -> None:
        with self._saving:
            records, self._unsaved = self._unsaved, []
            if not records:
                return
            try:
                self._checkpoint.add(records)
            except BaseException:
                self._unsaved = records + self._unsaved
                raise

    def _save_rest(self) -> None:
        try:
            self._save()
        except Exception:
            if not self._keep_results:
                raise
            log.warning("Checkpoint not saved; a retry fetches the rest again", exc_info=True)

    def _summary(self) -> str:
        return f"{self._fetched} of {len(self._is_fetched)} conversations fetched, {len(self._errors)} failed"


def _concerns_all(error: XChatError) -> bool:
    if isinstance(error, XChatForbiddenError):  # such as a missing scope
        return concerns_whole_account(error.problems)
    return isinstance(
        error, (XChatAuthError, XChatCreditsError, XChatInputError, XChatRateLimitError, XChatTokenStoreError)
    )
