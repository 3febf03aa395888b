from dataclasses import replace
from typing import Any

import msgspec
import pytest

from sparewatt.host.reading import Reading
from sparewatt_cli.findings import DoctorFacts, finding_lines, findings
from sparewatt_cli.probe import Probe, ProbedDevice

PROBE = Probe(
    devices=(ProbedDevice("cpu", "A processor", power_sensor=False, temperature_sensor=True),),
    faults=(),
    keyring=True,
    reading=Reading("mains", None, 8 * 10**9, 80 * 10**9, 0, 600),
)
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


def test_no_sensor_is_said_and_is_no_problem() -> None:
    text = "\n".join(finding_lines(findings(WELL)))
    assert "no power sensor, temperature sensor" in text


def test_not_isolated_is_always_said() -> None:
    assert any("not isolated" in finding.words for finding in findings(WELL))


def test_a_system_it_was_never_run_on_is_named() -> None:
    assert any("has not been run on it yet" in finding.words for finding in findings(replace(WELL, system="Windows")))
