"""States as an engine would tell them, for tests and for the pictures of pages."""

import msgspec

from sparewatt.signing import Signed, canonical
from sparewatt.snapshot import (
    ConnectionSnapshot,
    DecisionSnapshot,
    DeviceSnapshot,
    EvaluationSnapshot,
    LimitsSnapshot,
    ReasonSnapshot,
    RunSnapshot,
    SensingSnapshot,
    SensorSnapshot,
    Snapshot,
    WorkSnapshot,
)
from sparewatt.work.receipt import RECEIPT_KIND, Receipt

RUN = "ab" * 32
NOW_UNIX_S = 1_795_000_000
CARD = "cuda:GPU-5c1f"

FREE = DecisionSnapshot("full", "allowed", ())
PAUSED = DecisionSnapshot("stop", "essential", (ReasonSnapshot("paused", {}, NOW_UNIX_S + 900, None),))


def card(**changes: object) -> DeviceSnapshot:
    """A graphics card that trains under a cap of 180 W."""
    device = DeviceSnapshot(
        device=CARD,
        kind="cuda",
        name="NVIDIA GeForce RTX 4070",
        worker="training",
        decision=FREE,
        duty_percent=78,
        speed_limit_percent=100,
        limit_reason="power",
        sensors=SensorSnapshot(
            power_watts=183.0,
            temperature_celsius=66.0,
            utilisation_percent=97.0,
            memory_used_bytes=7_340_000_000,
            age_s=0.4,
            power_mean_watts=174.2,
            fan_percent=43.0,
            margin_kelvin=17.0,
        ),
        current=WorkSnapshot("0" * 32, RUN, 412, "training", 19, 60, 311_296, 3_121_000, 400_000),
        next=None,
        tokens_per_s=18_400.0,
        tokens=41_300_000,
        error=None,
        limits=LimitsSnapshot(180, 95, 200, 72, 83),
    )
    return msgspec.structs.replace(device, **changes)


def processor(**changes: object) -> DeviceSnapshot:
    """A processor without a power sensor, held back by a rule."""
    device = DeviceSnapshot(
        device="cpu",
        kind="cpu",
        name="AMD Ryzen 7 5800X (7 threads)",
        worker="none",
        decision=DecisionSnapshot(
            "stop",
            "allowed",
            (ReasonSnapshot("outside_hours", {"hours": "mo-fr 22:00-07:00"}, NOW_UNIX_S + 7_500, "hours"),),
        ),
        duty_percent=0,
        speed_limit_percent=50,
        limit_reason=None,
        sensors=SensorSnapshot(None, 41.0, 6.0, None, 2.0, missing={"power": "device.absent"}),
        current=None,
        next=None,
        tokens_per_s=None,
        tokens=0,
        error=None,
        limits=LimitsSnapshot(None, None, None, 85, None),
    )
    return msgspec.structs.replace(device, **changes)


def run(**changes: object) -> RunSnapshot:
    """A joined run some hundred versions old."""
    losses = [5_545_177 - round(2_600_000 * (1 - 0.985**number)) for number in range(0, 413, 4)]
    made = RunSnapshot(
        run=RUN,
        title="Open stories in small languages",
        purpose="A small model that writes plain stories in Sorbian, Frisian and Romansh, free for schools.",
        organiser="Workshop for Small Languages",
        licence="Apache-2.0",
        validation="unaudited",
        loss_unit="nats_per_byte",
        state="open",
        words="",
        connection=ConnectionSnapshot("connected", "wss://train.example:7520", None, 412_000_000, 1_930_000_000),
        trust="trusted",
        version=412,
        version_latest=412,
        evaluations=tuple(EvaluationSnapshot(4 * place, loss, 262_144) for place, loss in enumerate(losses)),
        run_tokens=3_410_000_000,
        outbox=0,
        updates_accepted=131,
        updates_refused=0,
        tokens_accepted=41_300_000,
        credit_micro=31_412_800,
        receipts=131,
        download_bytes=1_930_000_000,
        work_refused=None,
        credit_today_micro=2_310_400,
        disk_bytes=2_410_000_000,
        encrypted=True,
    )
    return msgspec.structs.replace(made, **changes)


def snapshot(**changes: object) -> Snapshot:
    """A computer with a card that trains and a processor that waits for its hours."""
    whole = Snapshot(
        engine_version="0.1.0",
        pid=1,
        sequence=1,
        taken_unix_s=NOW_UNIX_S,
        started_unix_s=NOW_UNIX_S - 7_200,
        data_folder="data",
        phase="running",
        paused_until_unix_s=None,
        settings_revision=0,
        key_store="keyring",
        isolation="full",
        sensing=SensingSnapshot("running", None),
        devices=(card(), processor()),
        runs=(run(),),
    )
    return msgspec.structs.replace(whole, **changes)


def receipt(number: int, **changes: object) -> Receipt:
    """The receipt of the assignment with this number, the later the greater."""
    made = Receipt(
        run=RUN,
        contributor="c" * 64,
        device="d" * 32,
        assignment_id=f"{number:032x}",
        update="e" * 64,
        tokens=311_296,
        credit_micro=239_800,
        state="pending",
        round=280 + number,
        merged="yes",
        accepted_at_s=NOW_UNIX_S - 200_000 + 1_500 * number,
        sequence=number + 1,
    )
    return msgspec.structs.replace(made, **changes)


def signed(stated: Receipt) -> Signed:
    """`stated` as a coordinator sends it; the signature is none, for no screen checks it."""
    return Signed(kind=RECEIPT_KIND, body=canonical(stated).decode(), key="f" * 64, signature="0" * 128)
