"""The state as it is now, for everything that shows it: tray, status page, banner."""

from typing import Protocol

from PySide6.QtCore import QObject, Signal, SignalInstance

from sparewatt.snapshot import Snapshot
from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.connection import Link
from sparewatt_desktop.engine_words import Notice, engine_notice
from sparewatt_desktop.page import Commands
from sparewatt_desktop.state import State, state_of


class EngineSignals(QObject):
    """What an `EngineBridge` tells; a protocol cannot declare signals."""

    _snapshot_changed = Signal(object)
    _link_changed = Signal(object)
    _stopped = Signal()

    @property
    def snapshot_changed(self) -> SignalInstance:
        """The newest `Snapshot`, or None once no engine can be heard."""
        return self._snapshot_changed

    @property
    def link_changed(self) -> SignalInstance:
        """The `Link`, whenever its phase or its error is another one."""
        return self._link_changed

    @property
    def stopped(self) -> SignalInstance:
        """The desktop may end."""
        return self._stopped


class EngineBridge(Commands, Protocol):
    """All that the desktop needs of an engine; `bridge.Bridge` has one over its socket."""

    @property
    def snapshot_changed(self) -> SignalInstance: ...
    @property
    def link_changed(self) -> SignalInstance: ...
    @property
    def stopped(self) -> SignalInstance: ...
    @property
    def link(self) -> Link:
        """How it stands with the engine."""
        ...

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest state; None while no engine can be heard."""
        ...

    def begin(self, *, start: bool) -> None:
        """Look for an engine, and start one when `start` and none runs."""
        ...

    def start_engine(self) -> None:
        """Start an engine, where none can be heard."""
        ...

    def replace_engine(self) -> None:
        """Let an engine of another version finish what it does, then start ours."""
        ...

    def look_again(self) -> None:
        """Look for an engine now instead of a little later."""
        ...

    def stop_engine(self) -> None:
        """Stop the workers, then the engine; `stopped` comes when it is gone or took too long."""
        ...

    def leave(self) -> None:
        """Let go of the engine, which goes on; `stopped` comes."""
        ...

    def set_seen(self, seen: bool) -> None:
        """Watch closely while somebody looks, and rarely otherwise."""
        ...


class StateWatch(QObject):
    """Makes a `State` of every snapshot and every change of the link; says so only when it became another."""

    changed = Signal(object)

    def __init__(self, engine: EngineBridge, translations: Translations, parent: QObject | None = None) -> None:
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

    @property
    def game(self) -> str | None:
        """Name of the game that plays now, as far as the engine knows of one."""
        snapshot = self._engine.snapshot
        computer = None if snapshot is None else snapshot.computer
        return None if computer is None else computer.game

    def _look(self, _: object = None) -> None:
        state = state_of(self._engine.link, self._engine.snapshot, self._translations)
        before, self._state = self._state, state
        # Actions hold functions, which are never equal; they change only with what is said.
        if _said(state) != _said(before):
            self.changed.emit(state)


def _said(state: State) -> tuple[object, ...]:
    return (state.mark, state.title, state.sentence, state.pausable, tuple(action.label for action in state.actions))
