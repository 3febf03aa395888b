"""Finished arms are found again, whatever they are called, and nothing else is taken for them."""

from pathlib import Path

import msgspec

from benchmarks.training.arm import Arm
from benchmarks.training.records import Record, Records
from benchmarks.training.simulation import Outcome

ARM = Arm(name="first", rate_micro=750)
OUTCOME = Outcome("first", 1, 1.5, 1_000, 1_000, 10, 40, 2_000_000, 3_000_000, 0.0, 1.0, 1.0, ())


def test_a_finished_arm_is_found_under_another_name(tmp_path: Path) -> None:
    written = Records(tmp_path / "arms").add(ARM, 50, 1, OUTCOME)
    renamed = msgspec.structs.replace(ARM, name="second")
    assert Records(tmp_path / "arms").find(renamed, 50, 1) == written


def test_other_fields_rounds_or_seeds_are_other_arms(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.add(ARM, 50, 1, OUTCOME)
    assert records.find(msgspec.structs.replace(ARM, beta1_micro=0), 50, 1) is None
    assert records.find(ARM, 51, 1) is None
    assert records.find(ARM, 50, 2) is None


def test_a_record_says_what_was_run_when_and_on_what(tmp_path: Path) -> None:
    record = Records(tmp_path).add(ARM, 50, 1, OUTCOME)
    (path,) = tmp_path.iterdir()
    assert msgspec.json.decode(path.read_bytes(), type=Record) == record
    assert record.machine.cores > 0
    assert record.date.endswith("+00:00")
