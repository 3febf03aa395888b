"""Snapshots as an engine would make them: of a home computer with one graphics card, and of one that only has a
processor and is in the middle of its work."""

from typing import Literal

import msgspec

from sparewatt.snapshot import (
    Compute,
    ComputerSnapshot,
    ConnectionSnapshot,
    DecisionSnapshot,
    DeviceSnapshot,
    EnergySnapshot,
    ErrorSnapshot,
    EvaluationSnapshot,
    LimitsSnapshot,
    ReasonSnapshot,
    RunSnapshot,
    SensingSnapshot,
    SensorSnapshot,
    Snapshot,
    WorkSnapshot,
)

RUN = "ab" * 32
CARD = "cuda:GPU-1b2c"
STARTED_UNIX_S = 1_795_000_000
NOW_UNIX_S = STARTED_UNIX_S + 7_200
FREE = DecisionSnapshot("full", "allowed", ())


def reason(
    rule: str, *, until_unix_s: int | None = None, setting: str | None = None, **parameters: str | int
) -> ReasonSnapshot:
    return ReasonSnapshot(rule, parameters, until_unix_s, setting)


def held(*reasons: ReasonSnapshot, compute: Compute = "stop") -> DecisionSnapshot:
    """A decision that holds a device back for these reasons."""
    return DecisionSnapshot(compute, "essential", reasons)


def card(
    *,
    worker: Literal["none", "starting", "ready", "training", "stopping", "failed"] = "training",
    decision: DecisionSnapshot = FREE,
    limit_reason: Literal["speed_limit", "power", "temperature"] | None = None,
    duty_percent: int = 97,
    power_watts: float = 104.0,
    error: ErrorSnapshot | None = None,
) -> DeviceSnapshot:
    """A graphics card that draws what it may, or rests."""
    training = worker == "training"
    work = WorkSnapshot("0" * 32, RUN, 41, "training", 18, 30, 147_456, 2_412_000, 1_000_000)
    return DeviceSnapshot(
        device=CARD,
        kind="cuda",
        name="NVIDIA GeForce RTX 3060",
        worker=worker,
        decision=decision,
        duty_percent=duty_percent if training else 0,
        speed_limit_percent=100,
        limit_reason=limit_reason,
        sensors=SensorSnapshot(power_watts, 66.0, 96.0, 5_200_000_000, 0.4, power_watts, 41.0, 17.0)
        if training
        else SensorSnapshot(None, None, None, None, None),
        current=work if training else None,
        next=None,
        tokens_per_s=18_400.0 if training else None,
        tokens=9_830_400,
        error=error,
        limits=LimitsSnapshot(120, 60, 170, 75, 83),
    )


def processor(worker: Literal["none", "training"] = "none") -> DeviceSnapshot:
    """A processor, whose power nobody can read."""
    return DeviceSnapshot(
        device="cpu",
        kind="cpu",
        name="AMD Ryzen 5 5600",
        worker=worker,
        decision=held(reason("device_off", setting="device_use")) if worker == "none" else FREE,
        duty_percent=0 if worker == "none" else 50,
        speed_limit_percent=50,
        limit_reason=None if worker == "none" else "speed_limit",
        sensors=SensorSnapshot(None, None, None, None, 1.0 if worker == "training" else None, missing={}),
        current=None,
        next=None,
        tokens_per_s=None if worker == "none" else 640.0,
        tokens=0,
        error=None,
        limits=LimitsSnapshot(None, None, None, None, None),
    )


def run(
    *,
    name: str = RUN,
    title: str = "Tales for everyone",
    connection: ConnectionSnapshot | None = None,
    state: Literal["open", "stalled", "closed"] = "open",
    words: str = "",
    outbox: int = 0,
) -> RunSnapshot:
    """A run that goes well."""
    losses = (5_545_177, 3_910_000, 3_214_000, 2_871_000, 2_702_000, 2_611_000, 2_548_000, 2_503_000, 2_471_000)
    return RunSnapshot(
        run=name,
        title=title,
        purpose="A small language model that tells stories to children, in the open from data to weights.",
        organiser="Library of Ulm",
        licence="CC-BY-4.0",
        validation="unaudited",
        loss_unit="nats_per_byte",
        state=state,
        words=words,
        connection=connection
        or ConnectionSnapshot("connected", "wss://run.example:7520", None, 48_000_000, 310_000_000),
        trust="trusted",
        version=41,
        version_latest=41,
        evaluations=tuple(EvaluationSnapshot(5 * place, loss, 65_536) for place, loss in enumerate(losses)),
        run_tokens=412_000_000,
        outbox=outbox,
        updates_accepted=312,
        updates_refused=1,
        tokens_accepted=76_677_120,
        credit_micro=18_402_000,
        receipts=312,
        download_bytes=310_000_000,
        work_refused=None,
        credit_today_micro=1_204_000,
        disk_bytes=1_240_000_000,
        encrypted=True,
    )


def home(
    devices: tuple[DeviceSnapshot, ...] | None = None,
    runs: tuple[RunSnapshot, ...] | None = None,
    **changes: object,
) -> Snapshot:
    """The whole of an engine; `changes` are fields of `Snapshot`."""
    snapshot = Snapshot(
        engine_version="0.1.0",
        pid=4_242,
        sequence=1,
        taken_unix_s=NOW_UNIX_S,
        started_unix_s=STARTED_UNIX_S,
        data_folder="sparewatt",
        phase="running",
        paused_until_unix_s=None,
        settings_revision=7,
        key_store="keyring",
        isolation="full",
        sensing=SensingSnapshot("running", None),
        devices=(card(),) if devices is None else devices,
        runs=(run(),) if runs is None else runs,
        energy=EnergySnapshot(
            watt_hours_today=660.0,
            watt_hours_month=15_300.0,
            cost_micro_today=211_000,
            cost_micro_month=4_896_000,
            currency="EUR",
            carbon_grams_month=7_191.0,
            tokens_month=6_700_000_000,
            estimated=True,
            unmeasured_s_month=9_000.0,
            network_bytes_month=8_300_000_000,
            disk_bytes_today=1_900_000_000,
        ),
        computer=ComputerSnapshot("mains", None, 9_000_000_000, 120_000_000_000, True, 900.0, "screensaver", False),
    )
    return msgspec.structs.replace(snapshot, **changes)


def busy_processor(
    device: str = "cpu",
    *,
    worker: str = "training",
    compute: Compute = "full",
    rules: tuple[str, ...] = (),
    tokens_per_s: float | None = 1_000.0,
    power_watts: float | None = None,
    loss_micro: int | None = 3_000_000,
    error: ErrorSnapshot | None = None,
) -> DeviceSnapshot:
    """A device that trains, with `rules` as the reasons of its decision."""
    work = WorkSnapshot("0" * 32, RUN, 3, "training", 12, 30, 12_288, loss_micro, 1_000_000)
    return msgspec.structs.replace(
        processor("training"),
        device=device,
        kind=device.partition(":")[0],
        name="A processor",
        worker=worker,
        decision=DecisionSnapshot(compute, "allowed", tuple(reason(rule) for rule in rules)),
        duty_percent=100,
        speed_limit_percent=100,
        limit_reason=None,
        sensors=SensorSnapshot(power_watts, None, None, None, 0.5),
        current=work if worker == "training" else None,
        tokens_per_s=tokens_per_s,
        tokens=12_288,
        error=error,
    )


def young_run(
    name: str = RUN,
    *,
    title: str = "A run",
    version: int | None = 3,
    losses: tuple[tuple[int, int], ...] = ((0, 5_545_177), (3, 3_210_000)),
    run_tokens: int = 98_304,
    receipts: int = 3,
    outbox: int = 0,
    state: Literal["open", "stalled", "closed"] = "open",
) -> RunSnapshot:
    """A run after its first versions, on this computer."""
    here = ConnectionSnapshot("connected", "ws://127.0.0.1:7520", None, 1_200_000, 3_400_000)
    return msgspec.structs.replace(
        run(name=name, title=title, connection=here, state=state, outbox=outbox),
        purpose="to see it work",
        organiser="Somebody",
        licence="CC0-1.0",
        version=version,
        version_latest=version,
        evaluations=tuple(EvaluationSnapshot(number, loss, 16_384) for number, loss in losses),
        run_tokens=run_tokens,
        updates_accepted=receipts,
        updates_refused=0,
        tokens_accepted=run_tokens,
        credit_micro=1_234,
        receipts=receipts,
        download_bytes=1_000_000,
    )


def busy(
    devices: tuple[DeviceSnapshot, ...] = (busy_processor(),),
    runs: tuple[RunSnapshot, ...] = (young_run(),),
    **changes: object,
) -> Snapshot:
    """The whole of an engine with one processor and one run, which nothing isolates; `changes` are fields."""
    plain = home(devices, runs, key_store="file", isolation="none", computer=None)
    return msgspec.structs.replace(plain, **changes)
