"""The state as it is now, for everything that shows it: tray, status page, banner."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from sparewatt.control.messages import Request
from sparewatt.errors import SparewattError
from sparewatt.snapshot import Snapshot
from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.connection import Link
from sparewatt_desktop.engine_words import Notice, engine_notice
from sparewatt_desktop.page import Wanted
from sparewatt_desktop.state import State, state_of


class EngineBridge(QObject):
    """All that the desktop needs of an engine; `bridge.Bridge` has one over its socket. It is a `page.Commands`, too.

    Qt's own metaclass rules out `abc`, and a protocol cannot declare signals: so every method that an engine must have
    raises NotImplementedError here.

    Signals:
        snapshot_changed: the newest `Snapshot`, or None once no engine can be heard.
        link_changed: the `Link`, whenever its phase or its error is another one.
        stopped: the desktop may end.
    """

    snapshot_changed = Signal(object)
    link_changed = Signal(object)
    stopped = Signal()

    @property
    def link(self) -> Link:
        """How it stands with the engine."""
        raise NotImplementedError

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest state; None while no engine can be heard."""
        raise NotImplementedError

    def begin(self, *, start: bool) -> None:
        """Look for an engine, and start one when `start` and none runs."""
        raise NotImplementedError

    def start_engine(self) -> None:
        """Start an engine, where none can be heard."""
        raise NotImplementedError

    def replace_engine(self) -> None:
        """Let an engine of another version finish what it does, then start ours."""
        raise NotImplementedError

    def look_again(self) -> None:
        """Look for an engine now instead of a little later."""
        raise NotImplementedError

    def stop_engine(self) -> None:
        """Stop the workers, then the engine; `stopped` comes when it is gone or took too long."""
        raise NotImplementedError

    def leave(self) -> None:
        """Let go of the engine, which goes on; `stopped` comes."""
        raise NotImplementedError

    def set_seen(self, seen: bool) -> None:
        """Watch closely while somebody looks, and rarely otherwise."""
        raise NotImplementedError

    def ask(
        self,
        make: Callable[[int], Request],
        wanted: type[Wanted],
        answered: Callable[[Wanted], None],
        refused: Callable[[SparewattError], None],
    ) -> None:
        """As of `page.Commands`."""
        raise NotImplementedError

    def command(self, make: Callable[[int], Request], refused: Callable[[SparewattError], None]) -> None:
        """As of `page.Commands`."""
        raise NotImplementedError


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
