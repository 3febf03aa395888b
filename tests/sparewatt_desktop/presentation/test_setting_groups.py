"""Settings are found where a person looks for them."""

import pytest

from sparewatt.control.messages import SettingValue
from sparewatt.settings.schema import BY_KEY, OPTIONS
from sparewatt_desktop.presentation.setting_groups import (
    GROUP_OF,
    GROUPS,
    device_of,
    group_words,
    grouped,
    matches_search,
    option_key,
)


def line(key: str) -> SettingValue:
    return SettingValue(key, "", "", "computer")


def test_every_option_has_a_group_and_every_entry_an_option() -> None:
    assert GROUP_OF.keys() == BY_KEY.keys()


def test_every_group_has_a_heading_of_its_own() -> None:
    assert len({group_words(group) for group in GROUPS}) == len(GROUPS)


def test_groups_come_in_their_order_and_devices_after_what_is_the_computer_s() -> None:
    lines = [line("speed_limit_percent@cpu"), line("start_at_logon"), line("cpu_threads"), line("hours")]
    shown = grouped(lines)
    assert [group.group for group in shown] == ["when", "how_hard", "start"]
    assert [(part.device, [each.key for each in part.lines]) for part in shown[1].parts] == [
        (None, ["cpu_threads"]),
        ("cpu", ["speed_limit_percent@cpu"]),
    ]


def test_a_setting_of_another_version_is_left_out() -> None:
    assert grouped([line("of_the_future")]) == ()


def test_an_address_is_a_key_and_perhaps_a_device() -> None:
    assert option_key("power_cap_watts@cuda:GPU-1") == "power_cap_watts"
    assert device_of("power_cap_watts@cuda:GPU-1") == "cuda:GPU-1"
    assert device_of("hours") is None


@pytest.mark.parametrize("search", ["", "battery", "RUN on", "power battery", "run_on_battery"])
def test_a_search_looks_at_names_help_and_groups(search: str) -> None:
    assert matches_search(line("run_on_battery"), search)
    assert not matches_search(line("run_on_battery"), search + " giraffe")


def test_each_option_is_found_by_its_own_label() -> None:
    assert all(matches_search(line(option.key), option.label) for option in OPTIONS)
