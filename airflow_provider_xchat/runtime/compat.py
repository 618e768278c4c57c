"""
Differences between versions of Airflow, and between tasks and everything else.

When Airflow 2.11 is no longer supported, :data:`IS_AIRFLOW_2` and what depends on it goes.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.triggers.base import BaseEventTrigger, BaseTrigger

__all__ = [
    "IS_AIRFLOW_2",
    "date_time_trigger",
    "event_trigger_class",
    "hook_lineage_collector",
    "mask_secret",
    "reschedule_exception",
    "reschedule_operators",
    "variable_keys",
]

#: Airflow 2.11, whose operators have dependencies of their own
IS_AIRFLOW_2 = hasattr(BaseOperator, "deps")


def mask_secret(secret: str) -> None:
    """
    Have Airflow show ``***`` instead of a secret in task logs and rendered fields.

    :param secret: the secret
    """
    try:
        from airflow.sdk.log import mask_secret as mask
    except ImportError:  # Airflow 2.11
        from airflow.utils.log.secrets_masker import mask_secret as mask  # type: ignore[no-redef,import-not-found]
    mask(secret)


def reschedule_exception(moment: datetime) -> Exception:
    """
    Return the exception that releases the worker slot until a time.

    :param moment: when the task is to run again
    """
    try:
        from airflow.sdk.exceptions import AirflowRescheduleException
    except ImportError:  # before Airflow 3.2
        from airflow.exceptions import AirflowRescheduleException
    return AirflowRescheduleException(moment)  # type: ignore[no-untyped-call]


def reschedule_operators(operator_class: Any) -> None:
    """
    Have the scheduler of Airflow 2.11 wait for the time of a rescheduled task; later versions always do.

    :param operator_class: a class of operators that has the attribute ``reschedule``
    """
    if IS_AIRFLOW_2:
        from airflow.ti_deps.deps.ready_to_reschedule import ReadyToRescheduleDep

        operator_class.deps = BaseOperator.deps | {ReadyToRescheduleDep()}  # type: ignore[attr-defined]


def date_time_trigger(moment: datetime) -> BaseTrigger:
    """
    Return Airflow's trigger that fires at a time.

    :param moment: the time
    """
    try:
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger
    except ImportError:  # Airflow 2.11
        from airflow.triggers.temporal import DateTimeTrigger  # type: ignore[no-redef,import-not-found]
    return DateTimeTrigger(moment)


def event_trigger_class() -> type[BaseEventTrigger]:
    """Return the base class of triggers for asset watchers; Airflow 2.11 has no watchers."""
    from airflow.triggers import base

    found: type[BaseEventTrigger] = getattr(base, "BaseEventTrigger", base.BaseTrigger)  # type: ignore[type-abstract]
    return found


def hook_lineage_collector() -> Any:
    """Return Airflow's collector of what hooks read and write."""
    try:
        from airflow.sdk.lineage import get_hook_lineage_collector
    except ImportError:  # before Airflow 3.2
        from airflow.providers.common.compat.lineage.hook import (  # type: ignore[assignment]
            get_hook_lineage_collector,
        )
    return get_hook_lineage_collector()


def variable_keys(prefix: str) -> list[str] | None:
    """
    Return the keys of Airflow Variables, in a task or trigger of Airflow 3.

    :param prefix: the beginning of the keys
    :return: the keys; None in Airflow 3.1 and 3.2, which cannot list them
    """
    from airflow.sdk import Variable

    return list(Variable.keys(prefix=prefix)) if hasattr(Variable, "keys") else None
