"""The snapshot of the whole engine, put together from its parts."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sparewatt.engine.overview import conflict_snapshots, energy_snapshot, error_or_none
from sparewatt.engine.run_snapshots import run_snapshot
from sparewatt.engine.snapshots import Moments, computer_snapshot, device_snapshot
from sparewatt.settings import schema
from sparewatt.snapshot import SensingSnapshot, Snapshot

if TYPE_CHECKING:
    from sparewatt.engine.engine import Engine

Phase = Literal["starting", "running", "stopping"]
KeyStore = Literal["keyring", "file", "waiting", "unknown"]


@dataclass(frozen=True)
class Progress:
    """How far the engine itself is; the fields are as in `snapshot.Snapshot`."""

    phase: Phase
    sequence: int
    key_store: KeyStore


def whole_snapshot(engine: "Engine", progress: Progress) -> Snapshot:
    """The whole state of `engine` now."""
    parts = engine.parts
    now = Moments(parts.clock.monotonic(), parts.clock.unix())
    settings, intents, isolation = engine.desk.settings, engine.desk.intents, engine.isolation()
    devices = tuple(
        device_snapshot(
            driver,
            engine.sensors.samples.get(driver.device.device),
            engine.pacer.pace_of(driver.device.device),
            settings.of_device(schema.SPEED_LIMIT_PERCENT, driver.device.device),
            now,
        )
        for driver in engine.devices
    )
    return Snapshot(
        engine_version=parts.version,
        pid=os.getpid(),
        sequence=progress.sequence,
        taken_unix_s=round(now.unix_s),
        started_unix_s=parts.started_unix_s,
        data_folder=str(parts.options.data_folder),
        phase=progress.phase,
        paused_until_unix_s=intents.paused_until_unix_s if intents.paused_at(now.unix_s) else None,
        settings_revision=parts.settings.settings.revision,
        key_store=progress.key_store,
        isolation=isolation.level,
        sensing=SensingSnapshot(state=engine.sensors.state, error=error_or_none(engine.sensors.error)),
        devices=devices,
        runs=tuple(run_snapshot(run, engine.devices, now) for run in engine.runs.drivers.values()),
        contribute_until_unix_s=intents.contribute_until_unix_s if intents.contributing_at(now.unix_s) else None,
        computer=computer_snapshot(engine.desk.reading),
        paused_for_game=intents.paused_for_game,
        settings_error=error_or_none(parts.settings.trouble),
        conflicts=conflict_snapshots(engine, settings, devices),
        energy=energy_snapshot(engine.account, settings),
        energy_error=error_or_none(engine.account.error),
        logon_error=error_or_none(engine.logon.error),
        isolation_missing=isolation.missing_names,
    )
