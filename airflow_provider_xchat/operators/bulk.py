"""Operator for many conversations in one task."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_xchat.api.inputs import (
    checked_choice,
    checked_conversation_ids,
    checked_count,
    checked_list,
    invalid_conversation_ids,
)
from airflow_provider_xchat.operators.base import ConversationFieldsOperator
from airflow_provider_xchat.runtime.literal_arguments import check_literal

if TYPE_CHECKING:
    import os

    from airflow.providers.common.compat.sdk import Context

__all__ = ["GetChatConversationsOperator"]

_FAIL_ON = ("any", "all", "never")


class GetChatConversationsOperator(ConversationFieldsOperator):
    """
    Fetch the metadata of many X Chat conversations concurrently.

    When the rate limit is exhausted, the task releases its worker slot until the reset. A checkpoint of the fetched
    conversations is kept for 7 days, so that a wait, a retry or a killed worker does not fetch them again. Before
    Airflow 3.3, there is a checkpoint only with ``output_path``; without one, a retry fetches all conversations again,
    and the task waits in its worker slot.

    Returns to XCom, without ``output_path``::

        {
            "requested": 3, "fetched": 2, "failed": 1,
            "conversations": {"g1": {"data": […], …}, "1-2": {…}},
            "errors": {"g3": {"type": "XChatNotFoundError", "message": "…", "status": 404, "may_pass": False}},
        }

    With ``output_path``, the result has only ``path`` and the three counts. Each line of the file is a JSON object,
    either ``{"conversation_id": …, "answer": {…}}`` or ``{"conversation_id": …, "error": {…}}``; the file appears when
    all conversations are done.

    An error that concerns all conversations (an invalid token, missing credits or scopes, an unknown field name, no
    responses from X) fails the task at once, whatever ``fail_on`` is.

    :param conversation_ids: the conversations, as a list, a text that contains one, or the XComs of mapped tasks
        (templated); duplicates are fetched once; with ``fail_on="any"``, an invalid id fails the task at once
    :param max_concurrency: the number of concurrent requests (templated)
    :param output_path: path of a JSON Lines file, for ``ObjectStoragePath``: ``/data/x.jsonl``,
        ``s3://aws_default@bucket/x.jsonl``; each mapped task needs its own; the task checks that it can write there
        before any request (templated)
    :param fail_on: fail the task if ``"any"`` conversation failed, if ``"all"`` failed, or ``"never"``; a retry fetches
        only the failed ones, and there is no retry if all would fail again (templated)
    :param chat_conversation_fields: as in ``GetChatConversationOperator`` (templated)
    :param expansions: as in ``GetChatConversationOperator`` (templated)
    :param user_fields: as in ``GetChatConversationOperator`` (templated)
    :param allow_unknown: as in ``GetChatConversationOperator`` (templated)
    :param xchat_conn_id: id of a connection of type ``xchat`` (templated)
    :param deadline: how long a call with all its attempts may take, as a timedelta, a number of seconds, or a text with
        one (templated)
    :param rate_limit_wait: how long to hold the worker slot while a rate limit lasts, in the same forms; for a longer
        time the task releases it (templated)
    :param deferrable: whether to wait in the triggerer; ``[operators] default_deferrable`` by default
    """

    template_fields: Sequence[str] = (
        "conversation_ids",
        "max_concurrency",
        "output_path",
        "fail_on",
        *ConversationFieldsOperator.template_fields,
    )

    def __init__(
        self,
        *,
        conversation_ids: Collection[str | int] | str,
        max_concurrency: int | str = 10,
        output_path: str | os.PathLike[str] | None = None,
        fail_on: str = "any",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conversation_ids = conversation_ids
        self.max_concurrency = max_concurrency
        self.output_path = output_path
        self.fail_on = fail_on
        check_literal(self, "max_concurrency", partial(checked_count, "max_concurrency"))
        check_literal(self, "fail_on", partial(checked_choice, "fail_on", choices=_FAIL_ON))
        # Otherwise, an invalid id is one of the failures.
        check_ids = checked_conversation_ids if fail_on == "any" else partial(checked_list, "conversation_ids")
        check_literal(self, "conversation_ids", check_ids)

    def call_api(self, context: Context) -> dict[str, Any]:
        """
        Fetch the conversations that are not in the checkpoint.

        :raises XChatConversationsError: depending on ``fail_on``; the result is pushed to XCom, too
        :raises XChatError: for an error that concerns all conversations
        """
        from airflow.providers.common.compat.sdk import AirflowFailException

        from airflow_provider_xchat.bulk.checkpoint import open_checkpoint
        from airflow_provider_xchat.bulk.fetcher import ConversationFetcher
        from airflow_provider_xchat.bulk.output_files import check_own_output, checked_output
        from airflow_provider_xchat.exceptions import XChatRateLimitError
        from airflow_provider_xchat.runtime.event_loops import run_in_own_loop

        max_concurrency = checked_count("max_concurrency", self.max_concurrency)
        fail_on = checked_choice("fail_on", self.fail_on, _FAIL_ON)
        identifiers = checked_list("conversation_ids", self.conversation_ids)
        if fail_on == "any":
            self._check_ids(identifiers)
        output = None
        if self.output_path is not None:
            check_own_output(context)
            output = checked_output(self.output_path)
        checkpoint = open_checkpoint(context, output)
        fetcher = ConversationFetcher(
            self.hook,
            self.fields,
            checkpoint,
            keep_results=output is None,
            try_number=context["ti"].try_number,
        )
        while True:
            try:
                run_in_own_loop(fetcher.fetch(identifiers, max_concurrency))
                break
            except XChatRateLimitError as error:
                if checkpoint.is_complete or error.retry_at is None:
                    raise
                self.log.info("%s Without a checkpoint, the task waits in its worker slot.", error)
                time.sleep(max((error.retry_at - datetime.now(UTC)).total_seconds(), 0) + 1)
        path = None if self.output_path is None else str(self.output_path)
        result = fetcher.result(path)
        checkpoint.write_output(fetcher.records())
        failure = fetcher.failure(fail_on)
        # No later try would delete it.
        if failure is None or isinstance(failure, AirflowFailException) or _is_last_try(context):
            checkpoint.delete()
        if failure is not None:
            # A failed task returns nothing, but these conversations have been paid for.
            self._push(context, result)
            raise failure
        return result

    def _check_ids(self, identifiers: list[Any]) -> None:
        for invalid in invalid_conversation_ids(identifiers):
            self.log.error("Invalid id in conversation_ids: %.100r", invalid)
        checked_conversation_ids(identifiers)

    def _push(self, context: Context, result: dict[str, Any]) -> None:
        """Push the XComs that Airflow would push for a success."""
        if not self.do_xcom_push:
            return
        if self.multiple_outputs:
            for name, value in result.items():
                context["ti"].xcom_push(key=name, value=value)
        context["ti"].xcom_push(key="return_value", value=result)


def _is_last_try(context: Context) -> bool:
    ti: Any = context["ti"]
    return bool(ti.try_number > (ti.max_tries or 0))
