"""The operator for many conversations in one task."""

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
    wrong_conversation_ids,
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
    Fetch the metadata of many X Chat conversations: several at a time, each once.

    Keeps to the rate limit: what is left of it is sent, then the task gives its worker slot back until it resets. What
    it has is kept for 7 days: neither that, nor a retry, nor a worker that dies has it fetched again. Before Airflow
    3.3 it is kept with ``output_path`` alone; without, a retry fetches again, and the task waits in its worker slot.

    Returns to XCom, without ``output_path``::

        {
            "requested": 3, "fetched": 2, "failed": 1,
            "conversations": {"g1": {"data": […], …}, "1-2": {…}},
            "errors": {"g3": {"type": "XChatNotFoundError", "message": "…", "status": 404, "may_pass": False}},
        }

    With ``output_path``, ``path`` and the three counts only; the file has a JSON object to each line, either
    ``{"conversation_id": …, "answer": {…}}`` or ``{"conversation_id": …, "error": {…}}``, and is there when the task is
    done with all of them.

    What concerns all of them (a token that is not good, missing credits or scopes, a wrong field name, X that does not
    answer any more) ends the task at once, whatever ``fail_on`` says.

    :param conversation_ids: the conversations, as a list, a text that holds one, or what mapped tasks returned
        (templated); one that is listed twice is fetched once; with ``fail_on="any"``, one that cannot be an id fails
        the task before any request
    :param max_concurrency: how many requests at a time (templated)
    :param output_path: where to write JSON Lines, a path or URL for ``ObjectStoragePath``: ``/data/x.jsonl``,
        ``s3://aws_default@bucket/x.jsonl``; mapped tasks need one each; that it can be written is checked before any
        request (templated)
    :param fail_on: whether the task fails when ``"any"`` conversation failed, when ``"all"`` did, or ``"never"``; a
        retry asks for those only that failed, and there is none when it would end the same for all of them (templated)
    :param chat_conversation_fields: as in ``GetChatConversationOperator`` (templated)
    :param expansions: likewise (templated)
    :param user_fields: likewise (templated)
    :param allow_unknown: likewise (templated)
    :param xchat_conn_id: id of a connection of type ``xchat`` (templated)
    :param deadline: how long a call may take with all its attempts, as a timedelta, a number of seconds, or text with
        one (templated)
    :param rate_limit_wait: for how long a worker slot is held while a rate limit lasts, likewise; beyond that, the task
        gives it back and comes again after the reset (templated)
    :param deferrable: whether to wait for that in the triggerer; ``[operators] default_deferrable`` by default
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
        # Else, an id that cannot be one is a failure among others.
        check_ids = checked_conversation_ids if fail_on == "any" else partial(checked_list, "conversation_ids")
        check_literal(self, "conversation_ids", check_ids)

    def call_api(self, context: Context) -> dict[str, Any]:
        """
        Fetch what is not there yet.

        :raises XChatConversationsError: as ``fail_on`` says; the result is in XCom all the same
        :raises XChatError: for what concerns all conversations
        """
        from airflow.providers.common.compat.sdk import AirflowFailException

        from airflow_provider_xchat.api.inputs import checked_choice, checked_count, checked_list
        from airflow_provider_xchat.bulk.checkpoint import progress_of
        from airflow_provider_xchat.bulk.fetcher import ManyConversations
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
        progress = progress_of(context, output)
        many = ManyConversations(
            self.hook,
            self.fields,
            progress,
            keep_answers=output is None,
            try_number=context["ti"].try_number,
        )
        while True:
            try:
                run_in_own_loop(many.fetch(identifiers, max_concurrency))
                break
            except XChatRateLimitError as error:
                if progress.is_kept or error.retry_at is None:
                    raise
                self.log.info("%s What was fetched is kept in memory alone, so the task waits for that here.", error)
                time.sleep(max((error.retry_at - datetime.now(UTC)).total_seconds(), 0) + 1)
        path = None if self.output_path is None else str(self.output_path)
        result = many.result(path)
        progress.write_output(many.records())
        failure = many.failure(fail_on)
        # After the last try, nobody would remove it.
        if failure is None or isinstance(failure, AirflowFailException) or _is_last_try(context):
            progress.forget()
        if failure is not None:
            # A task that fails returns nothing, and what there is has been paid for.
            self._push(context, result)
            raise failure
        return result

    def _check_ids(self, identifiers: list[Any]) -> None:
        for wrong in wrong_conversation_ids(identifiers):
            self.log.error("conversation_ids has %.100r in it, which cannot be an id", wrong)
        checked_conversation_ids(identifiers)

    def _push(self, context: Context, result: dict[str, Any]) -> None:
        """Push what Airflow would push if the task succeeded."""
        if not self.do_xcom_push:
            return
        if self.multiple_outputs:
            for name, value in result.items():
                context["ti"].xcom_push(key=name, value=value)
        context["ti"].xcom_push(key="return_value", value=result)


def _is_last_try(context: Context) -> bool:
    ti: Any = context["ti"]
    return bool(ti.try_number > (ti.max_tries or 0))
