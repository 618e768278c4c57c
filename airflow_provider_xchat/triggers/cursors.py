"""Time of the last update that a trigger has fired for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_xchat.api.inputs import utc_datetime
from airflow_provider_xchat.runtime.threads import in_thread

if TYPE_CHECKING:
    from airflow_provider_xchat.runtime.variables import AirflowVariableStore

__all__ = ["Cursor", "StoredCursor"]

_DESCRIPTION = (
    "Last update that a ChatConversationUpdatedTrigger has fired for; if deleted, the next observed update only sets a"
    " new starting point."
)


class Cursor:
    """
    Time of the last update that a trigger has fired for, in memory.

    :param since: the first value; None for the time of the first observed update
    """

    def __init__(self, since: datetime | None) -> None:
        self._reached = since

    async def advance(self, updated_at: datetime) -> bool:
        """
        Advance to an update. If saving fails, the cursor does not move and the call can be repeated.

        :param updated_at: the time of the update
        :return: whether to fire an event
        """
        is_first = self._reached is None
        if self._reached is not None and updated_at <= self._reached:
            return False
        await self._save(updated_at)
        self._reached = updated_at
        return not is_first

    async def _save(self, updated_at: datetime) -> None:
        """Save the time."""


class StoredCursor(Cursor):
    """
    Cursor saved in the state of the watched asset (Airflow 3.3), or in a Variable if there is none.

    :param key: its key in the state of the asset
    :param variable: the key of the Variable
    :param since: the first value if none is saved
    :param asset_state: Airflow's accessor to the state of the trigger's asset
    """

    def __init__(self, key: str, variable: str, since: datetime | None, asset_state: Any = None) -> None:
        super().__init__(since)
        self._key = key
        self._variable = variable
        self._asset_state = asset_state
        self._loaded = False

    async def advance(self, updated_at: datetime) -> bool:
        """Do the same as :meth:`Cursor.advance`; the first call loads the saved time."""
        if not self._loaded:
            self._reached = await self._load() or self._reached
            self._loaded = True
        return await super().advance(updated_at)

    async def _load(self) -> datetime | None:
        """Load the time from both places: an upgrade of Airflow, or a second asset of the trigger, changes it."""
        saved = [await in_thread(lambda: _variables().load(self._variable))]
        if self._asset_state is not None:
            try:
                saved.append(await self._asset_state.aget(self._key))
            except ValueError as error:
                if type(error) is not ValueError:  # from pydantic, for an invalid response
                    raise
                self._asset_state = None  # the trigger has several assets
        return max((utc_datetime(text) for text in saved if text), default=None)

    async def _save(self, updated_at: datetime) -> None:
        text = updated_at.isoformat()
        if self._asset_state is not None:
            await self._asset_state.aset(self._key, text)
        else:
            await in_thread(lambda: _variables().save(self._variable, text))


def _variables() -> AirflowVariableStore:
    # Imported in a thread: it takes a third of the time of all imports of triggers, also for DAG files.
    from airflow_provider_xchat.runtime.variables import AirflowVariableStore

    return AirflowVariableStore(_DESCRIPTION)
