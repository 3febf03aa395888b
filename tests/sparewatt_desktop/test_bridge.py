"""The bridge over a real socket, with an engine that has only its control channel."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from sparewatt.control.address import SocketAddress
from sparewatt.control.messages import GetSnapshot, Pause, SettingsReply, SnapshotFrame
from sparewatt.errors import ConflictError, SparewattError
from sparewatt.process.frames import frame
from sparewatt.snapshot import Snapshot
from sparewatt.testing.control_engine import ControlEngine, Served, served
from sparewatt.testing.snapshots import card, home
from sparewatt_desktop.bridge import Bridge
from sparewatt_desktop.connection import SEEN_INTERVAL_MS
from sparewatt_desktop.platform.place import Place
from sparewatt_desktop.questions import PENDING_MOST

LONG_MS = 20_000


class Starter:
    """Starts a control engine instead of a process."""

    def __init__(self, place: Place, *, works: bool = True) -> None:
        self._place, self._works = place, works
        self.started: list[Served] = []
        self.words: str | None = None

    def start(self) -> None:
        if not self._works:
            self.words = "no space left on device"
            return
        self.words = None
        made = Served(ControlEngine(), address(self._place), "0.1.0")
        made.start()
        self.started.append(made)

    def ended(self) -> str | None:
        words, self.words = self.words, None
        return words

    def end(self) -> None:
        for each in self.started:
            each.end()


def address(place: Place) -> SocketAddress:
    path = Path(place.server)
    return SocketAddress(path.parent, path.name)


@pytest.fixture
def starter(place: Place) -> Iterator[Starter]:
    made = Starter(place)
    yield made
    made.end()


@contextmanager
def bridged(place: Place, starter: Starter, version: str | None = None) -> Iterator[Bridge]:
    bridge = Bridge(place, starter, version)
    try:
        yield bridge
    finally:
        bridge.leave()


def until(qtbot: QtBot, bridge: Bridge, *phases: str) -> None:
    qtbot.waitUntil(lambda: bridge.link.phase in phases, timeout=LONG_MS)


def test_it_shows_what_an_engine_that_runs_shows(qtbot: QtBot, place: Place, starter: Starter) -> None:
    shown: list[Snapshot | None] = []
    with served(ControlEngine(), address(place)) as engine, bridged(place, starter) as bridge:
        bridge.snapshot_changed.connect(shown.append)
        bridge.set_seen(True)
        bridge.begin(start=False)
        qtbot.waitUntil(lambda: bridge.snapshot is not None, timeout=LONG_MS)
        engine.show(home((card(worker="none"),), sequence=2))
        qtbot.waitUntil(lambda: bridge.snapshot is not None and bridge.snapshot.sequence == 2, timeout=LONG_MS)
        assert not bridge.link.started_here
        assert starter.started == []
    assert shown[0] is not None


def test_it_starts_an_engine_where_none_runs_and_ends_it(qtbot: QtBot, place: Place, starter: Starter) -> None:
    with bridged(place, starter) as bridge:
        bridge.begin(start=True)
        until(qtbot, bridge, "talking")
        assert bridge.link.started_here
        with qtbot.waitSignal(bridge.stopped, timeout=LONG_MS):
            bridge.stop_engine()
        assert starter.started[0].engine.commands == [("shutdown",)]
        assert bridge.link.phase == "stopped"


def test_it_waits_for_an_engine_that_somebody_else_starts(qtbot: QtBot, place: Place, starter: Starter) -> None:
    with bridged(place, starter) as bridge:
        bridge.begin(start=False)
        until(qtbot, bridge, "missing")
        with served(ControlEngine(), address(place)):
            until(qtbot, bridge, "talking")
        assert starter.started == []


def test_an_engine_that_dies_is_missed_and_started_again(qtbot: QtBot, place: Place, starter: Starter) -> None:
    with bridged(place, starter) as bridge:
        bridge.begin(start=True)
        qtbot.waitUntil(lambda: bridge.snapshot is not None, timeout=LONG_MS)
        starter.started[0].end()
        until(qtbot, bridge, "ended")
        assert bridge.snapshot is None
        until(qtbot, bridge, "talking")
        assert len(starter.started) == 2
        assert bridge.link.restarts == 1


def test_an_engine_that_says_it_stops_is_not_started_again(qtbot: QtBot, place: Place, starter: Starter) -> None:
    with served(ControlEngine(), address(place)) as engine, bridged(place, starter) as bridge:
        bridge.set_seen(True)
        bridge.begin(start=False)
        qtbot.waitUntil(lambda: bridge.snapshot is not None, timeout=LONG_MS)
        engine.show(home(phase="stopping"))
        qtbot.waitUntil(lambda: bridge.snapshot is not None and bridge.snapshot.phase == "stopping", timeout=LONG_MS)
        engine.end()
        until(qtbot, bridge, "missing")


def test_an_engine_that_cannot_start_says_why(qtbot: QtBot, place: Place) -> None:
    with bridged(place, Starter(place, works=False)) as bridge:
        bridge.begin(start=True)
        until(qtbot, bridge, "failed")
        assert bridge.link.error is not None
        assert bridge.link.error.parameters == {"detail": "no space left on device"}


def test_commands_and_questions_are_answered(qtbot: QtBot, place: Place, starter: Starter) -> None:
    heard: list[object] = []
    with served(ControlEngine(), address(place)) as engine, bridged(place, starter) as bridge:
        bridge.begin(start=False)
        until(qtbot, bridge, "talking")
        bridge.command(lambda number: Pause(id=number, until_unix_s=5), heard.append)
        bridge.ask(lambda number: GetSnapshot(id=number), SnapshotFrame, heard.append, heard.append)
        qtbot.waitUntil(lambda: len(heard) == 1, timeout=LONG_MS)
        assert isinstance(heard[0], SnapshotFrame)
        assert engine.engine.commands == [("pause", 5)]


def test_the_engine_s_refusal_comes_in_its_own_class(qtbot: QtBot, place: Place, starter: Starter) -> None:
    heard: list[SparewattError] = []
    refusing = ControlEngine(refuses=ConflictError("settings.revision", seen=1, current=2))
    with served(refusing, address(place)), bridged(place, starter) as bridge:
        bridge.begin(start=False)
        until(qtbot, bridge, "talking")
        bridge.command(lambda number: Pause(id=number, until_unix_s=5), heard.append)
        qtbot.waitUntil(lambda: bool(heard), timeout=LONG_MS)
    assert isinstance(heard[0], ConflictError)
    assert heard[0].error_id == "settings.revision"


def test_an_answer_of_another_kind_is_no_answer(qtbot: QtBot, place: Place, starter: Starter) -> None:
    heard: list[SparewattError] = []
    with served(ControlEngine(), address(place)), bridged(place, starter) as bridge:
        bridge.begin(start=False)
        until(qtbot, bridge, "talking")
        bridge.ask(lambda number: GetSnapshot(id=number), SettingsReply, lambda _: None, heard.append)
        qtbot.waitUntil(lambda: bool(heard), timeout=LONG_MS)
    assert heard[0].error_id == "control.malformed"


def test_without_an_engine_a_question_is_refused_later_and_once(qtbot: QtBot, place: Place, starter: Starter) -> None:
    heard: list[SparewattError] = []
    with bridged(place, starter) as bridge:
        bridge.command(lambda number: Pause(id=number, until_unix_s=5), heard.append)
        assert heard == []
        qtbot.waitUntil(lambda: bool(heard), timeout=LONG_MS)
        assert [error.error_id for error in heard] == ["engine.not_running"]


def test_questions_that_wait_are_refused_when_the_engine_goes(qtbot: QtBot, place: Place, starter: Starter) -> None:
    heard: list[SparewattError] = []
    with silent_after_greeting(place) as hang_up, bridged(place, starter) as bridge:
        bridge.begin(start=False)
        until(qtbot, bridge, "talking")
        for _ in range(PENDING_MOST + 1):
            bridge.ask(lambda number: GetSnapshot(id=number), SnapshotFrame, lambda _: None, heard.append)
        qtbot.waitUntil(lambda: len(heard) == 1, timeout=LONG_MS)
        assert heard[0].error_id == "engine.silent", "one more than can wait"
        hang_up.set()
        qtbot.waitUntil(lambda: len(heard) == PENDING_MOST + 1, timeout=LONG_MS)
        assert {error.error_id for error in heard[1:]} == {"control.closed"}


def test_an_engine_of_another_version_is_drained_and_replaced(qtbot: QtBot, place: Place, starter: Starter) -> None:
    with served(ControlEngine(), address(place), "0.0.9") as older, bridged(place, starter, "0.1.0") as bridge:
        phases: list[str] = []
        bridge.link_changed.connect(lambda link: phases.append(link.phase))
        bridge.begin(start=False)
        until(qtbot, bridge, "talking")
        assert older.engine.commands == [("shutdown",)]
        assert phases == ["other_version", "replacing", "starting", "talking"]
        assert bridge.link.started_here


def test_an_engine_of_another_protocol_is_asked_to_go_too(qtbot: QtBot, place: Place, starter: Starter) -> None:
    greeting = b'{"type":"greeting","protocol":99,"engine_version":"9.9.9","new":1}'
    with saying(place, frame(greeting) + frame(b'{"type":"whatever"}')) as received, bridged(place, starter) as bridge:
        bridge.begin(start=False)
        until(qtbot, bridge, "replacing")
        qtbot.waitUntil(lambda: b'"shutdown"' in bytes(received), timeout=LONG_MS)


@pytest.mark.parametrize("garbage", [b"\xff" * 64, frame(b"{}"), frame(b"not json"), b"HTTP/1.1 200 OK\r\n\r\n"])
def test_garbage_from_the_other_side_is_told_and_not_fatal(
    qtbot: QtBot, place: Place, starter: Starter, garbage: bytes
) -> None:
    with saying(place, garbage), bridged(place, starter) as bridge:
        bridge.begin(start=False)
        until(qtbot, bridge, "refused")
        assert bridge.link.error is not None
        assert bridge.snapshot is None


def test_garbage_after_a_greeting_ends_the_connection(qtbot: QtBot, place: Place, starter: Starter) -> None:
    greeting = frame(b'{"type":"greeting","protocol":1,"engine_version":"0.1.0"}')
    with saying(place, greeting + frame(b'{"type":"snapshot","reply_to":0}')), bridged(place, starter) as bridge:
        phases: list[str] = []
        bridge.link_changed.connect(lambda link: phases.append(link.phase))
        bridge.begin(start=False)
        until(qtbot, bridge, "refused")


def test_a_folder_that_others_can_write_is_not_trusted(qtbot: QtBot, place: Place, starter: Starter) -> None:
    with served(ControlEngine(), address(place)), bridged(place, starter) as bridge:
        assert place.socket_folder is not None
        place.socket_folder.chmod(0o777)
        bridge.begin(start=False)
        until(qtbot, bridge, "refused")
        assert isinstance(bridge.link.error, ConflictError)
        place.socket_folder.chmod(0o700)
        bridge.look_again()
        until(qtbot, bridge, "talking")


def test_it_watches_closely_only_while_somebody_looks(qtbot: QtBot, place: Place, starter: Starter) -> None:
    greeting = frame(b'{"type":"greeting","protocol":1,"engine_version":"0.1.0"}')
    with saying(place, greeting) as received, bridged(place, starter) as bridge:
        bridge.begin(start=False)
        until(qtbot, bridge, "talking")
        qtbot.waitUntil(lambda: b'"interval_milliseconds":3000' in bytes(received), timeout=LONG_MS)
        bridge.set_seen(True)
        wanted = f'"interval_milliseconds":{SEEN_INTERVAL_MS}'.encode()
        qtbot.waitUntil(lambda: wanted in bytes(received) or b'"watch"}' in bytes(received), timeout=LONG_MS)


@contextmanager
def saying(place: Place, data: bytes) -> Iterator[bytearray]:
    """Somebody at the engine's address who says `data` to everybody; gives what was received."""
    with _listening(place, data) as (received, _):
        yield received


@contextmanager
def silent_after_greeting(place: Place) -> Iterator[threading.Event]:
    greeting = frame(b'{"type":"greeting","protocol":1,"engine_version":"0.1.0"}')
    with _listening(place, greeting) as (_, hang_up):
        yield hang_up


@contextmanager
def _listening(place: Place, data: bytes) -> Iterator[tuple[bytearray, threading.Event]]:
    folder = Path(place.server).parent
    folder.mkdir(mode=0o700, exist_ok=True)
    received, hang_up, over = bytearray(), threading.Event(), threading.Event()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(place.server)
    listening.listen(8)
    listening.settimeout(0.05)

    def serve() -> None:
        connections: list[socket.socket] = []
        while not over.is_set():
            try:
                connection, _ = listening.accept()
                connection.settimeout(0.02)
                connection.sendall(data)
                connections.append(connection)
            except (TimeoutError, BrokenPipeError):
                pass
            for connection in connections:
                with suppress(TimeoutError, ConnectionResetError):
                    received.extend(connection.recv(1 << 16))
            if hang_up.is_set():
                for connection in connections:
                    connection.close()
                connections.clear()
        for connection in connections:
            connection.close()

    thread = threading.Thread(target=serve, name="somebody")
    thread.start()
    try:
        yield received, hang_up
    finally:
        over.set()
        thread.join()
        listening.close()
        Path(place.server).unlink()
