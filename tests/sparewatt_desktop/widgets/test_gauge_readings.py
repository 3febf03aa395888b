"""What a gauge says, and when."""

from sparewatt.snapshot import LimitsSnapshot, SensorSnapshot
from sparewatt_desktop.testing.examples import card, processor
from sparewatt_desktop.widgets.gauge_readings import power_gauge, speed_gauge, temperature_gauge

NOTHING = LimitsSnapshot(None, None, None, None, None)


def sensors(**values: object) -> SensorSnapshot:
    known: dict[str, object] = {
        "power_watts": None, "temperature_celsius": None, "utilisation_percent": None, "memory_used_bytes": None,
        "age_s": 0.5,
    } | values  # fmt: skip
    return SensorSnapshot(**known)  # type: ignore[arg-type]  # fields by name


def test_power_is_the_mean_of_a_minute_against_the_cap() -> None:
    reading = power_gauge(card(sensors=sensors(power_watts=250.0, power_mean_watts=90.0)))
    assert (reading.value, reading.limit, reading.share, reading.state) == (
        "90 W", "of 180 W, mean of a minute", 0.5, "calm",
    )  # fmt: skip
    assert reading.spoken == "Power, 90 W, of 180 W, mean of a minute"


def test_at_and_over_a_limit_are_told_in_words() -> None:
    at, over = (power_gauge(card(sensors=sensors(power_mean_watts=watts))) for watts in (176.0, 190.0))
    assert (at.state, at.note) == ("near", "At your cap.")
    assert (over.state, over.note) == ("over", "Over your cap.")
    hot = temperature_gauge(card(sensors=sensors(temperature_celsius=80.0)))
    assert (hot.state, hot.note) == ("over", "Over your limit.")


def test_without_a_cap_the_device_s_own_limit_is_the_measure() -> None:
    reading = power_gauge(card(limits=LimitsSnapshot(None, None, 200, None, None), sensors=sensors(power_watts=100.0)))
    assert (reading.share, reading.state) == (0.5, "unlimited")
    assert reading.limit == "no cap; the device itself goes up to 200 W"
    assert power_gauge(card(limits=NOTHING)).share is None
    assert temperature_gauge(card(limits=NOTHING)).limit == "no limit"


def test_a_sensor_that_is_missing_is_told_in_one_sentence() -> None:
    bare = sensors(power_watts=None, power_mean_watts=None, missing={"power": "sensor.cpu_power"})
    note = power_gauge(card(sensors=bare)).note
    assert note == "This system shows no power of the processor, so a speed limit is kept instead of a power cap."


def test_unknown_is_never_nought() -> None:
    reading = power_gauge(processor(sensors=sensors(missing={"power": "sensor.nvidia_absent"})))
    assert (reading.value, reading.share, reading.state) == ("not known", None, "unknown")
    assert reading.note.startswith("No NVIDIA driver was found.")
    assert power_gauge(processor(sensors=sensors())).note == "This device does not tell it."


def test_a_value_that_is_old_is_not_shown_as_one_of_now() -> None:
    resting = power_gauge(card(sensors=sensors(power_watts=100.0, age_s=None)))
    assert (resting.value, resting.note) == ("not known", "Sensors rest while nothing computes.")
    old = temperature_gauge(card(sensors=sensors(temperature_celsius=60.0, age_s=70.0)))
    assert (old.value, old.note) == ("not known", "Last read 2 min ago.")


def test_speed_is_of_a_device_that_trains() -> None:
    assert speed_gauge(card()).value == "18.4 k tokens/s"
    assert speed_gauge(card(duty_percent=50)).share == 0.5
    assert speed_gauge(card(tokens_per_s=None)).value == "measuring"
    waiting = speed_gauge(processor())
    assert (waiting.value, waiting.state) == ("not training", "unknown")
