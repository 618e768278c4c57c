"""How far a watcher has fired: a time, kept where the next triggerer finds it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_xchat.api.inputs import moment_of
from airflow_provider_xchat.runtime.threads import in_thread

if TYPE_CHECKING:
    from airflow_provider_xchat.runtime.variables import AirflowVariableStore

__all__ = ["Cursor", "StoredCursor"]

_DESCRIPTION = "How far a ChatConversationUpdatedTrigger has fired; without it, the next change is taken for no change."


class Cursor:
    """
    The time up to which changes have been fired, in memory.

    :param since: the time to begin with; None for that of the first change that is seen
    """

    def __init__(self, since: datetime | None) -> None:
        self._reached = since

    async def passes(self, updated_at: datetime) -> bool:
        """
        Move on to a change; what raises has not moved, and can be tried again.

        :param updated_at: when the conversation was changed
        :return: whether the change is to be fired
        """
        first = self._reached is None
        if self._reached is not None and updated_at <= self._reached:
            return False
        await self._save(updated_at)
        self._reached = updated_at
        return not first

    async def _save(self, updated_at: datetime) -> None:
        """Keep it."""


class StoredCursor(Cursor):
    """
    The same, kept in the state of the watched asset (Airflow 3.3), and where there is none, in a Variable.

    :param key: its name in the asset's state
    :param variable: the name of the Variable
    :param since: the time to begin with where none is kept
    :param asset_state: Airflow's accessor to the state of a trigger's asset
    """

    def __init__(self, key: str, variable: str, since: datetime | None, asset_state: Any = None) -> None:
        super().__init__(since)
        self._key = key
        self._variable = variable
        self._asset_state = asset_state
        self._loaded = False

    async def passes(self, updated_at: datetime) -> bool:
        """See :meth:`Cursor.passes`; what is kept is looked up at the first change."""
        if not self._loaded:
            self._reached = await self._load() or self._reached
            self._loaded = True
        return await super().passes(updated_at)

    async def _load(self) -> datetime | None:
        """Look in both places: an upgrade of Airflow, or a second asset with the trigger, changes which one it is."""
        kept = [await in_thread(lambda: _variables().load(self._variable))]
        if self._asset_state is not None:
            try:
                kept.append(await self._asset_state.aget(self._key))
            except ValueError as error:
                if type(error) is not ValueError:  # pydantic's, of an answer that cannot be read
                    raise
                self._asset_state = None  # the trigger has several assets, and Airflow does not say whose state to take
        return max((moment_of(text) for text in kept if text), default=None)

    async def _save(self, updated_at: datetime) -> None:
        text = updated_at.isoformat()
        if self._asset_state is not None:
            await self._asset_state.aset(self._key, text)
        else:
            await in_thread(lambda: _variables().save(self._variable, text))


def _variables() -> AirflowVariableStore:
    # Imported in the thread that asks it: a third of what importing the triggers would take, for files of DAGs, too.
    from airflow_provider_xchat.runtime.variables import AirflowVariableStore

    return AirflowVariableStore(_DESCRIPTION)
