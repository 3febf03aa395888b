from dataclasses import replace

import pytest
from msgspec.structs import replace as with_fields

from sparewatt.engine.limits import device_presets, limits_snapshot, missing_sensors
from sparewatt.governor import Pace, pace
from sparewatt.host.device import Device
from sparewatt.host.sample import Sample
from sparewatt.policy import Decision
from sparewatt.snapshot import LimitsSnapshot
from sparewatt.wording.limits import CONFLICTS, conflict_words

CARD = Device("cuda:GPU-1", "cuda", "Card", "gpu-1", None, power_limit_watts=320, slowdown_celsius=90)
DECISION = Decision("cuda:GPU-1", "full", "allowed", (), 100, 10.0, 200, 75)
SAMPLE = Sample("cuda:GPU-1", 10.0, 150.0, "energy", 60.0, margin_kelvin=30.0)


def paced(sample: Sample = SAMPLE, decision: Decision = DECISION) -> Pace:
    return pace(decision, sample, None, 10.0)


def test_limits_are_shown_with_what_the_device_can_keep() -> None:
    assert limits_snapshot(CARD, DECISION, paced()) == LimitsSnapshot(200, None, 320, 75, 80)


def test_before_any_sample_nothing_is_said() -> None:
    assert limits_snapshot(CARD, DECISION, None) == LimitsSnapshot(None, None, None, None, None)
    assert missing_sensors("cuda:GPU-1", None, None) == {}


@pytest.mark.parametrize(
    ("sample", "cap", "limit", "least", "conflict"),
    [
        (with_fields(SAMPLE, power_watts=None), 200, 75, None, "cap_without_sensor"),
        (SAMPLE, 60, 75, 80, "cap_too_low"),
        (SAMPLE, 200, 85, None, "temperature_above_slowdown"),
        (SAMPLE, 400, 75, None, "cap_above_device"),
        (SAMPLE, None, 75, 80, None),
        (with_fields(SAMPLE, power_watts=None), None, 75, None, None),
    ],
)
def test_every_conflict_has_words(
    sample: Sample, cap: int | None, limit: int, least: int | None, conflict: str | None
) -> None:
    decision = replace(DECISION, power_cap_watts=cap, temperature_limit_celsius=limit)
    shown = limits_snapshot(CARD, decision, with_fields(paced(sample, decision), power_least_watts=least))
    assert shown.conflict == conflict
    if conflict is not None:
        numbers = {"power_cap_least_watts": 1, "power_cap_most_watts": 2, "temperature_limit_most_celsius": 3}
        words = conflict_words(conflict, numbers)
        assert words.endswith(".")
        assert "unknown" not in words


def test_a_limit_below_the_temperature_at_rest_is_said() -> None:
    found: Pace | None = None
    decision = replace(DECISION, power_cap_watts=None, temperature_limit_celsius=55)
    for second in range(10, 700):
        now = float(second)
        found = pace(replace(decision, decided_s=now), with_fields(SAMPLE, t=now), found, now)
    assert limits_snapshot(CARD, decision, found).conflict == "temperature_at_rest"
    assert "temperature_at_rest" in CONFLICTS


def test_missing_sensors_are_named() -> None:
    bare = Sample("cpu", 10.0)
    assert missing_sensors("cpu", bare, paced(bare)) == {
        "power": "sensor.power_missing",
        "temperature": "sensor.temperature_missing",
    }
    assert missing_sensors("cuda:GPU-1", SAMPLE, paced()) == {}


def test_a_sensor_is_missing_for_the_reason_that_its_source_tells() -> None:
    told = {"power": "sensor.cpu_power_locked", "temperature": "sensor.cpu_temperature"}
    assert missing_sensors("cpu", Sample("cpu", 10.0, missing=told), paced(Sample("cpu", 10.0))) == told


def test_presets_carry_the_numbers_of_this_device() -> None:
    found = device_presets(CARD, paced())
    quiet, balanced, full = found.presets
    assert (found.device, quiet.name, balanced.name, full.name) == ("cuda:GPU-1", "quiet", "balanced", "full")
    assert (quiet.power_cap_watts, quiet.temperature_limit_celsius, quiet.basis) == (145, 65, "device_limit")
    assert (full.power_cap_watts, full.temperature_limit_celsius, full.speed_limit_percent) == (None, 80, 100)
