"""
Check literal arguments when a DAG file is parsed.

Templates, XComs and other values that are known only at run time are checked then. A check changes no attribute.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_xchat.exceptions import XChatInputError

__all__ = ["check_literal", "is_literal"]

_LISTS = (list, tuple, set, frozenset)


def check_literal(operator: Any, argument: str, check: Callable[[Any], object]) -> None:
    """
    Check a literal argument, or the literal items of a list.

    :param operator: a task with the argument in an attribute of the same name
    :param argument: the name of the argument
    :param check: raises for an invalid value
    :raises XChatInputError: when the check does, with the name of the task
    """
    value = getattr(operator, argument)
    if isinstance(value, _LISTS):
        items = [item for item in value if is_literal(operator, item)]
        value = set(items) if isinstance(value, (set, frozenset)) else items
    elif not is_literal(operator, value):
        return
    try:
        check(value)
    except XChatInputError as error:
        raise XChatInputError(f"task {operator.task_id!r}: {error}") from None


def is_literal(operator: Any, value: Any) -> bool:
    """
    Return whether a value is literal: the same when the task runs.

    :param operator: the task
    :param value: an argument of the task, or an item of a list
    """
    if isinstance(value, _LISTS):
        return all(is_literal(operator, item) for item in value)
    if isinstance(value, str):
        return not (
            _may_be_template(value) or value.endswith(tuple(operator.template_ext)) or _has_own_syntax(operator)
        )
    return isinstance(value, (int, float, datetime, timedelta))


def _may_be_template(text: str) -> bool:
    return "{{" in text or "{%" in text or "{#" in text


def _has_own_syntax(operator: Any) -> bool:
    """Return whether the DAG has its own settings for Jinja, such as other delimiters."""
    return bool(operator.has_dag() and operator.dag.jinja_environment_kwargs)
