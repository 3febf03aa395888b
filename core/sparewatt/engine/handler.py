"""What the engine does for those who show and steer it."""

from typing import TYPE_CHECKING

from sparewatt.control.messages import (
    EnergyReply,
    EnergySince,
    InspectInvite,
    ListSettings,
    ManifestReply,
    PastAssignments,
    PastAssignmentsReply,
    PreviewReply,
    PreviewSetting,
    ReceiptsAfter,
    ReceiptsReply,
    SeriesReply,
    SeriesSince,
    SettingsReply,
)
from sparewatt.engine.isolation import ISOLATION
from sparewatt.engine.offered import offered
from sparewatt.engine.overview import preview
from sparewatt.errors import InputError
from sparewatt.session.outbox import Outbox
from sparewatt.settings import schema
from sparewatt.settings.intents import Intents
from sparewatt.snapshot import Snapshot
from sparewatt.work.invite import parse_invite

if TYPE_CHECKING:
    from sparewatt.engine.engine import Engine


class ControlHandler:
    """Commands and queries of the control channel; see `control.server.Handler`."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    @property
    def snapshot(self) -> Snapshot:
        return self._engine.snapshot()

    async def pause(self, until_unix_s: int) -> None:
        await self._intend(Intents(paused_until_unix_s=until_unix_s))

    async def pause_for_game(self) -> None:
        reading = self._engine.desk.reading
        if reading is None or not reading.games:
            raise InputError("pause.no_game")
        await self._intend(Intents(paused_for_game=True))

    async def resume(self) -> None:
        await self._intend(Intents())

    async def contribute_now(self, until_unix_s: int) -> None:
        await self._intend(Intents(contribute_until_unix_s=until_unix_s or None))

    async def _intend(self, intents: Intents) -> None:
        await self._engine.desk.intend(intents, self._engine.wake)

    async def inspect_invite(self, request: InspectInvite) -> ManifestReply:
        invite = parse_invite(request.invite)
        inspected = await self._engine.runs.inspect(invite)
        return ManifestReply(
            reply_to=request.id, run=invite.run, manifest=inspected.manifest.signed, isolation=ISOLATION
        )

    async def join_run(self, invite: str, consent: str) -> None:
        parsed = parse_invite(invite)
        if parsed.run != consent:
            raise InputError("join.consent", run=parsed.run[:16])
        await self._engine.runs.join(parsed)
        self._engine.wake()

    async def leave_run(self, run: str) -> None:
        await self._engine.runs.leave(run, self._engine.devices)
        self._engine.wake()

    async def list_settings(self, request: ListSettings) -> SettingsReply:
        engine = self._engine
        settings = engine.desk.settings_store.settings
        return SettingsReply(
            reply_to=request.id,
            revision=settings.revision,
            settings=offered(
                settings,
                tuple(driver.device for driver in engine.devices),
                {driver.device.device: engine.usage.lent(driver) for driver in engine.devices},
                engine.desk.reading,
            ),
        )

    async def set_setting(self, revision: int, key: str, value: str) -> None:
        await self._engine.desk.change(revision, key, value)
        self._engine.wake()

    async def preview_setting(self, request: PreviewSetting) -> PreviewReply:
        return preview(self._engine, request.id, request.key, request.value)

    async def discover(self) -> None:
        self._engine.sensing.discover()

    async def receipts_after(self, request: ReceiptsAfter) -> ReceiptsReply:
        outbox = self._engine.runs.outbox
        receipts = await outbox.call(Outbox.receipts, request.run, request.sequence, request.limit, request.newest)
        joined = next((each for each in await outbox.call(Outbox.runs) if each.run == request.run), None)
        return ReceiptsReply(
            reply_to=request.id,
            receipts=receipts,
            online_keys=() if joined is None else joined.online_keys,
            run_key="" if joined is None else joined.verified_manifest().run_key,
            manifest=None if joined is None else joined.manifest,
        )

    async def series_since(self, request: SeriesSince) -> SeriesReply:
        points = self._engine.series.since(request.series, request.since_unix_s, request.limit)
        return SeriesReply(reply_to=request.id, points=points)

    async def energy_since(self, request: EnergySince) -> EnergyReply:
        settings = self._engine.desk.settings
        energy, traffic = await self._engine.account.since(request.period, request.count)
        return EnergyReply(
            reply_to=request.id,
            energy=energy,
            traffic=traffic,
            currency=settings.get(schema.CURRENCY).upper(),
            priced=settings.get(schema.POWER_PRICE_CT_PER_KWH) > 0,
        )

    async def past_assignments(self, request: PastAssignments) -> PastAssignmentsReply:
        found = await self._engine.account.past_assignments(request.before_unix_s, request.limit)
        return PastAssignmentsReply(reply_to=request.id, assignments=found)

    async def shutdown(self) -> None:
        self._engine.stop()
