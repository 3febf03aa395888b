"""Builds the snapshot: what the engine's parts are doing, as frozen values."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.device_plan import Work, WorkerState
from sparewatt.engine.device_tools import DeviceError
from sparewatt.engine.limits import limits_snapshot, missing_sensors
from sparewatt.errors import SparewattError
from sparewatt.governor import Pace
from sparewatt.host.reading import Reading
from sparewatt.host.sample import Sample
from sparewatt.policy import Decision
from sparewatt.snapshot import (
    ComputerSnapshot,
    DecisionSnapshot,
    DeviceSnapshot,
    ErrorSnapshot,
    ReasonSnapshot,
    SensorSnapshot,
    WorkSnapshot,
)


@dataclass(frozen=True)
class Moments:
    """Now by both clocks, to turn monotonic moments into times of day."""

    monotonic_s: float
    unix_s: float

    def unix(self, monotonic_s: float | None) -> int | None:
        return None if monotonic_s is None else round(self.unix_s + monotonic_s - self.monotonic_s)


UNDECIDED = DecisionSnapshot(compute="stop", transfers="essential", reasons=())


def device_snapshot(
    driver: DeviceDriver,
    sample: Sample | None,
    pace: Pace | None,
    speed_limit_percent: int,
    now: Moments,
) -> DeviceSnapshot:
    """One device; `sample` and `pace` are its newest."""
    state = driver.state
    duty = round(100 * pace.duty) if pace is not None and pace.grant == "compute" else 0
    return DeviceSnapshot(
        device=driver.device.device,
        kind=driver.device.kind,
        name=driver.worker_name or driver.device.name,
        worker=_worker(state.worker),
        decision=UNDECIDED if driver.decision is None else decision_snapshot(driver.decision),
        duty_percent=duty,
        speed_limit_percent=speed_limit_percent,
        limit_reason=None if pace is None else pace.limit,
        sensors=_sensors(driver.device.device, sample, pace, now),
        current=_work(state.current, state.worker),
        next=_work(state.next, "none"),
        tokens_per_s=driver.tokens_per_s,
        tokens=driver.tokens,
        error=error_snapshot(driver.error, now),
        limits=limits_snapshot(driver.device, driver.decision, pace),
        pause=_pause(pace, now, training=state.worker == "training"),
        released_milliseconds=driver.released_milliseconds,
        uncompiled=None if driver.uncompiled is None else plain_error(driver.uncompiled),
    )


def error_snapshot(error: DeviceError | None, now: Moments) -> ErrorSnapshot | None:
    return None if error is None else plain_error(error.error, now.unix(error.retry_at))


def plain_error(error: SparewattError, retry_unix_s: int | None = None) -> ErrorSnapshot:
    return ErrorSnapshot(error_id=error.error_id, parameters=dict(error.parameters), retry_unix_s=retry_unix_s)


def decision_snapshot(decision: Decision) -> DecisionSnapshot:
    return DecisionSnapshot(
        compute=decision.compute,
        transfers=decision.transfers,
        reasons=tuple(
            ReasonSnapshot(
                rule=match.rule,
                parameters=dict(match.parameters),
                until_unix_s=match.until_unix_s,
                setting=match.setting,
            )
            for match in decision.matches
        ),
    )


def computer_snapshot(reading: Reading | None) -> ComputerSnapshot | None:
    """The computer; None before its first reading."""
    if reading is None:
        return None
    return ComputerSnapshot(
        power_source=reading.power_source,
        battery_percent=reading.battery_percent,
        memory_available_bytes=reading.memory_available_bytes,
        disk_free_bytes=reading.disk_free_bytes,
        seat=reading.seat,
        idle_s=reading.idle_s,
        idle_source=reading.idle_source,
        metered=reading.metered,
        game=reading.games[0].name if reading.games else None,
    )


# What a device without a worker waits for in any case, such as samples, is no pause.
_PAUSES: Final = frozenset(
    {
        "sensor_lost",
        "power_taken",
        "cap_too_low",
        "temperature",
        "slowdown",
        "thermal_state",
        "power_spent",
        "measuring",
    }
)
_SETTINGS: Final = MappingProxyType(
    {
        "power_spent": "power_cap_watts",
        "power_taken": "power_cap_watts",
        "cap_too_low": "power_cap_watts",
        "temperature": "temperature_limit_celsius",
    }
)


def _pause(pace: Pace | None, now: Moments, *, training: bool) -> ReasonSnapshot | None:
    """Why the governor lets nothing compute, where the policy would."""
    if pace is None or pace.reason is None or pace.reason == "decision":
        return None
    if pace.reason not in _PAUSES and not training:
        return None
    return ReasonSnapshot(
        rule=pace.reason,
        parameters=dict(pace.parameters),
        until_unix_s=now.unix(pace.resumes_s),
        setting=_SETTINGS.get(pace.reason),
    )


def _sensors(device: str, sample: Sample | None, pace: Pace | None, now: Moments) -> SensorSnapshot:
    if sample is None:
        return SensorSnapshot(None, None, None, None, None)
    return SensorSnapshot(
        power_watts=sample.power_watts,
        temperature_celsius=sample.temperature_celsius,
        utilisation_percent=sample.utilisation_percent,
        memory_used_bytes=sample.memory_used_bytes,
        fan_percent=sample.fan_percent,
        margin_kelvin=sample.margin_kelvin,
        age_s=max(0.0, now.monotonic_s - sample.t),
        power_mean_watts=None if pace is None else pace.power_mean_watts,
        missing=missing_sensors(device, sample, pace),
    )


def _work(work: Work | None, worker: WorkerState) -> WorkSnapshot | None:
    if work is None:
        return None
    assignment = work.assignment
    return WorkSnapshot(
        assignment_id=assignment.assignment_id,
        run=assignment.run,
        base_version=assignment.base.number,
        phase=_phase(work, worker),
        inner_steps=work.inner_steps,
        inner_steps_total=assignment.inner_steps,
        tokens=work.tokens,
        loss_micro=work.loss_micro,
        rate_first_nano=assignment.rate_first_nano,
        checkpoint_inner_steps=0 if work.saved is None else work.saved.inner_steps,
    )


def _phase(work: Work, worker: WorkerState) -> Literal["fetching", "ready", "training", "encoding"]:
    if worker == "training":
        return "training"
    if work.kept_inner_steps and work.saved is None:
        return "encoding"
    return "ready" if work.data == "here" else "fetching"


def _worker(worker: WorkerState) -> Literal["none", "starting", "ready", "training", "stopping"]:
    """A screen need not know of versions, and an encoder holds no device: the card is free while it works."""
    if worker == "applying":
        return "ready"
    return "none" if worker == "encoding" else worker
