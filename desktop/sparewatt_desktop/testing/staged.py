"""A bridge without an engine behind it: it stands as it is told to, and answers from a recording engine."""

import asyncio
from collections.abc import Callable

from PySide6.QtCore import QTimer

from sparewatt.control.messages import (
    Answer,
    ConsentAgain,
    ContributeNow,
    Discover,
    EnergySince,
    GetSnapshot,
    InspectInvite,
    JoinRun,
    LeaveRun,
    ListPresets,
    ListSettings,
    PastAssignments,
    Pause,
    PauseForGame,
    PreviewSetting,
    ReceiptsAfter,
    Reply,
    Request,
    Resume,
    SeriesSince,
    SetSetting,
    Shutdown,
    SnapshotFrame,
    Watch,
)
from sparewatt.errors import ProtocolError, SparewattError, UnavailableError
from sparewatt.snapshot import Snapshot
from sparewatt.testing.control_engine import ControlEngine
from sparewatt_desktop.connection import Link
from sparewatt_desktop.page import Wanted
from sparewatt_desktop.watching import EngineSignals


class StagedBridge(EngineSignals):
    """`watching.EngineBridge` over a `ControlEngine` in the same thread; `asked` are the desktop's wishes, in order."""

    def __init__(self, engine: ControlEngine, link: Link) -> None:
        super().__init__()
        self.engine = engine
        self._link = link
        self.asked: list[str] = []
        self.seen = False

    @property
    def link(self) -> Link:
        return self._link

    @property
    def snapshot(self) -> Snapshot | None:
        return self.engine.snapshot if self._link.heard else None

    def stand(self, link: Link, snapshot: Snapshot | None = None) -> None:
        """Stand like this from now on."""
        self._link = link
        if snapshot is not None:
            self.engine.snapshot = snapshot
        self.link_changed.emit(link)
        self.snapshot_changed.emit(self.snapshot)

    def begin(self, *, start: bool) -> None:
        self.asked.append("begin and start" if start else "begin")
        self.stand(self._link)

    def start_engine(self) -> None:
        self.asked.append("start")

    def replace_engine(self) -> None:
        self.asked.append("replace")

    def look_again(self) -> None:
        self.asked.append("look")

    def stop_engine(self) -> None:
        self.asked.append("stop")
        self.stopped.emit()

    def leave(self) -> None:
        self.asked.append("leave")
        self.stopped.emit()

    def set_seen(self, seen: bool) -> None:
        self.seen = seen

    def ask(
        self,
        make: Callable[[int], Request],
        wanted: type[Wanted],
        answered: Callable[[Wanted], None],
        refused: Callable[[SparewattError], None],
    ) -> None:
        QTimer.singleShot(0, self, lambda: self._answer(make(1), wanted, answered, refused))

    def command(self, make: Callable[[int], Request], refused: Callable[[SparewattError], None]) -> None:
        self.ask(make, Reply, lambda _: None, refused)

    def _answer(
        self,
        request: Request,
        wanted: type[Wanted],
        answered: Callable[[Wanted], None],
        refused: Callable[[SparewattError], None],
    ) -> None:
        if not self._link.heard:
            refused(UnavailableError("engine.not_running"))
            return
        try:
            answer = asyncio.run(_handled(self.engine, request))
        except SparewattError as error:
            refused(error)
            return
        if isinstance(answer, wanted):
            answered(answer)
        else:
            refused(ProtocolError("control.malformed"))


async def _handled(engine: ControlEngine, request: Request) -> Answer:
    match request:
        case Watch() | GetSnapshot():
            return SnapshotFrame(reply_to=request.id, snapshot=engine.snapshot)
        case InspectInvite():
            return await engine.inspect_invite(request)
        case ListSettings():
            return await engine.list_settings(request)
        case PreviewSetting():
            return await engine.preview_setting(request)
        case ReceiptsAfter():
            return await engine.receipts_after(request)
        case ListPresets():
            return await engine.list_presets(request)
        case EnergySince():
            return await engine.energy_since(request)
        case PastAssignments():
            return await engine.past_assignments(request)
        case SeriesSince():
            return await engine.series_since(request)
        case _:
            await _done(engine, request)
            return Reply(reply_to=request.id)


async def _done(engine: ControlEngine, request: Request) -> None:
    match request:
        case Pause():
            await engine.pause(request.until_unix_s)
        case PauseForGame():
            await engine.pause_for_game()
        case Resume():
            await engine.resume()
        case ContributeNow():
            await engine.contribute_now(request.until_unix_s)
        case JoinRun():
            await engine.join_run(request.invite, request.consent)
        case ConsentAgain():
            await engine.consent_again(request.run, request.consent)
        case LeaveRun():
            await engine.leave_run(request.run)
        case SetSetting():
            await engine.set_setting(request.revision, request.key, request.value)
        case Discover():
            await engine.discover()
        case Shutdown():
            await engine.shutdown()
