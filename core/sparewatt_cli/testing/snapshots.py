"""Snapshots as an engine would make them, with every field that a test does not care about filled in."""

from sparewatt.snapshot import (
    Compute,
    ConnectionSnapshot,
    DecisionSnapshot,
    DeviceSnapshot,
    ErrorSnapshot,
    EvaluationSnapshot,
    ReasonSnapshot,
    RunSnapshot,
    SensingSnapshot,
    SensorSnapshot,
    Snapshot,
    WorkSnapshot,
)

RUN = "ab" * 32
STARTED_UNIX_S = 1_795_000_000


def device_snapshot(
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
    reasons = tuple(ReasonSnapshot(rule, {}, None, None) for rule in rules)
    return DeviceSnapshot(
        device=device,
        kind=device.partition(":")[0],
        name="A processor",
        worker=worker,  # type: ignore[arg-type]  # tests name states as plain text
        decision=DecisionSnapshot(compute, "allowed", reasons),
        duty_percent=100,
        speed_limit_percent=100,
        limit_reason=None,
        sensors=SensorSnapshot(power_watts, None, None, None, 0.5),
        current=work if worker == "training" else None,
        next=None,
        tokens_per_s=tokens_per_s,
        tokens=12_288,
        error=error,
    )


def run_snapshot(
    run: str = RUN,
    *,
    title: str = "A run",
    version: int | None = 3,
    losses: tuple[tuple[int, int], ...] = ((0, 5_545_177), (3, 3_210_000)),
    run_tokens: int = 98_304,
    receipts: int = 3,
    outbox: int = 0,
    state: str = "open",
) -> RunSnapshot:
    """A joined run whose session stands."""
    return RunSnapshot(
        run=run,
        title=title,
        purpose="to see it work",
        organiser="Somebody",
        licence="CC0-1.0",
        validation="unaudited",
        loss_unit="nats_per_byte",
        state=state,  # type: ignore[arg-type]  # tests name states as plain text
        words="",
        connection=ConnectionSnapshot("connected", "ws://127.0.0.1:7520", None, 1_200_000, 3_400_000),
        trust="trusted",
        version=version,
        version_latest=version,
        evaluations=tuple(EvaluationSnapshot(number, loss, 16_384) for number, loss in losses),
        run_tokens=run_tokens,
        outbox=outbox,
        updates_accepted=receipts,
        updates_refused=0,
        tokens_accepted=run_tokens,
        credit_micro=1_234,
        receipts=receipts,
        download_bytes=1_000_000,
        work_refused=None,
    )


def engine_snapshot(
    devices: tuple[DeviceSnapshot, ...] = (device_snapshot(),),
    runs: tuple[RunSnapshot, ...] = (run_snapshot(),),
    *,
    paused_until_unix_s: int | None = None,
    settings_revision: int = 7,
) -> Snapshot:
    """The whole of an engine with one device and one run."""
    return Snapshot(
        engine_version="0.1.0",
        pid=1,
        sequence=1,
        taken_unix_s=STARTED_UNIX_S + 60,
        started_unix_s=STARTED_UNIX_S,
        data_folder="data",
        phase="running",
        paused_until_unix_s=paused_until_unix_s,
        settings_revision=settings_revision,
        key_store="file",
        isolation="none",
        sensing=SensingSnapshot("running", None),
        devices=devices,
        runs=runs,
    )
