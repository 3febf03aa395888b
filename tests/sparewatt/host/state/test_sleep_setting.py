"""When the system sleeps by itself. No GNOME session runs here: its program is played by one that prints the same."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.host.state.sleep_setting import GnomeSleep, SleepSetting, WindowsSleep, gnome_setting
from sparewatt.host.unknown import Unknown

SCHEMA = "org.gnome.settings-daemon.plugins.power"


def listing(ac: tuple[str, str], battery: tuple[str, str]) -> str:
    return (
        f"{SCHEMA} ambient-enabled true\n"
        f"{SCHEMA} sleep-inactive-ac-timeout {ac[1]}\n{SCHEMA} sleep-inactive-ac-type '{ac[0]}'\n"
        f"{SCHEMA} sleep-inactive-battery-timeout {battery[1]}\n{SCHEMA} sleep-inactive-battery-type '{battery[0]}'\n"
    )


@pytest.mark.parametrize(
    ("ac", "battery", "setting"),
    [
        (("suspend", "3600"), ("suspend", "900"), SleepSetting(3600.0, 900.0)),
        (("nothing", "3600"), ("hibernate", "900"), SleepSetting(None, 900.0)),
        (("suspend", "0"), ("blank", "900"), SleepSetting(None, None)),
        (("suspend", "int32 60"), ("suspend", "uint32 30"), SleepSetting(60.0, 30.0)),
    ],
)
def test_only_what_sends_the_computer_to_sleep_counts(
    ac: tuple[str, str], battery: tuple[str, str], setting: SleepSetting
) -> None:
    assert gnome_setting(listing(ac, battery)) == setting


@given(st.text(max_size=300) | st.just(f"{SCHEMA} sleep-inactive-ac-type 'suspend'"))
def test_anything_else_is_unknown(listed: str) -> None:
    assert gnome_setting(listed) == Unknown("not_told")


def test_the_battery_has_a_setting_of_its_own() -> None:
    setting = SleepSetting(3600.0, 900.0)
    assert [setting.at(source) for source in ("mains", "ups", None, "battery")] == [3600.0, 3600.0, 3600.0, 900.0]


def program(folder: Path, text: str) -> str:
    path = folder / "gsettings"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def test_the_program_is_asked_in_a_gnome_session_only(tmp_path: Path) -> None:
    (tmp_path / "listing").write_text(listing(("suspend", "1200"), ("suspend", "900")))
    gsettings = program(tmp_path, f'[ "$1 $2" = "list-recursively {SCHEMA}" ] && cat {tmp_path}/listing')
    assert GnomeSleep("ubuntu:GNOME", gsettings).read() == SleepSetting(1200.0, 900.0)
    assert GnomeSleep("KDE", gsettings).read() == Unknown("not_on_this_system")
    assert GnomeSleep("", gsettings).read() == Unknown("not_on_this_system")


def test_a_program_that_fails_or_is_missing_is_no_answer(tmp_path: Path) -> None:
    assert GnomeSleep("GNOME", program(tmp_path, "echo no such schema >&2; exit 1")).read() == Unknown("no_answer")
    assert GnomeSleep("GNOME", str(tmp_path / "missing")).read() == Unknown("no_answer")


def test_other_systems_are_not_asked_for_a_power_plan() -> None:
    assert WindowsSleep().read() == Unknown("not_on_this_system")
