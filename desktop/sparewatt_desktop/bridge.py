"""The one meeting of Qt and the control channel.

Everything happens on the UI thread and nothing waits: Qt's local socket hands over bytes, the sans-I/O reader of the
channel makes answers of them, and a table of phases (`connection`) says what to do next.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QObject, QTimer
from PySide6.QtNetwork import QLocalSocket

from sparewatt.control.codec import AnswerReader, encode
from sparewatt.control.messages import (
    Greeting,
    Reply,
    Request,
    Shutdown,
    SnapshotFrame,
    Watch,
)
from sparewatt.errors import (
    ConflictError,
    ProtocolError,
    RefusedError,
    SparewattError,
    UnavailableError,
)
from sparewatt.snapshot import Snapshot
from sparewatt_desktop.connection import (
    ANSWER_MOST_S,
    GREETING_MOST_S,
    HIDDEN_INTERVAL_MS,
    SEEN_INTERVAL_MS,
    START_MOST_S,
    STOP_MOST_S,
    Event,
    Link,
    after,
    restart_s,
    retry_s,
    silence_s,
)
from sparewatt_desktop.page import Wanted
from sparewatt_desktop.platform.engine_process import EngineStarter
from sparewatt_desktop.platform.peer import check_folder, check_peer
from sparewatt_desktop.platform.place import Place
from sparewatt_desktop.questions import Questions
from sparewatt_desktop.watching import EngineSignals

READ_BYTES_MOST: Final = 1 << 18
# So long an engine must have worked before a crash counts as its first again.
_WORKED_S: Final = 120.0


class Bridge(EngineSignals):
    """Keeps a connection to the engine of one data folder, and is a `watching.EngineBridge`.

    Args:
        starter: starts an engine when none runs.
        engine_version: an engine of another one is drained, then replaced; None to take any.
    """

    def __init__(
        self,
        place: Place,
        starter: EngineStarter,
        engine_version: str | None = None,
        now: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._place, self._starter, self._engine_version, self._now = place, starter, engine_version, now
        self._link = Link()
        self._snapshot: Snapshot | None = None
        self._answers = AnswerReader()
        self._questions = Questions(now, self)
        self._last_id = 0
        self._seen = False
        self._start_when_missing = False
        self._replaced = False
        self._began_s = 0.0
        self._socket = QLocalSocket(self)
        self._socket.setReadBufferSize(READ_BYTES_MOST)
        self._socket.connected.connect(self._connected)
        self._socket.readyRead.connect(self._read)
        self._socket.disconnected.connect(self._disconnected)
        self._socket.errorOccurred.connect(self._socket_failed)
        self._retry = self._timer(self._look)
        self._silence = self._timer(self._silent)
        self._restart = self._timer(self.start_engine)
        self._stop_limit = self._timer(self._end_overdue)

    @property
    def link(self) -> Link:
        return self._link

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest state; None while no engine can be heard."""
        return self._snapshot

    # What the desktop does

    def begin(self, *, start: bool) -> None:
        """Look for an engine, and start one when `start` and none runs."""
        self._start_when_missing = start
        self._look()

    def start_engine(self) -> None:
        """Start an engine, where none can be heard."""
        if self._link.heard:
            return
        self._restart.stop()
        if self._link.phase in ("ended", "failed"):
            self._link = replace(self._link, restarts=self._link.restarts + 1)
        self._began_s = self._now()
        self._happened("start")
        try:
            self._starter.start()
        except SparewattError as error:
            self._happened("start_died", error)
        self._look_later()

    def replace_engine(self) -> None:
        """Let an engine of another version finish what it does, then start ours."""
        self._replaced = False
        self._look()

    def look_again(self) -> None:
        """Look for an engine now instead of a little later."""
        self._look()

    def stop_engine(self) -> None:
        """Stop the workers, then the engine; `stopped` comes when it is gone or took too long."""
        heard = self._link.phase in ("talking", "slow")
        self._restart.stop()
        if heard:
            self._write(Shutdown(id=self._next_id()))
        self._happened("stop")
        if heard:
            self._stop_limit.start(round(STOP_MOST_S * 1000))
        else:
            self._let_go()
            self.stopped.emit()

    def leave(self) -> None:
        """Let go of the engine, which goes on."""
        self._happened("stop")
        self._let_go()
        self.stopped.emit()

    def set_seen(self, seen: bool) -> None:
        """Watch closely while somebody looks, and rarely otherwise."""
        if seen == self._seen:
            return
        self._seen = seen
        if self._link.phase in ("talking", "slow"):
            self._watch()

    # page.Commands

    def ask(
        self,
        make: Callable[[int], Request],
        wanted: type[Wanted],
        answered: Callable[[Wanted], None],
        refused: Callable[[SparewattError], None],
    ) -> None:
        if self._link.phase not in ("talking", "slow"):
            error = self._link.error or UnavailableError("engine.not_running")
            QTimer.singleShot(0, self, lambda: refused(error))
            return
        if self._questions.full:
            error = UnavailableError("engine.silent", seconds=round(ANSWER_MOST_S))
            QTimer.singleShot(0, self, lambda: refused(error))
            return
        number = self._next_id()
        self._questions.add(number, wanted, answered, refused)
        self._write(make(number))

    def command(self, make: Callable[[int], Request], refused: Callable[[SparewattError], None]) -> None:
        self.ask(make, Reply, lambda _: None, refused)

    # Looking for the engine

    def _look(self) -> None:
        """Try to connect; whoever is there answers through the socket's signals."""
        if self._link.phase in ("talking", "stopped", "replacing") and self._connected_now:
            return
        self._look_at_start()
        try:
            check_folder(self._place.socket_folder)
        except UnavailableError:
            self._absent()
            return
        except ConflictError as error:
            self._happened("refused", error)
            self._look_later()
            return
        self._socket.abort()
        self._retry.stop()
        self._answers = AnswerReader()
        self._silence.start(round(GREETING_MOST_S * 1000))
        self._socket.connectToServer(self._place.server)

    @property
    def _connected_now(self) -> bool:
        return self._socket.state() == QLocalSocket.LocalSocketState.ConnectedState

    def _look_at_start(self) -> None:
        """Whether an engine that was started has ended, or takes too long."""
        if self._link.phase not in ("starting", "overdue"):
            return
        words = self._starter.ended()
        if words is not None:
            self._happened("start_died", UnavailableError("engine.start_failed", detail=words))
        elif self._now() - self._began_s > START_MOST_S:
            self._happened("start_overdue", UnavailableError("engine.start_slow", seconds=round(START_MOST_S)))

    def _absent(self) -> None:
        self._silence.stop()
        replacing = self._link.phase == "replacing"
        if replacing:
            self._stop_limit.stop()
        first = self._link.phase == "looking"
        self._happened("absent")
        if self._link.phase == "stopped":
            self._stop_limit.stop()
            self._let_go()
            self.stopped.emit()
        elif replacing or (first and self._start_when_missing):
            self.start_engine()
        else:
            self._look_later()

    def _look_later(self) -> None:
        self._retry.start(round(retry_s(self._link) * 1000))

    def _connected(self) -> None:
        try:
            check_peer(self._socket.socketDescriptor())
        except (RefusedError, UnavailableError) as error:
            self._broken("refused", error)

    def _socket_failed(self, error: QLocalSocket.LocalSocketError) -> None:
        gone = (
            QLocalSocket.LocalSocketError.ServerNotFoundError,
            QLocalSocket.LocalSocketError.ConnectionRefusedError,
        )
        if error in gone:
            self._absent()
        elif error == QLocalSocket.LocalSocketError.SocketAccessError:
            self._happened("refused", ConflictError("control.folder", path=str(self._place.socket_folder)))
            self._look_later()
        elif error != QLocalSocket.LocalSocketError.PeerClosedError:
            self._look_later()

    # Talking

    def _read(self) -> None:
        data = self._socket.readAll().data()
        if self._link.phase == "replacing":
            return  # whatever it still says, it is on its way out
        greeted = self._answers.greeting is not None
        try:
            answers = self._answers.receive(bytes(data))
        except UnavailableError as error:
            self._other_version(error)
            return
        except ProtocolError as error:
            self._broken("refused", error)
            return
        if not greeted and self._answers.greeting is not None and not self._greeted(self._answers.greeting):
            return
        newest: Snapshot | None = None
        for answer in answers:
            if isinstance(answer, SnapshotFrame):
                newest = answer.snapshot
            self._questions.take(answer)
        if newest is not None:
            self._show(newest)

    def _greeted(self, greeting: Greeting) -> bool:
        if self._engine_version is not None and greeting.engine_version != self._engine_version:
            self._other_version(UnavailableError("engine.version", engine_version=greeting.engine_version[:40]))
            return False
        if self._link.phase == "stopping":
            return False
        self._began_s = self._now()
        if self._starter.ended() is not None:
            # Ours found another one running and gave way.
            self._link = replace(self._link, started_here=False)
        self._happened("greeted")
        self._watch()
        return True

    def _other_version(self, error: SparewattError) -> None:
        self._silence.stop()
        self._happened("other_version", error)
        if self._link.phase != "other_version":
            return
        if self._replaced:
            # Two desktops of two versions must not replace each other's engine in turn: the person decides.
            self._socket.abort()
            return
        self._replaced = True
        self._happened("replace")
        # Every version so far, and so the next ones, understands this much.
        self._write(Shutdown(id=1))
        self._stop_limit.start(round(STOP_MOST_S * 1000))

    def _show(self, snapshot: Snapshot) -> None:
        self._silence.start(round(silence_s(self._interval_ms) * 1000))
        self._happened("heard")
        if self._link.restarts and self._now() - self._began_s > _WORKED_S:
            self._link = replace(self._link, restarts=0)
        self._snapshot = snapshot
        self.snapshot_changed.emit(snapshot)

    def _silent(self) -> None:
        self._happened("silent", UnavailableError("engine.silent", seconds=round(silence_s(self._interval_ms))))
        if self._answers.greeting is None:
            # Something accepted the connection and said nothing: hang up, and look again.
            self._socket.abort()
            self._look_later()

    def _disconnected(self) -> None:
        self._silence.stop()
        stopping = self._snapshot is not None and self._snapshot.phase == "stopping"
        self._happened("left" if stopping else "lost", ProtocolError("control.closed"))
        self._questions.refuse_all(ProtocolError("control.closed"))
        self._look_later()

    def _broken(self, event: Event, error: SparewattError) -> None:
        """The other side is not to be talked to any further."""
        self._happened(event, error)
        self._socket.abort()
        self._questions.refuse_all(error)
        self._look_later()

    def _watch(self) -> None:
        self._write(Watch(id=self._next_id(), interval_milliseconds=self._interval_ms))
        self._silence.start(round(silence_s(self._interval_ms) * 1000))

    @property
    def _interval_ms(self) -> int:
        return SEEN_INTERVAL_MS if self._seen else HIDDEN_INTERVAL_MS

    def _write(self, request: Request) -> None:
        self._socket.write(encode(request))
        self._socket.flush()

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    # Ending

    def _end_overdue(self) -> None:
        """An engine that was told to stop is still there."""
        if self._link.phase == "replacing":
            self._happened("replace_overdue", self._link.error)
            self._socket.abort()
            return
        self._let_go()
        self.stopped.emit()

    def _let_go(self) -> None:
        for timer in (self._retry, self._silence, self._restart, self._stop_limit):
            timer.stop()
        self._questions.forget()
        self._socket.blockSignals(True)
        self._socket.abort()

    def _happened(self, event: Event, error: SparewattError | None = None) -> None:
        before = self._link
        self._link = after(before, event, error)
        if not self._link.heard and self._snapshot is not None:
            self._snapshot = None
            self.snapshot_changed.emit(None)
        if (self._link.phase, self._link.error) == (before.phase, before.error):
            return
        wait_s = restart_s(self._link)
        if wait_s is not None and self._link.phase != before.phase:
            self._restart.start(round(wait_s * 1000))
        self.link_changed.emit(self._link)

    def _timer(self, act: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.timeout.connect(act)
        return timer
