"""Hook for the X Chat API."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_xchat.advice import sign_in_command
from airflow_provider_xchat.api.inputs import checked_seconds
from airflow_provider_xchat.assets.xchat import conversation_uri
from airflow_provider_xchat.connection import ConnectionSettings
from airflow_provider_xchat.exceptions import XChatAuthError, XChatError, XChatInputError
from airflow_provider_xchat.runtime.compat import hook_lineage_collector
from airflow_provider_xchat.runtime.threads import import_in_thread, in_event_loop
from airflow_provider_xchat.sending.senders import Senders

# Airflow imports this module to list hooks, and DAG files import it for @task functions, so the client and httpx are
# imported at the first call.
if TYPE_CHECKING:
    from xchat_client import Client

    from airflow_provider_xchat.api.calls import Call
    from airflow_provider_xchat.sending.sender import Sender

__all__ = ["XChatHook"]


class XChatHook(BaseHook):
    """
    Call the X Chat API with the token of an Airflow connection.

    Each call is a method and a coroutine (``a…``), and returns the JSON of the response, lossless. As a context manager
    (``with`` or ``async with``), the hook closes its sockets at the end; otherwise they stay open for the next call
    until the process ends.

    If the connection has a refresh token, one process for all refreshes the access token shortly before it expires or
    when X refuses it, and saves it in the connection's token store (Airflow Variables by default).

    Transient errors (no or an invalid response, or a failure of X) are retried, with four attempts at most. While a
    rate limit is exhausted, no request is sent; all tasks with the same sign-in share it in an Airflow Variable.

    When X refuses the token, the connection is looked up again, and the call is repeated if there is a new sign-in.

    In a coroutine, the blocking methods raise an error that names the coroutine to use.

    :param xchat_conn_id: id of a connection of type ``xchat``; its password is the access token
    :param deadline: how long a call with all its attempts may take, as a timedelta, a number of seconds, or a text with
        one
    :param rate_limit_wait: how long a call may wait for the reset of a rate limit, in the same forms; for a longer
        wait, XChatRateLimitError is raised at once
    """

    conn_name_attr = "xchat_conn_id"
    default_conn_name = "xchat_default"
    conn_type = "xchat"
    hook_name = "X Chat"

    def __init__(
        self,
        xchat_conn_id: str | int = default_conn_name,
        *,
        deadline: timedelta | float | str = 60.0,
        rate_limit_wait: timedelta | float | str = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Templates with native rendering convert an id of digits to a number.
        self.xchat_conn_id = str(xchat_conn_id)
        self.deadline = deadline
        self.rate_limit_wait = rate_limit_wait
        self._senders = Senders(self._settings, self._make_sender)
        self._lineage: Any = None
        self._is_static = False
        #: for operators and sensors, which may run in the thread of an event loop, for example dag.test() in a notebook
        self.may_block_event_loop = False

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's own fields for Airflow before 3.2; later versions read provider_info."""
        from airflow_provider_xchat.hooks.connection_form import widgets

        return widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the form's labels and placeholders for Airflow before 3.2; later versions read provider_info."""
        from airflow_provider_xchat.hooks.connection_form import field_behaviour

        return field_behaviour()

    @property
    def client(self) -> Client:
        """
        The generated client, with the connection's URL, token and timeout.

        Requests that are sent with it directly are not retried and not counted towards the rate limit.

        :raises XChatInputError: when the connection is invalid
        """
        self._refuse_in_event_loop("await asyncio.to_thread(hook.get_conn)")
        return self._senders.for_threads().client

    def get_conn(self) -> Client:
        """Return :attr:`client`."""
        return self.client

    def _make_sender(self, settings: ConnectionSettings) -> Sender:
        from airflow_provider_xchat.sending.factory import make_sender

        self._lineage = hook_lineage_collector()
        self._is_static = settings.grant is None
        return make_sender(
            settings,
            self.xchat_conn_id,
            deadline=checked_seconds("deadline", self.deadline),
            rate_limit_wait=checked_seconds("rate_limit_wait", self.rate_limit_wait),
        )

    def _report_lineage(self, call: Call) -> None:
        """Report the conversation that was read to Airflow's hook lineage."""
        if self._lineage is not None:
            self._lineage.add_input_asset(context=self, uri=conversation_uri(call.conversation_id))

    def _settings(self, conn_id: str | None = None) -> ConnectionSettings:
        from airflow_provider_xchat.runtime.supervisor import one_request_at_a_time

        try:
            with one_request_at_a_time():
                connection = self.get_connection(self.xchat_conn_id)
        except AirflowNotFoundException:
            # Airflow raises the same when a secrets backend cannot be reached, so the task may be retried.
            raise XChatError(
                f"Connection {self.xchat_conn_id!r} not found in the Airflow database, the environment variable"
                f" AIRFLOW_CONN_{self.xchat_conn_id.upper()} or a secrets backend (which may be unreachable). To sign"
                f" in: {sign_in_command(self.xchat_conn_id, new_client=True)}"
            ) from None
        return ConnectionSettings.from_connection(connection, conn_id)

    def _refuse_in_event_loop(self, instead: str) -> None:
        """Refuse to block an event loop, such as the triggerer's with all its triggers."""
        if not self.may_block_event_loop and in_event_loop():
            raise XChatInputError(
                "A blocking method of XChatHook was called in a coroutine and would block the event loop: expected"
                f" {instead}. Nothing was sent"
            )

    def close(self) -> None:
        """Close the sockets of the blocking methods."""
        self._senders.close()

    async def aclose(self) -> None:
        """Close the sockets of the coroutines in this event loop."""
        await self._senders.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    def get_conversation(
        self,
        conversation_id: str | int,
        *,
        chat_conversation_fields: Collection[str] | str | None = None,
        expansions: Collection[str] | str | None = None,
        user_fields: Collection[str] | str | None = None,
        allow_unknown: Collection[str] | str | None = None,
    ) -> dict[str, Any]:
        """
        Fetch a conversation's metadata (``GET /2/chat/conversations/{id}``).

        :param conversation_id: the other participant's user id, two user ids joined by a dash or a colon, or a group id
        :param chat_conversation_fields: fields of the conversation
        :param expansions: lists of user ids to expand to users in ``includes.users``
        :param user_fields: fields of those users
        :param allow_unknown: additional names to accept even if they are not in X's OpenAPI document
        :return: the JSON of the response; ``data`` is always a list
        :raises XChatInputError: when an argument or the connection is invalid; nothing was sent
        :raises XChatAPIError: when X refused or failed
        :raises XChatAnswerError: when a successful response is not a JSON object
        :raises XChatConnectionError: when there is no complete response
        """
        from airflow_provider_xchat.api import calls

        self._refuse_in_event_loop("await hook.aget_conversation(…)")
        call = calls.get_conversation(conversation_id, chat_conversation_fields, expansions, user_fields, allow_unknown)
        with self._add_conn_id_to_errors():
            result = self._senders.send(call)
        self._report_lineage(call)
        return result

    async def aget_conversation(
        self,
        conversation_id: str | int,
        *,
        chat_conversation_fields: Collection[str] | str | None = None,
        expansions: Collection[str] | str | None = None,
        user_fields: Collection[str] | str | None = None,
        allow_unknown: Collection[str] | str | None = None,
    ) -> dict[str, Any]:
        """Do the same as :meth:`get_conversation`, as a coroutine."""
        calls = await import_in_thread("airflow_provider_xchat.api.calls")
        call = calls.get_conversation(conversation_id, chat_conversation_fields, expansions, user_fields, allow_unknown)
        with self._add_conn_id_to_errors():
            result = await self._senders.asend(call)
        self._report_lineage(call)
        return result

    def mark_conversation_read(self, conversation_id: str | int, seen_until_sequence_id: str | int) -> dict[str, Any]:
        """
        Mark a conversation as read (``POST /2/chat/conversations/{id}/read``).

        The other participants see a read receipt, which cannot be undone. A repeated call with the same sequence id
        changes nothing.

        :param conversation_id: as in :meth:`get_conversation`
        :param seen_until_sequence_id: id of the last message event to mark as read: digits
        :return: the JSON of the response
        :raises XChatInputError: when an argument or the connection is invalid; nothing was sent
        :raises XChatAPIError: when X refused or failed, or did not confirm the mark
        :raises XChatAnswerError: when a successful response is not a JSON object
        :raises XChatConnectionError: when there is no complete response; the mark may have been set
        """
        from airflow_provider_xchat.api import calls

        self._refuse_in_event_loop("await hook.amark_conversation_read(…)")
        call = calls.mark_conversation_read(conversation_id, seen_until_sequence_id)
        with self._add_conn_id_to_errors():
            return self._senders.send(call)

    async def amark_conversation_read(
        self, conversation_id: str | int, seen_until_sequence_id: str | int
    ) -> dict[str, Any]:
        """Do the same as :meth:`mark_conversation_read`, as a coroutine."""
        calls = await import_in_thread("airflow_provider_xchat.api.calls")
        call = calls.mark_conversation_read(conversation_id, seen_until_sequence_id)
        with self._add_conn_id_to_errors():
            return await self._senders.asend(call)

    def refresh_access_token(self, min_remaining: float = 0.0) -> datetime | None:
        """
        Refresh the access token unless it is valid for long enough.

        :param min_remaining: how long it must be valid (seconds)
        :return: when it expires; None when X did not report it
        :raises XChatInputError: when the connection is invalid, or has no refresh token
        :raises XChatAuthError: when a new sign-in is necessary
        :raises XChatError: when the token could not be refreshed or saved
        """
        from airflow_provider_xchat.sending.factory import rotating_tokens

        self._refuse_in_event_loop("await asyncio.to_thread(hook.refresh_access_token)")
        tokens = rotating_tokens(self._settings(), self.xchat_conn_id)
        if tokens is None:
            raise XChatInputError(
                f"connection {self.xchat_conn_id!r} has no refresh_token in its extra, so its token cannot be"
                f" refreshed. To sign in: {sign_in_command(self.xchat_conn_id, new_client=True)}"
            )
        expires_at = tokens.valid_for(min_remaining).expires_at
        return None if expires_at is None else datetime.fromtimestamp(expires_at, UTC)

    def test_connection(self) -> tuple[bool, str]:
        """
        Test the connection for Airflow's Test button; nothing is refreshed and nothing is written.

        :return: whether X accepts the token, and a sentence for the user
        """
        from airflow_provider_xchat.hooks.connection_test import run_connection_test

        return run_connection_test(self.xchat_conn_id, self._settings)

    @contextmanager
    def _add_conn_id_to_errors(self) -> Iterator[None]:
        """Add the connection to errors, for their advice."""
        try:
            yield
        except XChatAuthError as error:
            error.conn_id, error.is_static = self.xchat_conn_id, self._is_static
            raise
