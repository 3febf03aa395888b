from dataclasses import replace
from typing import Any

import msgspec
import pytest

from sparewatt.host.device import Device
from sparewatt.host.reading import Game, Reading
from sparewatt.host.sample import Sample, SensorFault
from sparewatt_cli.findings import DoctorFacts, finding_lines, findings
from sparewatt_cli.probe import Probe, ProbedDevice

CARD = ProbedDevice(
    Device("cuda:GPU-f00d", "cuda", "A card", "gpu-f00d", 24 * 10**9, 320, 90, driver_version="580.95.05"),
    Sample(
        "cuda:GPU-f00d", 1.0, power_watts=201.4, power_kind="energy", temperature_celsius=61.0, fan_percent=40.0,
        slowdowns=("power_limit",),
    ),
)  # fmt: skip
PROCESSOR = ProbedDevice(
    Device("cpu", "cpu", "A processor", "cpu", None),
    Sample("cpu", 1.0, temperature_celsius=48.0, missing={"power": "sensor.cpu_power_locked"}),
)
PROBE = Probe(
    devices=(PROCESSOR, CARD),
    faults=(),
    notes=(SensorFault("rocm", "sensor.amd_no_training", {"cards": 1}, absent=True),),
    keyring=True,
    reading=Reading(
        "mains", None, 8 * 10**9, 80 * 10**9, 0, 600, seat=True, idle_s=12.0, idle_source="mutter",
        games=(Game("Secret Project II"),), programs=("secret-tool",), missing={"metered": "no_service"},
    ),
)  # fmt: skip
WELL = DoctorFacts(
    system="Linux",
    python="3.11.7",
    torch="2.13.0",
    transformers="5.23.0",
    engine="0.1.0",
    engine_trouble="",
    data_folder="~/.local/share/sparewatt",
    data_folder_writable=True,
    isolation="none",
    isolation_missing=("files",),
    probe=PROBE,
    probe_trouble="",
)


def problems(**changed: Any) -> list[str]:
    return [finding.about for finding in findings(replace(WELL, **changed)) if finding.level == "problem"]


def test_a_computer_that_has_everything_has_no_problem() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("changed", "about"),
    [
        ({"torch": ""}, "PyTorch"),
        ({"transformers": ""}, "Models"),
        ({"probe": None}, "Devices"),
        ({"probe": msgspec.structs.replace(PROBE, devices=())}, "Devices"),
        ({"data_folder_writable": False}, "Data folder"),
        ({"engine_trouble": "It does not answer."}, "Engine"),
    ],
)
def test_what_keeps_it_from_contributing_is_a_problem_with_advice_or_reason(
    changed: dict[str, Any], about: str
) -> None:
    assert problems(**changed) == [about]


def text(**changed: Any) -> str:
    return "\n".join(finding_lines(findings(replace(WELL, probe=msgspec.structs.replace(PROBE, **changed)))))


def test_every_sensor_is_said_with_its_value_and_source() -> None:
    said = text()
    assert "cuda 1: A card, driver 580.95.05, 24 GB, limits itself to 320 W and slows down at 90 °C" in said
    assert "cuda 1 power: 201 W, by its energy counter" in said
    assert "cuda 1 temperature: 61 °C" in said
    assert "fan at 40 %, slowed down by power limit" in said
    assert "12 s, told by GNOME" in said


def test_a_missing_sensor_is_said_with_how_to_get_it_and_is_no_problem() -> None:
    said = text()
    assert "cpu power: unknown" in said
    assert "Only the administrator may read" in said
    assert "1 AMD card(s) found" in said
    assert problems() == []


def test_what_cannot_be_known_of_the_computer_is_said_with_why() -> None:
    said = text()
    assert "Network:      unknown" in said
    assert "does not run on this computer" in said
    unseen = msgspec.structs.replace(PROBE.reading, idle_s=None, idle_source="no_display")
    assert "The engine was started outside of your desktop" in text(reading=unseen)


def test_whether_the_computer_waits_before_it_sleeps_is_said_with_why_not() -> None:
    waits = msgspec.structs.replace(PROBE.reading, delays_sleep=True)
    assert "waits until your devices are left" in text(reading=waits)
    not_so = msgspec.structs.replace(PROBE.reading, missing={"sleep_delay": "no_system_bus"})
    said = text(reading=not_so)
    assert "does not wait until your devices are left" in said
    assert "no message bus that can be reached" in said


def test_a_server_has_no_idle_time_and_nothing_is_missing() -> None:
    server = msgspec.structs.replace(PROBE.reading, seat=False, idle_s=None, idle_source="no_display")
    assert "none: this computer has no screen" in text(reading=server)


def test_nothing_in_it_tells_one_computer_from_another_or_names_a_program() -> None:
    said = text(faults=(SensorFault("cuda:GPU-f00d", "sensor.unknown_device", {"device": "cuda:GPU-f00d"}),))
    for private in ("f00d", "Secret", "secret"):
        assert private not in said


def test_not_isolated_is_always_said() -> None:
    assert any("not isolated" in finding.words for finding in findings(WELL))


def test_a_system_it_was_never_run_on_is_named() -> None:
    assert any("has not been run on it yet" in finding.words for finding in findings(replace(WELL, system="Windows")))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"seat": False}, "no screen and keyboard of its own"),
        ({"seat": True, "idle_s": 5.0, "idle_source": "xscreensaver"}, "told by your X display"),
        ({"seat": True, "idle_source": "no_display"}, "so it cannot see mouse and keyboard"),
    ],
)
def test_whether_use_of_the_computer_is_known_is_said(changed: dict[str, Any], words: str) -> None:
    reading = msgspec.structs.replace(PROBE.reading, **changed)
    facts = replace(WELL, probe=msgspec.structs.replace(PROBE, reading=reading))
    (finding,) = [each for each in findings(facts) if each.about == "In use"]
    assert words in finding.words


def test_damaged_settings_and_conflicts_are_said() -> None:
    facts = replace(WELL, settings_trouble="Damaged.", conflicts=("One.", "Two."))
    assert [each.words for each in findings(facts) if each.about == "Settings"] == ["Damaged.", "One.", "Two."]


def test_what_was_written_today_is_said_while_an_engine_counts_it() -> None:
    assert "Disk writes:  1.9 GB today" in "\n".join(
        finding_lines(findings(replace(WELL, disk_written_bytes=1_900_000_000)))
    )
    assert "Disk writes" not in "\n".join(finding_lines(findings(WELL)))
