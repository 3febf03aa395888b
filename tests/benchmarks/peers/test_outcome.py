"""How courses are told."""

from pathlib import Path

import pytest

from benchmarks.peers.outcome import Course, Outcome, Step, longest_pause, steps_told, table


def test_a_line_that_is_only_half_there_is_no_step(tmp_path: Path) -> None:
    said = tmp_path / "said"
    assert steps_told(said) == []
    said.write_text('{"address": "a", "at": 1}\n{"step": 0, "loss": 2.5, "at": 3.0}\n{"step": 1, "lo')
    assert steps_told(said) == [Step(2.5, 3.0)]


@pytest.mark.parametrize(
    ("moments", "pause"),
    [((), 10.0), ((1.0, 2.0, 30.0), 10.0), ((12.0, 13.0, 19.0), 6.0), ((11.0,), 9.0)],
)
def test_a_pause_is_counted_from_the_kill_to_the_end(moments: tuple[float, ...], pause: float) -> None:
    assert longest_pause(moments, 10.0, 20.0) == pause


def test_each_arm_has_a_row_undisturbed_and_one_with_a_kill() -> None:
    whole = Course(20_480, 2.0, 5_000_000, 60.0, None, ended=True)
    killed = Course(10_240, None, 1_000_000, 90.0, 30.5, ended=False)
    head, _, first, second = table([Outcome("One 1.0", whole, killed)], planned=20_480)
    assert head.count("|") == first.count("|") == second.count("|")
    assert first == "| One 1.0 | 20,480 of 20,480 | 2.0000 | 5.0 | 500 | 60 s |  | yes |"
    assert second == "| One 1.0, one killed | 10,240 of 20,480 | none | 1.0 | 200 | 90 s | 30.5 s | no |"
