"""
Airflow Variables as a plain register: what is read is what was written last, and an error is never an absence.

Airflow's own ``Variable.get`` asks each secrets backend and a cache of the DAG processor first, and calls a Variable
that it could not read "not found". So tasks and triggers ask their supervisor, as ``Variable.get`` does in the end, and
everything else asks the database.
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
    Keeps texts in Airflow Variables: encrypted with the Fernet key, and within reach of every worker.

    Workers of Airflow 3 can write Variables, but not connections. There is no lock, so leases are written instead.

    :param description: what a Variable says about itself to those who look at the list of them
    """

    # Of the class, so that subclasses without a call of this constructor have one, too.
    _description = "A token that airflow-provider-xchat rotates; do not edit it."

    def __init__(self, description: str | None = None) -> None:
        if description is not None:
            self._description = description

    def load(self, key: str) -> str | None:
        """Read a Variable; see :meth:`airflow_provider_xchat.tokens.TokenStore.load`."""
        found = read(key)
        if found is None and is_listed(key):
            # It may have been written in between.
            found = read(key)
            if found is None:
                raise XChatTokenStoreUnusableError(
                    f"the Airflow Variable {key} is there, and its value cannot be read. The likely cause is another"
                    " Fernet key than the one that it was written with (AIRFLOW__CORE__FERNET_KEY): set that key again,"
                    " also as the second one of a list. When it is lost, remove the Variable and sign in again"
                )
        return found

    def peek(self, key: str) -> str | None:
        """
        Read a Variable that may be lost without harm.

        :param key: its key
        :return: None also when it is there and cannot be read
        """
        return read(key)

    def save(self, key: str, value: str) -> None:
        """Write a Variable; see :meth:`airflow_provider_xchat.tokens.TokenStore.save`."""
        write(key, value, self._description)

    def delete(self, key: str) -> None:
        """Remove a Variable; see :meth:`airflow_provider_xchat.tokens.TokenStore.delete`."""
        delete(key)


@one_request_at_a_time()
def read(key: str) -> str | None:
    """
    Read a Variable.

    :param key: its key
    :return: its value; None when the Variable is missing or this process cannot read it
    :raises Exception: any, when the database or the API server failed
    """
    if not _is_supervised():
        return _read_row(key)
    from airflow.sdk.execution_time.comms import GetVariable, VariableResult

    answer = _ask(GetVariable(key=key), absent="VARIABLE_NOT_FOUND")
    return answer.value if isinstance(answer, VariableResult) else None


@one_request_at_a_time()
def is_listed(key: str) -> bool:
    """
    Return whether there is a Variable, readable or not.

    :param key: its key
    :return: False also where Airflow cannot tell: in tasks and triggers of Airflow 3.1 and 3.2
    :raises Exception: any, when the database or the API server failed
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
    :param description: what it is, for those who look at the list
    :raises Exception: any, when it was not written, or may not have been
    """
    if not _is_supervised():
        _write_row(key, value, description)
        return
    if _is_in_deadline_callback():
        raise XChatTokenStoreUnusableError(
            "callbacks of deadline alerts cannot write Airflow Variables: Airflow would never answer"
        )
    from airflow.sdk.execution_time.comms import PutVariable

    _ask(PutVariable(key=key, value=value, description=description))


@one_request_at_a_time()
def delete(key: str) -> None:
    """
    Remove a Variable; one that is not there is removed already.

    :param key: its key
    :raises Exception: any, when it could not be removed
    """
    if not _is_supervised():
        _delete_row(key)
        return
    from airflow.sdk.execution_time.comms import DeleteVariable

    _ask(DeleteVariable(key=key), absent="VARIABLE_NOT_FOUND")


def _is_supervised() -> bool:
    # As Airflow itself tells: there is a supervisor to ask in tasks and triggers of Airflow 3, and nowhere else.
    return hasattr(sys.modules.get("airflow.sdk.execution_time.task_runner"), "SUPERVISOR_COMMS")


def _is_in_deadline_callback() -> bool:
    """Whether the supervisor is that of a deadline callback, which leaves requests to write without an answer."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001  documented in spite of its name
    while frame is not None:
        module, function = frame.f_globals.get("__name__"), frame.f_code.co_name
        if (module, function) == ("airflow.sdk.execution_time.callback_supervisor", "execute_callback"):
            return True
        frame = frame.f_back
    return False


def _ask(message: Any, absent: str | None = None) -> Any:
    """Ask the supervisor; None when it says that something is absent, and an error for any other refusal."""
    from airflow.sdk.exceptions import AirflowRuntimeError
    from airflow.sdk.execution_time.comms import ErrorResponse
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    try:
        answer = SUPERVISOR_COMMS.send(message)
    except AirflowRuntimeError as error:
        answer = error.error
    if not isinstance(answer, ErrorResponse):
        return answer
    if answer.error.value == absent:
        return None
    raise AirflowRuntimeError(answer)


def _read_row(key: str) -> str | None:
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        row = session.scalar(select(Variable).where(Variable.key == key))
        # Airflow gives None for a value that the Fernet key does not fit.
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
