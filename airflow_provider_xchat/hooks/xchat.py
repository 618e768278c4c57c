"""The hook: an Airflow connection becomes a client, and answers become dicts or errors."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_xchat.advice import sign_in_command
from airflow_provider_xchat.api.inputs import checked_seconds
from airflow_provider_xchat.connection import ConnectionSettings
from airflow_provider_xchat.exceptions import (
    XChatAPIError,
    XChatAuthError,
    XChatCreditsError,
    XChatError,
    XChatForbiddenError,
    XChatInputError,
    XChatRateLimitError,
    XChatServerError,
)
from airflow_provider_xchat.runtime.compat import hook_lineage_collector
from airflow_provider_xchat.runtime.threads import imported, in_event_loop
from airflow_provider_xchat.sending.senders import Senders

# Airflow imports this module to list hooks, and DAG files import it for @task functions, so the client (and with it
# httpx) is imported when the first call is made.
if TYPE_CHECKING:
    from xchat_client import Client

    from airflow_provider_xchat.api.calls import Call
    from airflow_provider_xchat.sending.sender import Sender

__all__ = ["XChatHook"]

#: A user id that nobody has: asking for it shows whether the token is good, and gets nothing that would be billed.
_NOBODY = "0"

_EXPIRED = (
    "The access token has expired. The next task refreshes it; this test does not, so it cannot tell whether the"
    " sign-in is still good."
)
_REFUSED = (
    "X refuses the access token: it has expired or was revoked. The next task refreshes it; this test does not, so it"
    " cannot tell whether the sign-in is still good."
)
_REFUSED_EARLY = (
    "X refuses the access token, although it has not expired yet: somebody may have revoked the sign-in. The next task"
    " tries to refresh it, which this test does not. To sign in again: {}"
)
# An id that Airflow's Test button makes up for a copy of the connection in the environment.
_TEMPORARY_ID = re.compile(r"(?=.*[A-Z0-9])[A-Za-z0-9]{8}")


class XChatHook(BaseHook):
    """
    Talk to X Chat with the token of an Airflow connection.

    Both calls come as a method and as a coroutine (``a…``), for ``@task`` functions of either kind. What they return
    is the answer's JSON, lossless. Used with ``with`` (or ``async with``), the hook closes the connections that it
    has opened; without it, they stay open for the next call until the process ends.

    With a refresh token in the connection, the access token is refreshed shortly before it expires or when X refuses
    it, by one process for all of them, and kept in the connection's token store (Airflow Variables by default).

    What may pass (X cannot be reached, is too slow, fails, answers something else) is tried again, four times at most.
    A rate limit that is used up is remembered, and nothing is sent before it resets; all tasks with the same sign-in
    share what they know of it, in an Airflow Variable.

    When X refuses the token, the connection is looked up again, and a call is sent once more if somebody has signed in
    again meanwhile.

    In a coroutine, the methods that block refuse and name the coroutine to use.

    :param xchat_conn_id: id of a connection of type ``xchat``; its password is the access token
    :param deadline: how long a call may take with all its attempts, as a timedelta, a number of seconds, or text with
        one
    :param rate_limit_wait: how long a call may wait for a rate limit to reset, likewise; XChatRateLimitError is raised
        at once for a longer one
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
        # Native rendering of templates makes a number of an id of digits.
        self.xchat_conn_id = str(xchat_conn_id)
        self.deadline = deadline
        self.rate_limit_wait = rate_limit_wait
        self._senders = Senders(self._settings, self._make_sender)
        self._lineage: Any = None
        self._is_static = False
        #: for operators and sensors, which Airflow may run in an event loop's thread, such as dag.test() in a notebook
        self.may_block_event_loop = False

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Give the form's own fields to Airflow before 3.2; later versions read provider_info."""
        from airflow_provider_xchat.hooks.connection_form import widgets

        return widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Give the form's labels and placeholders to Airflow before 3.2; later versions read provider_info."""
        from airflow_provider_xchat.hooks.connection_form import field_behaviour

        return field_behaviour()

    @property
    def client(self) -> Client:
        """
        The generated client, with the connection's URL, token and timeout; made at the first use.

        What is sent with it directly is sent once, and is not counted in the rate limit.

        :raises XChatInputError: when the connection cannot be used
        """
        self._refuse_in_event_loop("await asyncio.to_thread(hook.get_conn)")
        return self._senders.for_threads().client

    def get_conn(self) -> Client:
        """Return :attr:`client`, under the name that every hook has for it."""
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

    def _has_read(self, call: Call) -> None:
        """Tell Airflow's hook lineage what was read."""
        if self._lineage is not None:
            self._lineage.add_input_asset(context=self, uri=f"xchat://conversation/{call.conversation_id}")

    def _settings(self, conn_id: str | None = None) -> ConnectionSettings:
        from airflow_provider_xchat.runtime.supervisor import one_request_at_a_time

        try:
            with one_request_at_a_time():
                connection = self.get_connection(self.xchat_conn_id)
        except AirflowNotFoundException:
            # Airflow says the same when a secrets backend cannot be reached, so that another try may find it.
            raise XChatError(
                f"there is no connection {self.xchat_conn_id!r}, neither in the Airflow database, nor in the"
                f" environment variable AIRFLOW_CONN_{self.xchat_conn_id.upper()}, nor in a secrets backend (or that"
                f" cannot be reached). To sign in for one: {sign_in_command(self.xchat_conn_id, new_client=True)}"
            ) from None
        return ConnectionSettings.of(connection, conn_id)

    def _refuse_in_event_loop(self, instead: str) -> None:
        """Refuse to block an event loop: in the triggerer, all other triggers would stand still meanwhile."""
        if not self.may_block_event_loop and in_event_loop():
            raise XChatInputError(
                "a method of XChatHook that blocks was called in a coroutine, where it would stop the event loop for up"
                f" to a minute; expected: {instead}. Nothing was sent"
            )

    def _id_for_messages(self) -> str:
        """Return the connection's id, or a placeholder where the Test button has hidden it behind one of its own."""
        conn_id = self.xchat_conn_id
        temporary = _TEMPORARY_ID.fullmatch(conn_id) and f"AIRFLOW_CONN_{conn_id.upper()}" in os.environ
        return "CONN_ID" if temporary else conn_id

    def close(self) -> None:
        """Close the connections that :meth:`get_conversation` and :meth:`mark_conversation_read` have opened."""
        self._senders.close()

    async def aclose(self) -> None:
        """Close the connections that the coroutines have opened in this event loop."""
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
        :param chat_conversation_fields: members that the conversation should have
        :param expansions: lists of user ids whose users ``includes.users`` should have
        :param user_fields: members that those users should have
        :param allow_unknown: names in the three lists to send although X's document does not list them
        :return: the answer's JSON; ``data`` is always a list
        :raises XChatInputError: when an argument or the connection cannot be used; nothing was sent
        :raises XChatAPIError: when X refused or failed
        :raises XChatAnswerError: when a success is not a JSON object
        :raises XChatConnectionError: when no whole answer came
        """
        from airflow_provider_xchat.api import calls

        self._refuse_in_event_loop("await hook.aget_conversation(…)")
        call = calls.get_conversation(conversation_id, chat_conversation_fields, expansions, user_fields, allow_unknown)
        with self._named():
            answer = self._senders.send(call)
        self._has_read(call)
        return answer

    async def aget_conversation(
        self,
        conversation_id: str | int,
        *,
        chat_conversation_fields: Collection[str] | str | None = None,
        expansions: Collection[str] | str | None = None,
        user_fields: Collection[str] | str | None = None,
        allow_unknown: Collection[str] | str | None = None,
    ) -> dict[str, Any]:
        """Do what :meth:`get_conversation` does, as a coroutine."""
        calls = await imported("airflow_provider_xchat.api.calls")
        call = calls.get_conversation(conversation_id, chat_conversation_fields, expansions, user_fields, allow_unknown)
        with self._named():
            answer = await self._senders.asend(call)
        self._has_read(call)
        return answer

    def mark_conversation_read(self, conversation_id: str | int, seen_until_sequence_id: str | int) -> dict[str, Any]:
        """
        Mark a conversation as read (``POST /2/chat/conversations/{id}/read``).

        The other participants can see it as a read receipt, and it cannot be undone. Repeating it with the same
        sequence id changes nothing.

        :param conversation_id: as in :meth:`get_conversation`
        :param seen_until_sequence_id: id of the last message event that counts as read: digits
        :return: the answer's JSON
        :raises XChatInputError: when an argument or the connection cannot be used; nothing was sent
        :raises XChatAPIError: when X refused or failed, or did not confirm the mark
        :raises XChatAnswerError: when a success is not a JSON object
        :raises XChatConnectionError: when no whole answer came; the mark may have been set
        """
        from airflow_provider_xchat.api import calls

        self._refuse_in_event_loop("await hook.amark_conversation_read(…)")
        call = calls.mark_conversation_read(conversation_id, seen_until_sequence_id)
        with self._named():
            return self._senders.send(call)

    async def amark_conversation_read(
        self, conversation_id: str | int, seen_until_sequence_id: str | int
    ) -> dict[str, Any]:
        """Do what :meth:`mark_conversation_read` does, as a coroutine."""
        calls = await imported("airflow_provider_xchat.api.calls")
        call = calls.mark_conversation_read(conversation_id, seen_until_sequence_id)
        with self._named():
            return await self._senders.asend(call)

    def refresh_access_token(self, min_remaining: float = 0.0) -> datetime | None:
        """
        Get a new access token unless the one there is lasts long enough; for a task that keeps it fresh.

        :param min_remaining: how long it must last (seconds)
        :return: when it expires; None when X did not say
        :raises XChatInputError: when the connection cannot be used, or has no refresh token
        :raises XChatAuthError: when somebody must sign in again
        :raises XChatError: when the token could not be refreshed or saved
        """
        from airflow_provider_xchat.sending.factory import rotating_tokens

        self._refuse_in_event_loop("await asyncio.to_thread(hook.refresh_access_token)")
        tokens = rotating_tokens(self._settings(), self.xchat_conn_id)
        if tokens is None:
            raise XChatInputError(
                f"connection {self.xchat_conn_id!r} has no refresh_token in its extra, so its token cannot be"
                f" refreshed. To sign in for one: {sign_in_command(self.xchat_conn_id, new_client=True)}"
            )
        expires_at = tokens.valid_for(min_remaining).expires_at
        return None if expires_at is None else datetime.fromtimestamp(expires_at, UTC)

    def test_connection(self) -> tuple[bool, str]:
        """
        Say whether the connection works, by asking for a conversation that cannot exist.

        Nothing is refreshed and nothing written: the next task does that.

        :return: whether X knows the token, and a sentence for the person who pressed the button
        """
        try:
            return self._test()
        except (XChatAuthError, XChatCreditsError, XChatForbiddenError, XChatServerError) as error:
            return False, str(error)
        except XChatRateLimitError as error:
            return True, f"X knows the token, but has had enough requests for now. {error}"
        except XChatAPIError:
            return True, "X knows the token."  # 400 or 404, the expected answer
        except XChatError as error:
            return False, str(error)

    def _test(self) -> tuple[bool, str]:
        from airflow_provider_xchat.api import calls
        from airflow_provider_xchat.sending.factory import rotating_tokens, secrets_of, static_client

        conn_id = self._id_for_messages()
        settings = self._settings(conn_id)
        tokens = rotating_tokens(settings, conn_id)
        access_token = settings.access_token
        if tokens is not None:
            latest = tokens.stored()
            if latest.expires_within(0):
                return True, _EXPIRED
            access_token = latest.access_token
        call = calls.get_conversation(_NOBODY)
        try:
            with static_client(settings, conn_id, access_token) as client:
                call.read(call.send(client, secrets_of(settings, tokens)))
        except XChatAuthError as error:
            if tokens is None:
                error.conn_id, error.is_static = conn_id, True
                raise
            if latest.expires_at is not None:
                return False, _REFUSED_EARLY.format(sign_in_command(conn_id))
            return True, _REFUSED
        return True, "X knows the token."

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Have an error name the connection to sign in for."""
        try:
            yield
        except XChatAuthError as error:
            error.conn_id, error.is_static = self.xchat_conn_id, self._is_static
            raise
