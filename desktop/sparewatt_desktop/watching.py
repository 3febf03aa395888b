"""The state as it is now, for everything that shows it: tray, status page, banner."""

from typing import Protocol

from PySide6.QtCore import QObject, Signal, SignalInstance

from sparewatt.snapshot import Snapshot
from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.connection import Link
from sparewatt_desktop.engine_words import Notice, engine_notice
from sparewatt_desktop.page import Commands
from sparewatt_desktop.state import State, state_of


class EngineLink(Protocol):
    """What of the bridge concerns the engine itself; see `bridge.Bridge`."""

    snapshot_changed: SignalInstance
    link_changed: SignalInstance

    @property
    def link(self) -> Link: ...

    @property
    def snapshot(self) -> Snapshot | None: ...

    def start_engine(self) -> None: ...

    def replace_engine(self) -> None: ...

    def look_again(self) -> None: ...


class EngineBridge(Commands, EngineLink, Protocol):
    """All that the desktop needs of an engine; see `bridge.Bridge`."""

    stopped: SignalInstance

    def begin(self, *, start: bool) -> None: ...

    def stop_engine(self) -> None: ...

    def leave(self) -> None: ...

    def set_seen(self, seen: bool) -> None: ...


class StateWatch(QObject):
    """Makes a `State` of every snapshot and every change of the link; says so only when it became another."""

    changed = Signal(object)

    def __init__(self, engine: EngineLink, translations: Translations, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._translations = translations
        self._state = state_of(engine.link, engine.snapshot, translations)
        engine.snapshot_changed.connect(self._look)
        engine.link_changed.connect(self._look)

    @property
    def state(self) -> State:
        return self._state

    @property
    def notice(self) -> Notice | None:
        """What there is to say about the engine itself."""
        return engine_notice(self._engine.link, self._translations)

    def _look(self, _: object = None) -> None:
        state = state_of(self._engine.link, self._engine.snapshot, self._translations)
        before, self._state = self._state, state
        # Actions hold functions, which are never equal; they change only with what is said.
        if _said(state) != _said(before):
            self.changed.emit(state)


def _said(state: State) -> tuple[object, ...]:
    return (state.mark, state.title, state.sentence, state.pausable, tuple(action.label for action in state.actions))
