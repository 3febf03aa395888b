"""Keeps what starts at logon as the setting says."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import cast

from sparewatt.errors import SparewattError
from sparewatt.host.logon import LogonChoice, LogonEntry, settle
from sparewatt.settings import schema
from sparewatt.settings.values import Settings

log = logging.getLogger("sparewatt.engine")


class LogonDesk:
    """Settles the entry once at the engine's start and after each change of the setting, in a thread.

    What failed is said and not tried again before the next change or start: nobody waits for it.

    Args:
        entry: None for an engine that must leave no trace.
        spawn: runs a task of the engine's.
        wake: called when `error` may have changed.

    Attributes:
        error: why the last attempt failed, or None.
    """

    def __init__(
        self,
        entry: LogonEntry | None,
        spawn: Callable[[Coroutine[object, object, None]], None],
        wake: Callable[[], None],
    ) -> None:
        self.error: SparewattError | None = None
        self._entry = entry
        self._spawn = spawn
        self._wake = wake
        self._settled: LogonChoice | None = None
        self._settling = False

    def step(self, settings: Settings) -> None:
        """Begin what is due; returns at once. What cannot be known of the person's choice changes nothing."""
        if settings.unknown:
            return
        choice = cast(LogonChoice, settings.get(schema.START_AT_LOGON))
        if self._entry is not None and choice != self._settled and not self._settling:
            self._settling = True
            self._spawn(self._settle(self._entry, choice))

    async def _settle(self, entry: LogonEntry, choice: LogonChoice) -> None:
        try:
            await asyncio.to_thread(settle, entry, choice)
            self.error = None
        except SparewattError as error:
            log.warning("what starts at logon could not be changed: %s", error)
            self.error = error
        finally:
            self._settled = choice
            self._settling = False
        self._wake()
