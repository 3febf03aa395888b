"""An engine that only has a control channel: the real one, over a real socket, with a handler that records."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sparewatt.control.address import Address
from sparewatt.control.local_socket import listen
from sparewatt.control.messages import (
    DevicePresets,
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
from sparewatt.errors import ConflictError, InputError, SparewattError
from sparewatt.history.rows import EnergyRow, PastAssignment
from sparewatt.signing import Signed
from sparewatt.snapshot import Snapshot
from sparewatt_cli.receipt_file import receipt_of
from sparewatt_cli.testing.snapshots import engine_snapshot

START_SECONDS_MOST = 10.0


@dataclass
class FakeEngine:
    """What commands see of an engine; `commands` are those that changed something, in order.

    Attributes:
        refuses: raised by every command, when set.
        receipts: answered page by page, `page` at most at a time.
    """

    snapshot: Snapshot = field(default_factory=engine_snapshot)
    manifest: Signed | None = None
    receipts: tuple[Signed, ...] = ()
    online_keys: tuple[Signed, ...] = ()
    run_key: str = ""
    page: int = 500
    refuses: SparewattError | None = None
    energy: tuple[EnergyRow, ...] = ()
    priced: bool = True
    assignments: tuple[PastAssignment, ...] = ()
    settings: dict[str, str] = field(default_factory=lambda: {"hours": "always", "speed_limit_percent@cpu": "50"})
    unavailable: dict[str, str] = field(default_factory=dict)
    withheld: dict[str, dict[str, str]] = field(default_factory=dict)
    presets: tuple[DevicePresets, ...] = ()
    revision: int = 7
    commands: list[tuple[str | int, ...]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

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
        self._done("inspect")
        assert self.manifest is not None, "a test that joins gives the engine a manifest"
        return ManifestReply(reply_to=request.id, run="", manifest=self.manifest, isolation="none")

    async def join_run(self, invite: str, consent: str) -> None:
        self._done("join", invite, consent)

    async def consent_again(self, run: str, consent: str) -> None:
        self._done("consent_again", run, consent)

    async def leave_run(self, run: str) -> None:
        self._done("leave", run)

    async def list_settings(self, request: ListSettings) -> SettingsReply:
        values = tuple(
            SettingValue(
                key,
                value,
                value,
                "computer",
                unavailable=self.unavailable.get(key),
                withheld=self.withheld.get(key, {}),
            )
            for key, value in self.settings.items()
        )
        return SettingsReply(request.id, self.revision, values)

    async def set_setting(self, revision: int, key: str, value: str) -> None:
        if revision != self.revision:
            raise ConflictError("settings.revision", seen=revision, current=self.revision)
        if key not in self.settings:
            raise InputError("settings.unknown", key=key)
        self._done("set", key, value)
        self.settings[key] = value
        self.revision += 1

    async def preview_setting(self, request: PreviewSetting) -> PreviewReply:
        return PreviewReply(request.id, ())

    async def list_presets(self, request: ListPresets) -> PresetsReply:
        return PresetsReply(request.id, self.presets)

    async def discover(self) -> None:
        self._done("discover")

    async def receipts_after(self, request: ReceiptsAfter) -> ReceiptsReply:
        later = tuple(each for each in self.receipts if receipt_of(each).sequence > request.sequence)
        page = later[: min(self.page, request.limit)]
        return ReceiptsReply(request.id, page, self.online_keys, self.run_key, self.manifest)

    async def series_since(self, request: SeriesSince) -> SeriesReply:
        return SeriesReply(request.id, ())

    async def energy_since(self, request: EnergySince) -> EnergyReply:
        return EnergyReply(request.id, self.energy, (), "EUR", self.priced)

    async def past_assignments(self, request: PastAssignments) -> PastAssignmentsReply:
        return PastAssignmentsReply(request.id, self.assignments[: request.limit])

    async def shutdown(self) -> None:
        self._done("shutdown")
        self.ended.set()


@contextmanager
def serving(engine: FakeEngine, address: Address) -> Iterator[FakeEngine]:
    """`engine` behind the control socket at `address`, in a thread of its own, until it is told to shut down."""
    started = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(engine, address, started)), name="fake engine")
    thread.start()
    try:
        if not started.wait(START_SECONDS_MOST):
            raise AssertionError("the fake engine did not start; its thread says why")
        yield engine
    finally:
        engine.ended.set()
        thread.join(START_SECONDS_MOST)


async def _serve(engine: FakeEngine, address: Address, started: threading.Event) -> None:
    server = ControlServer(engine, "0.1.0")
    await server.start(listen(address))
    started.set()
    await asyncio.to_thread(engine.ended.wait)
    await server.close()
