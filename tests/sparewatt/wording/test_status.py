import msgspec
import pytest

from sparewatt.snapshot import (
    ComputerSnapshot,
    ConnectionSnapshot,
    DecisionSnapshot,
    DeviceSnapshot,
    ErrorSnapshot,
    LimitsSnapshot,
    ReasonSnapshot,
    RunSnapshot,
    SensingSnapshot,
    SensorSnapshot,
    Snapshot,
)
from sparewatt.wording.sensors import REASONS
from sparewatt.wording.status import idle_sentence, limits_sentence, state_sentence

FREE = DecisionSnapshot("full", "allowed", ())
DEVICE = DeviceSnapshot(
    device="cpu",
    kind="cpu",
    name="Processor",
    worker="none",
    decision=FREE,
    duty_percent=100,
    speed_limit_percent=100,
    limit_reason=None,
    sensors=SensorSnapshot(None, None, None, None, None),
    current=None,
    next=None,
    tokens_per_s=None,
    tokens=0,
    error=None,
)
RUN = RunSnapshot(
    run="0" * 64,
    title="A run",
    purpose="",
    organiser="",
    licence="",
    validation="unaudited",
    loss_unit="nats_per_token",
    state="open",
    words="",
    connection=ConnectionSnapshot("connected", "", None, 0, 0),
    trust=None,
    version=None,
    version_latest=None,
    evaluations=(),
    run_tokens=0,
    outbox=0,
    updates_accepted=0,
    updates_refused=0,
    tokens_accepted=0,
    credit_micro=0,
    receipts=0,
    download_bytes=0,
    work_refused=None,
)
ALL = Snapshot(
    engine_version="0.1.0",
    pid=1,
    sequence=0,
    taken_unix_s=1000,
    started_unix_s=0,
    data_folder="/data",
    phase="running",
    paused_until_unix_s=None,
    settings_revision=0,
    key_store="file",
    isolation="none",
    sensing=SensingSnapshot("off", None),
    devices=(DEVICE,),
    runs=(RUN,),
)


def device(**changes: object) -> Snapshot:
    return msgspec.structs.replace(ALL, devices=(msgspec.structs.replace(DEVICE, **changes),))


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (msgspec.structs.replace(ALL, phase="starting"), "Starting."),
        (msgspec.structs.replace(ALL, runs=()), "No run is joined yet."),
        (msgspec.structs.replace(ALL, devices=()), "Looking for devices."),
        (device(), "Processor is waiting for work."),
        (device(worker="training"), "Training on Processor."),
        (
            device(worker="training", duty_percent=62, limit_reason="speed_limit"),
            "Training on Processor at 62 % of its time, your speed limit.",
        ),
        (
            device(error=ErrorSnapshot("device.absent", {"kind": "cuda"}, None)),
            "This computer has no cuda device that Sparewatt can use. Check the driver.",
        ),
    ],
)
def test_the_state_is_one_sentence(snapshot: Snapshot, words: str) -> None:
    assert state_sentence(snapshot) == words


def test_a_pause_says_how_long_it_lasts() -> None:
    reason = ReasonSnapshot("paused", {}, 1900, None)
    paused = device(decision=DecisionSnapshot("stop", "essential", (reason,)))
    assert state_sentence(paused) == "Paused by you. It ends in 15 min."


def test_the_best_device_speaks_for_the_computer() -> None:
    idle = msgspec.structs.replace(DEVICE, name="Idle")
    busy = msgspec.structs.replace(DEVICE, name="Busy", worker="training")
    assert state_sentence(msgspec.structs.replace(ALL, devices=(idle, busy))) == "Training on Busy."
    assert state_sentence(msgspec.structs.replace(ALL, devices=(busy, busy))) == "Training on 2 devices."


def test_limits_are_told_with_what_they_are_held_against() -> None:
    bare = limits_sentence(DEVICE)
    assert bare == "Limits: speed limit 100 %."
    limits = LimitsSnapshot(200, 60, 320, 75, 83)
    sensors = SensorSnapshot(190.0, 60.0, None, None, 0.1, power_mean_watts=184.6)
    card = msgspec.structs.replace(DEVICE, limits=limits, sensors=sensors)
    assert limits_sentence(card) == (
        "Limits: speed limit 100 %, cap 200 W (mean of a minute 185 W), temperature limit 75 °C."
    )


@pytest.mark.parametrize(
    ("seat", "idle_s", "words"),
    [
        (True, 5.0, "Somebody is using the computer."),
        (True, 300.0, "Mouse and keyboard have rested for 5 min."),
        (False, None, "This computer has no screen and keyboard of its own, so nobody is waited for."),
        (None, None, REASONS["no_display"]),
    ],
)
def test_idle_time_is_told_or_why_it_is_not_known(seat: bool | None, idle_s: float | None, words: str) -> None:
    computer = ComputerSnapshot("mains", None, None, None, seat, idle_s, "no_display", None)
    assert idle_sentence(computer) == words
