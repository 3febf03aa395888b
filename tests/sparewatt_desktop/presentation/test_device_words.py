"""Everything that is known of a device, and why the rest is not."""

import pytest

from sparewatt.snapshot import ErrorSnapshot, LimitsSnapshot, SensingSnapshot, SensorSnapshot
from sparewatt_desktop.presentation.device_words import (
    freshness_words,
    kind_words,
    limit_rows,
    sensing_words,
    sensor_rows,
    work_rows,
)
from sparewatt_desktop.testing.examples import card, processor, snapshot


def test_every_sensor_has_its_value_and_unit() -> None:
    assert {fact.name: fact.value for fact in sensor_rows(card())} == {
        "Power now": "183 W",
        "Power, mean of a minute": "174 W",
        "Temperature": "66 °C",
        "Fan": "43 %",
        "In use": "97 %",
        "Memory in use": "7.3 GB",
        "Left until it slows itself down": "17 K",
    }


def test_a_missing_sensor_says_why_once() -> None:
    missing = {"power": "sensor.nvidia_absent"}
    rows = sensor_rows(processor(sensors=SensorSnapshot(None, 41.0, 6.0, None, 2.0, missing=missing)))
    power = [fact for fact in rows if fact.name.startswith("Power")]
    assert [fact.value for fact in power] == ["not known", "not known"]
    assert [bool(fact.note) for fact in power] == [True, False]
    assert power[0].note == "No NVIDIA driver was found. Install one if this computer has an NVIDIA card."


def test_limits_that_cannot_be_kept_are_explained() -> None:
    rows = {fact.name: fact for fact in limit_rows(processor())}
    assert rows["Power cap"].value == "cannot be kept"
    assert rows["Power cap"].note == "A cap in watts needs a power sensor; the speed limit holds instead."
    assert rows["Temperature limit"].value == "85 °C"


def test_limits_show_the_device_s_own_bounds_and_conflicts() -> None:
    limits = LimitsSnapshot(80, 95, 200, 72, 83, conflict="cap_too_low")
    rows = {fact.name: fact.value for fact in limit_rows(card(limits=limits))}
    assert rows == {
        "Speed limit": "100 %",
        "Power cap": "80 W",
        "Lowest cap that can be kept": "95 W",
        "The device's own limit": "200 W",
        "Temperature limit": "72 °C",
        "These limits": "do not fit",
    }
    assert {
        fact.name: fact.value for fact in limit_rows(card(limits=LimitsSnapshot(None, None, None, None, None)))
    } == {
        "Speed limit": "100 %",
        "Power cap": "none",
    }


def test_work_is_told_as_far_as_there_is_any() -> None:
    assert [fact.value for fact in work_rows(card())] == [
        "19 of 60 inner steps on version 412",
        "41.3 M tokens since the engine started",
    ]
    assert [fact.name for fact in work_rows(processor())] == ["Trained"]


@pytest.mark.parametrize(
    ("age_s", "words"),
    [
        (None, "Not read yet: sensors rest while nothing computes."),
        (0.4, "Read just now."),
        (300.0, "Last read 5 min ago: sensors rest while nothing computes."),
    ],
)
def test_how_old_values_are(age_s: float | None, words: str) -> None:
    assert freshness_words(card(sensors=SensorSnapshot(None, None, None, None, age_s))) == words


def test_the_sensors_own_trouble_is_told() -> None:
    error = ErrorSnapshot("sensor.nvidia_timeout", {}, None)
    assert sensing_words(snapshot(sensing=SensingSnapshot("failed", error))).startswith(
        "The NVIDIA driver did not answer"
    )
    assert sensing_words(snapshot(sensing=SensingSnapshot("starting", None))).startswith("Looking for devices")
    assert sensing_words(snapshot()) == ""


def test_every_kind_of_device_has_words() -> None:
    kinds = ("cpu", "cuda", "rocm", "xpu", "metal")
    assert len({kind_words(card(kind=kind)) for kind in kinds} - set(kinds)) == len(kinds)
    assert kind_words(card(kind="abacus")) == "abacus"


def test_a_model_that_is_not_compiled_says_why() -> None:
    why = ErrorSnapshot("compile.power_cap", {"cap_watts": 60}, None)
    (fact,) = (fact for fact in work_rows(processor(uncompiled=why)) if fact.name == "Compiled models")
    assert fact.value == "not on this device"
    assert fact.note.startswith("Nothing can keep a compiler below your cap of 60 W")
    assert "Compiled models" not in [fact.name for fact in work_rows(processor())]
