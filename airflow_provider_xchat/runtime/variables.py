"""
Linearizable access to Airflow Variables: a read returns the last write, and an error is never "not found".

Airflow's ``Variable.get`` reads secrets backends and a cache first, and reports a Variable that it could not read as
not found. So tasks and triggers send requests to their supervisor, and all others read the database.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from airflow_provider_xchat.exceptions import XChatTokenStoreUnusableError
from airflow_provider_xchat.runtime.compat import variable_keys
from airflow_provider_xchat.runtime.supervisor import one_request_at_a_time

__all__ = ["AirflowVariableStore", "delete", "is_listed", "read", "write"]


class AirflowVariableStore:
    """
    Token store in Airflow Variables, encrypted with the Fernet key and shared by all workers.

    Workers of Airflow 3 can write Variables, but not connections. It has no lock, so leases are used.

    :param description: the description of the Variables
    """

    # Of the class, for subclasses that do not call this constructor.
    _description = "A token that airflow-provider-xchat rotates; do not edit it."

    def __init__(self, description: str | None = None) -> None:
        if description is not None:
            self._description = description

    def load(self, key: str) -> str | None:
        """Read a Variable; see :meth:`airflow_provider_xchat.tokens.TokenStore.load`."""
        found = read(key)
        if found is None and is_listed(key):
            # It may have been written in the meantime.
            found = read(key)
            if found is None:
                raise XChatTokenStoreUnusableError(
                    f"Airflow Variable {key} exists, but its value cannot be read. The likely cause is a changed Fernet"
                    " key (AIRFLOW__CORE__FERNET_KEY): add the old key to the list. If it is lost, delete the Variable"
                    " and sign in again"
                )
        return found

    def peek(self, key: str) -> str | None:
        """
        Read a Variable without important data.

        :param key: its key
        :return: None also when it exists but cannot be read
        """
        return read(key)

    def save(self, key: str, value: str) -> None:
        """Write a Variable; see :meth:`airflow_provider_xchat.tokens.TokenStore.save`."""
        write(key, value, self._description)

    def delete(self, key: str) -> None:
        """Delete a Variable; see :meth:`airflow_provider_xchat.tokens.TokenStore.delete`."""
        delete(key)


@one_request_at_a_time()
def read(key: str) -> str | None:
    """
    Read a Variable.

    :param key: its key
    :return: its value; None when it is missing or this process cannot read it
    :raises Exception: any of the database or the API server
    """
    if not _is_supervised():
        return _read_row(key)
    from airflow.sdk.execution_time.comms import GetVariable, VariableResult

    response = _request(GetVariable(key=key), missing="VARIABLE_NOT_FOUND")
    return response.value if isinstance(response, VariableResult) else None


@one_request_at_a_time()
def is_listed(key: str) -> bool:
    """
    Return whether a Variable exists, readable or not.

    :param key: its key
    :return: False also in tasks and triggers of Airflow 3.1 and 3.2, which cannot list Variables
    :raises Exception: any of the database or the API server
    """
    if not _is_supervised():
        from airflow.models.variable import Variable
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            return session.scalar(select(Variable.key).where(Variable.key == key)) is not None
    return key in (variable_keys(prefix=key) or ())


@one_request_at_a_time()
def write(key: str, value: str, description: str) -> None:
    """
    Write a Variable.

    :param key: its key
    :param value: its value
    :param description: its description
    :raises Exception: any, when it may not have been written
    """
    if not _is_supervised():
        _write_row(key, value, description)
        return
    if _is_in_deadline_callback():
        raise XChatTokenStoreUnusableError(
            "callbacks of deadline alerts cannot write Airflow Variables: Airflow would never respond"
        )
    from airflow.sdk.execution_time.comms import PutVariable

    _request(PutVariable(key=key, value=value, description=description))


@one_request_at_a_time()
def delete(key: str) -> None:
    """
    Delete a Variable; a missing one is not an error.

    :param key: its key
    :raises Exception: any, when it could not be deleted
    """
    if not _is_supervised():
        _delete_row(key)
        return
    from airflow.sdk.execution_time.comms import DeleteVariable

    _request(DeleteVariable(key=key), missing="VARIABLE_NOT_FOUND")


def _is_supervised() -> bool:
    # Airflow's own check: tasks and triggers of Airflow 3 have a supervisor.
    return hasattr(sys.modules.get("airflow.sdk.execution_time.task_runner"), "SUPERVISOR_COMMS")


def _is_in_deadline_callback() -> bool:
    """Return whether the supervisor is one of a deadline callback, which does not respond to writes."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001  documented in spite of its name
    while frame is not None:
        module, function = frame.f_globals.get("__name__"), frame.f_code.co_name
        if (module, function) == ("airflow.sdk.execution_time.callback_supervisor", "execute_callback"):
            return True
        frame = frame.f_back
    return False


def _request(message: Any, missing: str | None = None) -> Any:
    """Return the supervisor's response; None for the error ``missing``, and an exception for any other error."""
    from airflow.sdk.exceptions import AirflowRuntimeError
    from airflow.sdk.execution_time.comms import ErrorResponse
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    try:
        response = SUPERVISOR_COMMS.send(message)
    except AirflowRuntimeError as error:
        response = error.error
    if not isinstance(response, ErrorResponse):
        return response
    if response.error.value == missing:
        return None
    raise AirflowRuntimeError(response)


def _read_row(key: str) -> str | None:
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        row = session.scalar(select(Variable).where(Variable.key == key))
        # Airflow returns None for a value of another Fernet key.
        return None if row is None else row.val


def _write_row(key: str, value: str, description: str) -> None:
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        row = session.scalar(select(Variable).where(Variable.key == key))
        if row is None:
            session.add(Variable(key=key, val=value, description=description))  # type: ignore[no-untyped-call]
        else:
            row.set_val(value)


def _delete_row(key: str) -> None:
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import delete as delete_from

    with create_session() as session:
        session.execute(delete_from(Variable).where(Variable.key == key))
