"""Finished arms are found again, whatever they are called, and nothing else is taken for them."""

from pathlib import Path

import msgspec
import pytest

from benchmarks.__main__ import main
from benchmarks.training.arm import Arm
from benchmarks.training.records import OtherTextError, Record, Records
from benchmarks.training.simulation import Outcome

ARM = Arm(name="first", rate_micro=750)
OUTCOME = Outcome("first", 1, 1.5, 1_000, 1_000, 10, 40, 2_000_000, 3_000_000, 0.0, 1.0, 1.0, ())

TEXT = "5" * 64


def test_a_finished_arm_is_found_under_another_name(tmp_path: Path) -> None:
    written = Records(tmp_path / "arms", TEXT).add(ARM, 50, 1, OUTCOME)
    renamed = msgspec.structs.replace(ARM, name="second")
    assert Records(tmp_path / "arms", TEXT).find(renamed, 50, 1) == written


def test_other_fields_rounds_or_seeds_are_other_arms(tmp_path: Path) -> None:
    records = Records(tmp_path, TEXT)
    records.add(ARM, 50, 1, OUTCOME)
    assert records.find(msgspec.structs.replace(ARM, beta1_micro=0), 50, 1) is None
    assert records.find(ARM, 51, 1) is None
    assert records.find(ARM, 50, 2) is None


def test_a_record_says_what_was_run_when_and_on_what(tmp_path: Path) -> None:
    record = Records(tmp_path, TEXT).add(ARM, 50, 1, OUTCOME)
    (path,) = tmp_path.glob("*.json")
    assert msgspec.json.decode(path.read_bytes(), type=Record) == record
    assert record.machine.cores > 0
    assert record.date.endswith("+00:00")


def test_arms_of_another_text_are_not_taken_for_those_of_this_one(tmp_path: Path) -> None:
    Records(tmp_path, TEXT)
    with pytest.raises(OtherTextError):
        Records(tmp_path, "6" * 64)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--seeds", "0"), "'0' is not a whole number from 1 to 10"),
        (("--seeds", "11"), "'11' is not a whole number from 1 to 10"),
        (("--rounds", "many"), "'many' is not a whole number"),
        (("--text", "/nowhere"), "/nowhere"),
    ],
)
def test_what_cannot_be_run_is_refused_in_a_sentence(
    options: tuple[str, str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["parity", "--to", str(tmp_path), *options])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_a_folder_with_results_of_another_text_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Records(tmp_path / "arms", TEXT)
    text = tmp_path / "text.txt"
    text.write_text("".join(f"{n}: {n * n} is the square of {n}.\n" for n in range(9_000)))
    with pytest.raises(SystemExit):
        main(["parity", "--to", str(tmp_path), "--text", str(text)])
    assert "results of another text" in capsys.readouterr().err
