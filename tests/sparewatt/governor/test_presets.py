from sparewatt.governor import Learnt
from sparewatt.governor.presets import PresetFacts, presets

CARD = PresetFacts(has_power=True, has_temperature=True, power_limit_watts=320, temperature_most_celsius=83)


def test_they_come_from_what_was_measured() -> None:
    quiet, balanced, full = presets(CARD, Learnt(full_watts=300.0))
    assert (quiet.power_cap_watts, balanced.power_cap_watts, full.power_cap_watts) == (135, 210, None)
    assert (quiet.temperature_limit_celsius, balanced.temperature_limit_celsius, full.temperature_limit_celsius) == (
        65,
        75,
        83,
    )
    assert {each.speed_limit_percent for each in (quiet, balanced, full)} == {100}
    assert quiet.basis == "measured"


def test_before_that_from_the_devices_own_limit() -> None:
    quiet, *_ = presets(CARD, Learnt())
    assert (quiet.power_cap_watts, quiet.basis) == (145, "device_limit")


def test_a_fan_that_was_heard_lowers_the_quiet_temperature() -> None:
    quiet, *_ = presets(CARD, Learnt(fan_percent=60.0, fan_celsius=70.0))
    assert quiet.temperature_limit_celsius == 60
    slow, *_ = presets(CARD, Learnt(fan_percent=30.0, fan_celsius=70.0))
    assert slow.temperature_limit_celsius == 65


def test_a_cap_is_never_below_the_least_nor_a_temperature_above_the_most() -> None:
    facts = PresetFacts(True, True, 320, least_cap_watts=180, temperature_most_celsius=70)
    quiet, balanced, full = presets(facts, Learnt(full_watts=300.0))
    assert quiet.power_cap_watts == 180
    assert (balanced.temperature_limit_celsius, full.temperature_limit_celsius) == (70, 70)


def test_a_device_without_sensors_gets_speeds() -> None:
    found = presets(PresetFacts(False, False), Learnt())
    assert [(each.power_cap_watts, each.temperature_limit_celsius, each.speed_limit_percent) for each in found] == [
        (None, None, 40),
        (None, None, 70),
        (None, None, 100),
    ]
