"""The simulation of many contributors, with fifty of them."""

from pathlib import Path

import msgspec
import pytest

from benchmarks.scale import costs
from benchmarks.scale.__main__ import keep, main, outcomes
from benchmarks.scale.course import Course, Outcome, lines
from benchmarks.scale.merging import merge_cost
from benchmarks.scale.paper import CROWDS, MODELS, page, short_from, sums
from sparewatt.numeric.merge_plan import UPDATES_MOST

PARAMETERS = 125_000_000


def course(seed: int = 1, contributors: int = 50, hours: float = 3.0) -> Outcome:
    return Course(contributors, PARAMETERS, hours, seed).run()


@pytest.fixture(scope="module")
def found() -> Outcome:
    return course()


def test_the_same_seed_is_the_same_course_and_another_one_is_not(found: Outcome) -> None:
    assert course() == found
    assert course(seed=2) != found


def test_every_trained_token_is_merged_late_lost_or_on_its_way(found: Outcome) -> None:
    trained = found.merged_tokens / found.goodput
    on_their_way = trained - found.merged_tokens - found.late_tokens - found.lost_tokens
    assert -1.0 <= on_their_way <= 0.05 * trained
    assert found.merged_tokens > 0


def test_shares_are_shares_and_device_time_is_spent_once(found: Outcome) -> None:
    assert 0.0 < found.utilisation <= 1.0 - found.surplus_share + 1e-9
    assert 0.0 < found.goodput <= 1.0
    assert 0.0 < found.devices_there < found.contributors


def test_no_update_is_merged_that_is_older_than_the_manifest_allows(found: Outcome) -> None:
    assert sum(found.staleness.values()) >= found.outer_steps > 0
    assert all(0 <= age <= 4 for age in found.staleness)


def test_work_that_was_cut_short_comes_back_as_gaps_and_is_handed_out(found: Outcome) -> None:
    assert found.gap_tokens > 0
    assert found.gap_tokens_left < found.gap_tokens


def test_a_fulfilled_plan_ends_it() -> None:
    ended = course(contributors=400, hours=6.0)
    assert ended.ended
    assert ended.hours < 6.0
    assert ended.merged_tokens + ended.late_tokens >= 20 * PARAMETERS


def test_it_is_told_in_lines(found: Outcome) -> None:
    said = "\n".join(lines(found))
    assert said.startswith("50 contributors, 125 M parameters, seed 1: ")
    assert "utilisation" in said
    assert "staleness" in said


def test_more_contributors_than_a_merge_can_follow_are_surplus() -> None:
    few, many = sums(100, PARAMETERS), sums(1_000_000, PARAMETERS)
    assert (few.surplus, few.short) == (0.0, ())
    assert many.surplus > 0.9
    assert many.updates <= UPDATES_MOST
    assert many.short == ("merging", "the gateway")
    assert many.outer_steps < few.outer_steps


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("merging", PARAMETERS), ("updates a round", 7_000_000_000), ("the gateway", PARAMETERS)],
)
def test_what_is_short_is_so_from_some_crowd_on(name: str, parameters: int) -> None:
    crowd = short_from(parameters, name)
    assert crowd is not None
    assert name in sums(crowd, parameters).short
    assert name not in sums(round(0.9 * crowd), parameters).short


def test_a_round_never_lasts_less_than_its_merge() -> None:
    for crowd in CROWDS:
        for _, parameters in MODELS:
            each = sums(crowd, parameters)
            assert each.round_s >= each.merge_s
            assert each.merge_s == pytest.approx(costs.merge_seconds(parameters, round(each.updates)), rel=0.5)


def test_the_manuals_page_holds_what_is_computed() -> None:
    kept = (Path(__file__).parents[3] / "docs" / "scale.md").read_text("utf-8")
    computed = page("DATE", "MACHINE", outcomes()).splitlines()
    stamped = next(number for number, line in enumerate(computed) if "DATE, MACHINE" in line)
    assert [line for number, line in enumerate(kept.splitlines()) if number != stamped] == [
        line for number, line in enumerate(computed) if number != stamped
    ]


def test_what_is_found_again_takes_the_place_of_what_was_kept(found: Outcome, tmp_path: Path) -> None:
    path = tmp_path / "found.jsonl"
    other = msgspec.structs.replace(found, seed=found.seed + 1)
    for each in (other, found, msgspec.structs.replace(found, outer_steps=7)):
        keep(each, path)
    assert outcomes(path) == [msgspec.structs.replace(found, outer_steps=7), other]


def test_sizes_on_the_wire_are_those_of_the_codec() -> None:
    cost = merge_cost(blocks=1)
    assert cost.update_bits == pytest.approx(costs.UPDATE_BITS_A_PARAMETER, rel=0.03)
    assert cost.patch_bits == pytest.approx(costs.PATCH_BITS_A_PARAMETER, rel=0.03)


def test_nonsense_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--contributors", "0"])
    assert caught.value.code == 2
    assert "above 0" in capsys.readouterr().err
