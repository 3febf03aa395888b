"""How courses are told."""

from pathlib import Path

import pytest

from benchmarks.peers.outcome import Course, Outcome, Step, longest_pause, steps_told, table, why_unended


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
    whole = Course(20_480, 2.0, 5_000_000, 60.0, None, "", "10")
    killed = Course(10_240, None, 1_000_000, 90.0, 30.5, "stopped after 90 s", "4 of 9 updates")
    head, _, first, second = table([Outcome("One 1.0", whole, killed)], planned=20_480)
    assert head.count("|") == first.count("|") == second.count("|")
    assert first == "| One 1.0 | 20,480 of 20,480 | 2.0000 | 10 | 5.0 | 500 | 60 s |  | yes |"
    killed_cells = ["none", "4 of 9 updates", "1.0", "200", "90 s", "30.5 s", "no: stopped after 90 s"]
    assert second == f"| One 1.0, one killed | 10,240 of 20,480 | {' | '.join(killed_cells)} |"


def test_a_course_says_why_it_is_not_what_it_was_meant_to_be() -> None:
    assert why_unended(None, 60.0, kill=False, ended=True) == ""
    assert why_unended(30.0, 60.0, kill=True, ended=True) == ""
    assert why_unended(30.0, 60.0, kill=True, ended=False) == "stopped after 60 s"
    assert "nobody was killed" in why_unended(None, 60.0, kill=True, ended=True)
