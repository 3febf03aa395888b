"""An engine that has only a control channel: the real server, over a real socket, with a handler that records."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from sparewatt.control.address import Address
from sparewatt.control.local_socket import listen
from sparewatt.control.messages import (
    DevicePresets,
    DevicePreview,
    EnergyReply,
    EnergySince,
    InspectInvite,
    ListPresets,
    ListSettings,
    ManifestReply,
    PastAssignments,
    PastAssignmentsReply,
    PresetsReply,
    PreviewReply,
    PreviewSetting,
    ReceiptsAfter,
    ReceiptsReply,
    SeriesReply,
    SeriesSince,
    SettingsReply,
    SettingValue,
)
from sparewatt.control.server import ControlServer
from sparewatt.errors import ConflictError, SparewattError, UnavailableError
from sparewatt.history.rows import EnergyRow, PastAssignment, TrafficRow
from sparewatt.plain_json import decoded
from sparewatt.settings.values import Settings, listed
from sparewatt.signing import Signed
from sparewatt.snapshot import Snapshot
from sparewatt.testing.snapshots import home
from sparewatt.work.invite import parse_invite
from sparewatt.work.receipt import Receipt

START_SECONDS_MOST: Final = 10.0
VERSION: Final = "0.1.0"


@dataclass
class ControlEngine:
    """What a screen or a command sees of an engine.

    Attributes:
        manifest: what every invite leads to; without it, no coordinator can be reached.
        receipts: told in answers of at most `page`, with the chain that starts at `joined_manifest`.
        unavailable, withheld: address of a setting → why it, or which of its values, cannot be had here.
        refuses: raised by every command, when set.
        commands: those that changed something, in order.
        inspected: every invite whose manifest was asked for.
        ended: called by a shutdown.
    """

    snapshot: Snapshot = field(default_factory=home)
    manifest: Signed | None = None
    receipts: tuple[Signed, ...] = ()
    page: int = 500
    joined_manifest: Signed | None = None
    online_keys: tuple[Signed, ...] = ()
    run_key: str = ""
    energy: tuple[EnergyRow, ...] = ()
    priced: bool = False
    assignments: tuple[PastAssignment, ...] = ()
    presets: tuple[DevicePresets, ...] = ()
    series: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    settings: Settings = field(default_factory=lambda: Settings(7, {}))
    unavailable: Mapping[str, str] = field(default_factory=dict)
    withheld: Mapping[str, dict[str, str]] = field(default_factory=dict)
    traffic: tuple[TrafficRow, ...] = ()
    refuses: SparewattError | None = None
    commands: list[tuple[str | int, ...]] = field(default_factory=list)
    inspected: list[str] = field(default_factory=list)
    ended: Callable[[], object] = lambda: None

    def _done(self, *command: str | int) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.commands.append(command)

    async def pause(self, until_unix_s: int) -> None:
        self._done("pause", until_unix_s)

    async def pause_for_game(self) -> None:
        self._done("pause_for_game")

    async def resume(self) -> None:
        self._done("resume")

    async def contribute_now(self, until_unix_s: int) -> None:
        self._done("contribute_now", until_unix_s)

    async def inspect_invite(self, request: InspectInvite) -> ManifestReply:
        self.inspected.append(request.invite)
        if self.manifest is None:
            raise self.refuses or UnavailableError("connection.lost", code=1006)
        run = parse_invite(request.invite).run
        return ManifestReply(reply_to=request.id, run=run, manifest=self.manifest, isolation=self.snapshot.isolation)

    async def join_run(self, invite: str, consent: str) -> None:
        self._done("join", invite, consent)

    async def consent_again(self, run: str, consent: str) -> None:
        self._done("consent_again", run, consent)

    async def leave_run(self, run: str) -> None:
        self._done("leave", run)

    async def list_settings(self, request: ListSettings) -> SettingsReply:
        devices = tuple(device.device for device in self.snapshot.devices)
        values = tuple(
            SettingValue(
                shown.address,
                shown.value,
                shown.default,
                shown.option.scope,
                unavailable=self.unavailable.get(shown.address),
                withheld=self.withheld.get(shown.address, {}),
            )
            for shown in listed(self.settings, devices)
        )
        return SettingsReply(reply_to=request.id, revision=self.settings.revision, settings=values)

    async def set_setting(self, revision: int, key: str, value: str) -> None:
        if revision != self.settings.revision:
            raise ConflictError("settings.revision", seen=revision, current=self.settings.revision)
        changed = self.settings.changed(key, value)
        self._done("set", revision, key, value)
        self.settings = changed

    async def preview_setting(self, request: PreviewSetting) -> PreviewReply:
        self.settings.changed(request.key, request.value)
        devices = tuple(DevicePreview(device.device, device.decision) for device in self.snapshot.devices)
        return PreviewReply(reply_to=request.id, devices=devices)

    async def list_presets(self, request: ListPresets) -> PresetsReply:
        return PresetsReply(reply_to=request.id, devices=self.presets)

    async def discover(self) -> None:
        self._done("discover")

    async def receipts_after(self, request: ReceiptsAfter) -> ReceiptsReply:
        most = min(self.page, request.limit)
        later = tuple(each for each in self.receipts if decoded(each.body, Receipt).sequence > request.sequence)
        return ReceiptsReply(
            reply_to=request.id,
            receipts=later[-most:] if request.newest else later[:most],
            online_keys=self.online_keys,
            run_key=self.run_key,
            manifest=self.joined_manifest,
        )

    async def series_since(self, request: SeriesSince) -> SeriesReply:
        return SeriesReply(reply_to=request.id, points=self.series.get(request.series, ()))

    async def energy_since(self, request: EnergySince) -> EnergyReply:
        return EnergyReply(
            reply_to=request.id, energy=self.energy, traffic=self.traffic, currency="EUR", priced=self.priced
        )

    async def past_assignments(self, request: PastAssignments) -> PastAssignmentsReply:
        return PastAssignmentsReply(reply_to=request.id, assignments=self.assignments[: request.limit])

    async def shutdown(self) -> None:
        self._done("shutdown")
        self.ended()


class Served:
    """A `ControlEngine` behind its socket, in a thread of its own."""

    def __init__(self, engine: ControlEngine, address: Address, version: str) -> None:
        self.engine = engine
        self._address, self._version = address, version
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._server: ControlServer
        self._end: asyncio.Event
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="control engine")

    def start(self) -> None:
        self._thread.start()
        if not self._started.wait(START_SECONDS_MOST):
            raise AssertionError("the engine's control channel did not start; its thread says why")

    def show(self, snapshot: Snapshot) -> None:
        """Let those who watch see another state."""
        self.engine.snapshot = snapshot
        self._loop.call_soon_threadsafe(self._server.changed)

    def end(self) -> None:
        """Close every connection and the socket, as an engine does that ends; harmless when done twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(START_SECONDS_MOST)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        # The answer to the command is sent before the loop looks at its timers again.
        self.engine.ended = lambda: self._loop.call_later(0.05, self._end.set)
        self._server = ControlServer(self.engine, self._version)
        await self._server.start(listen(self._address))
        self._started.set()
        await self._end.wait()
        await self._server.close()


@contextmanager
def served(engine: ControlEngine, address: Address, version: str = VERSION) -> Iterator[Served]:
    """`engine` behind the socket at `address`, until it is told to shut down or the context ends."""
    serving = Served(engine, address, version)
    serving.start()
    try:
        yield serving
    finally:
        serving.end()
