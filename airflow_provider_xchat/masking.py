"""Registers secrets with Airflow, which then keeps them out of task logs and rendered fields."""

from __future__ import annotations

from collections.abc import Iterable

try:
    from airflow.sdk.log import mask_secret
except ImportError:  # Airflow 2.11
    from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[no-redef,import-not-found]

__all__ = ["mask"]


def mask(secrets: Iterable[str]) -> None:
    """
    Have Airflow show ``***`` in place of these.

    :param secrets: the secrets; in Airflow 3 the process that writes the task's log is told, too
    """
    for secret in secrets:
        mask_secret(secret)
