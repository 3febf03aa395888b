"""What a trial shows while it runs: one frozen value from the engines' snapshots."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sparewatt.snapshot import DeviceSnapshot, ErrorSnapshot, ReasonSnapshot, RunSnapshot, Snapshot, WorkSnapshot

# While an engine joins there is no run yet, and at its end the run wants nobody any more: no news to a person.
NO_REASON_TO_WAIT: Final = frozenset({"no_run", "no_network"})


@dataclass(frozen=True)
class Waiting:
    """A device that may not compute, and the rule that says so."""

    device: str
    reason: ReasonSnapshot


@dataclass(frozen=True)
class TrialView:
    """All engines together.

    Attributes:
        phase: id of what is going on, in `sparewatt_cli.words`.
        version: newest version that an engine has applied.
        evaluations: (version, held-out loss in 1e-6), oldest first.
        training_loss_micro: mean of the devices' last inner steps.
        tokens_per_s: all devices together; None before the first was measured.
        run_tokens: trained in the run.
        power_watts: sum over devices; None unless every device that computes has a sensor.
        devices: names, each once, with how many engines lend it.
        troubles: what failed and is tried again: a device that another program holds, a coordinator out of reach.
    inner_steps, inner_steps_total: of the assignments under way, so that something moves between versions.
    """

    phase: str
    loss_unit: str
    version: int | None
    evaluations: tuple[tuple[int, int], ...]
    training_loss_micro: int | None
    tokens_per_s: float | None
    run_tokens: int
    bytes_up: int
    bytes_down: int
    power_watts: float | None
    credit_micro: int
    receipts: int
    outbox: int
    closed: bool
    devices: tuple[tuple[str, int], ...]
    inner_steps: int
    inner_steps_total: int
    waiting: tuple[Waiting, ...]
    troubles: tuple[ErrorSnapshot, ...]


def trial_view(snapshots: Sequence[Snapshot], run: str) -> TrialView:
    """The view of the run with digest `run` over the engines' latest snapshots."""
    runs = [each for snapshot in snapshots for each in snapshot.runs if each.run == run]
    devices = [device for snapshot in snapshots for device in snapshot.devices]
    newest = max(runs, key=lambda each: (each.run_tokens, each.version_latest or 0), default=None)
    speeds = [device.tokens_per_s for device in devices if device.tokens_per_s is not None]
    losses = [work.loss_micro for work in _current(devices) if work.loss_micro is not None]
    waiting = _waiting(devices)
    return TrialView(
        phase=_phase(runs, devices, waiting),
        loss_unit=newest.loss_unit if newest else "",
        version=max((each.version for each in runs if each.version is not None), default=None),
        evaluations=tuple((each.version, each.loss_micro) for each in newest.evaluations) if newest else (),
        training_loss_micro=round(sum(losses) / len(losses)) if losses else None,
        tokens_per_s=sum(speeds) if speeds else None,
        run_tokens=newest.run_tokens if newest else 0,
        bytes_up=sum(each.connection.bytes_up for each in runs),
        bytes_down=sum(each.connection.bytes_down for each in runs),
        power_watts=_power(devices),
        credit_micro=sum(each.credit_micro for each in runs),
        receipts=sum(each.receipts for each in runs),
        outbox=sum(each.outbox for each in runs),
        closed=any(each.state == "closed" for each in runs),
        devices=_names(devices),
        inner_steps=sum(work.inner_steps for work in _current(devices)),
        inner_steps_total=sum(work.inner_steps_total for work in _current(devices)),
        waiting=waiting,
        troubles=_troubles(runs, devices),
    )


def _phase(runs: Sequence[RunSnapshot], devices: Sequence[DeviceSnapshot], waiting: Sequence[Waiting]) -> str:
    if any(device.worker == "training" for device in devices):
        return "trial.training"
    held_up = [device for device in devices if device.error is not None and device.worker in ("none", "failed")]
    if devices and len(waiting) + len(held_up) >= len(devices):
        return "trial.waiting"
    if any(device.worker == "starting" for device in devices):
        return "trial.starting_worker"
    if any(each.connection.state == "connected" for each in runs):
        return "trial.fetching"
    return "trial.connecting"


def _current(devices: Sequence[DeviceSnapshot]) -> list[WorkSnapshot]:
    return [device.current for device in devices if device.current is not None]


def _waiting(devices: Sequence[DeviceSnapshot]) -> tuple[Waiting, ...]:
    return tuple(
        Waiting(device.name, device.decision.reasons[0])
        for device in devices
        if device.decision.compute in ("hold", "stop")
        and device.decision.reasons
        and device.decision.reasons[0].rule not in NO_REASON_TO_WAIT
    )


def _troubles(runs: Sequence[RunSnapshot], devices: Sequence[DeviceSnapshot]) -> tuple[ErrorSnapshot, ...]:
    met = [device.error for device in devices if device.worker in ("none", "failed")]
    met += [run.connection.error for run in runs if run.connection.state != "connected"]
    return tuple(error for error in met if error is not None)


def _power(devices: Sequence[DeviceSnapshot]) -> float | None:
    powers = [device.sensors.power_watts for device in devices if device.worker == "training"]
    known = [power for power in powers if power is not None]
    return sum(known) if known and len(known) == len(powers) else None


def _names(devices: Sequence[DeviceSnapshot]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for device in devices:
        counts[device.name] = counts.get(device.name, 0) + 1
    return tuple(counts.items())
