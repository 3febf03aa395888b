"""What the engine does for those who show and steer it."""

from typing import TYPE_CHECKING

from sparewatt.control.messages import (
    InspectInvite,
    ListSettings,
    ManifestReply,
    PreviewReply,
    PreviewSetting,
    ReceiptsAfter,
    ReceiptsReply,
    SeriesReply,
    SeriesSince,
    SettingsReply,
    SettingValue,
)
from sparewatt.errors import InputError
from sparewatt.session.outbox import Outbox
from sparewatt.settings.intents import Intents
from sparewatt.settings.values import listed
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
        self._engine.desk.intents_store.set(Intents(paused_until_unix_s=until_unix_s))
        self._engine.wake()

    async def resume(self) -> None:
        self._engine.desk.intents_store.set(Intents())
        self._engine.wake()

    async def contribute_now(self, until_unix_s: int) -> None:
        self._engine.desk.intents_store.set(Intents(contribute_until_unix_s=until_unix_s or None))
        self._engine.wake()

    async def inspect_invite(self, request: InspectInvite) -> ManifestReply:
        invite = parse_invite(request.invite)
        inspected = await self._engine.runs.inspect(invite)
        return ManifestReply(
            reply_to=request.id,
            run=invite.run,
            manifest=inspected.manifest.signed,
            isolation=self._engine.isolation().level,
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
        settings = self._engine.desk.settings_store.settings
        devices = tuple(driver.device.device for driver in self._engine.devices)
        return SettingsReply(
            reply_to=request.id,
            revision=settings.revision,
            settings=tuple(
                SettingValue(shown.address, shown.value, shown.default, shown.option.scope)
                for shown in listed(settings, devices)
            ),
        )

    async def set_setting(self, revision: int, key: str, value: str) -> None:
        self._engine.desk.settings_store.set(revision, key, value)
        self._engine.wake()

    async def preview_setting(self, request: PreviewSetting) -> PreviewReply:
        return PreviewReply(reply_to=request.id, devices=self._engine.preview(request.key, request.value))

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

    async def shutdown(self) -> None:
        self._engine.stop()
