import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.host.reading import Reading
from sparewatt.policy import Conflict, Lent, Spent, conflicts
from sparewatt.settings.values import Settings, option_at

HERE = Reading("mains", None, None, None, 2, 720, seat=True, idle_s=10.0, locked=False)
CARD = Lent("cuda:GPU-1", "A card", power_sensor=True, temperature_sensor=True, cap_least_watts=60, slowdown_celsius=83)
BARE = Lent("cpu", "A processor", power_sensor=False, temperature_sensor=False)
NOTHING = Spent(0, 0, 0, 0, 0, 0)


def found(
    *changes: tuple[str, str],
    reading: Reading | None = HERE,
    devices: tuple[Lent, ...] = (CARD,),
    spent: Spent | None = NOTHING,
) -> list[Conflict]:
    settings = Settings()
    for address, text in changes:
        settings = settings.changed(address, text)
    return list(conflicts(settings, reading, devices, spent))


def test_defaults_on_a_usual_computer_are_in_no_conflict() -> None:
    assert found(devices=(CARD, BARE)) == []
    assert found(reading=None, devices=(), spent=None) == []


@pytest.mark.parametrize(
    ("changes", "conflict", "setting"),
    [
        ([("device_use", "never")], "devices_off", "device_use"),
        ([("device_use", "always"), ("when_to_run", "never")], "always_but_never", "when_to_run"),
        ([("power_cap_watts", "59")], "cap_below_least", "power_cap_watts@cuda:GPU-1"),
        (
            [("temperature_limit_celsius", "83")],
            "limit_above_slowdown",
            "temperature_limit_celsius@cuda:GPU-1",
        ),
        ([("money_budget_per_month", "5")], "budget_without_price", "power_price_ct_per_kwh"),
        ([("cheap_price_ct_per_kwh", "5")], "cheap_without_price", "power_price_ct_per_kwh"),
        (
            [("power_price_ct_per_kwh", "30"), ("cheap_price_ct_per_kwh", "31")],
            "cheap_is_dearer",
            "cheap_price_ct_per_kwh",
        ),
        ([("when_to_run", "always"), ("hours", "mo 1:00-2:00")], "hours_ignored", "when_to_run"),
        ([("wait_for_cheap_power", "on"), ("hours", "mo-su 7:00-21:00")], "cheap_never_open", "hours"),
    ],
)
def test_each_conflict_names_the_setting_that_resolves_it(
    changes: list[tuple[str, str]], conflict: str, setting: str
) -> None:
    assert [(each.conflict, each.setting) for each in found(*changes)] == [(conflict, setting)]


def test_a_cap_at_the_least_and_a_limit_below_the_slowdown_can_be_kept() -> None:
    assert found(("power_cap_watts", "60"), ("temperature_limit_celsius", "82")) == []


def test_a_cap_needs_a_power_sensor() -> None:
    (one,) = found(("power_cap_watts", "60"), devices=(BARE,))
    assert (one.conflict, one.setting) == ("cap_without_sensor", "speed_limit_percent@cpu")


def test_limits_of_a_device_that_is_not_lent_do_not_matter() -> None:
    assert found(("power_cap_watts", "60"), ("device_use@cpu", "never"), devices=(CARD, BARE)) == []


def test_a_computer_that_sleeps_before_the_person_counts_as_away_never_computes() -> None:
    sleeps = msgspec.structs.replace(HERE, sleep_after_s=180.0)
    (one,) = found(reading=sleeps)
    assert (one.conflict, one.parameters) == ("sleeps_before_away", {"sleep_s": 180, "minutes": 3})
    assert found(("idle_minutes", "2"), reading=sleeps) == []
    assert found(("when_to_run", "hours"), reading=sleeps) == []
    assert found(("device_use", "always"), reading=sleeps) == []


def test_waiting_until_away_needs_a_way_to_know() -> None:
    unknown = msgspec.structs.replace(HERE, idle_s=None, idle_source="no_display")
    (one,) = found(reading=unknown)
    assert (one.conflict, one.parameters) == ("away_unknown", {"cause": "no_display"})
    assert found(reading=msgspec.structs.replace(unknown, seat=False)) == []


@pytest.mark.parametrize(
    ("setting", "spent"),
    [
        ("energy_budget_kwh_per_month", Spent(5000, 0, 0, 0, 0, 0)),
        ("data_budget_gb_per_month", Spent(0, 0, 5 * 10**9, 0, 0, 0)),
    ],
)
def test_a_budget_that_is_used_up_already_is_said(setting: str, spent: Spent) -> None:
    (one,) = found((setting, "5"), spent=spent)
    assert one.setting == setting
    assert found((setting, "6"), spent=spent) == []


def test_energy_is_not_counted_without_a_sensor_and_that_is_said() -> None:
    (one,) = found(("energy_budget_kwh_per_month", "5"), devices=(CARD, BARE))
    assert (one.conflict, one.parameters) == ("budget_without_sensor", {"name": "A processor"})


@given(
    st.lists(
        st.sampled_from(
            [
                ("when_to_run", "never"), ("when_to_run", "always"), ("hours", "mo 1:00-2:00"),
                ("wait_for_cheap_power", "on"), ("power_cap_watts", "1"), ("temperature_limit_celsius", "100"),
                ("energy_budget_kwh_per_month", "1"), ("money_budget_per_month", "1"), ("device_use", "always"),
            ]
        ),
        max_size=6,
    )
)  # fmt: skip
def test_every_conflict_names_a_setting_that_exists(changes: list[tuple[str, str]]) -> None:
    for each in found(*changes, devices=(CARD, BARE), spent=Spent(9999, 10**9, 10**12, 0, 0, 0)):
        option_at(each.setting)
