import pytest

from benchmarks.training.results import paired_difference, table
from benchmarks.training.simulation import Outcome


def outcome(arm: str, seed: int, loss: float) -> Outcome:
    return Outcome(arm, seed, loss, 1_000, 1_100, 10, 40, 2_000_000, 3_000_000, 0.5, 0.9, 1.0, ())


def test_a_difference_of_pairs_comes_with_its_interval() -> None:
    found = paired_difference([1.1, 2.3, 3.2], [1.0, 2.0, 3.0])
    # Differences 0.1, 0.3, 0.2: deviation 0.1, and 4.303 * 0.1 / sqrt(3).
    assert found.mean == pytest.approx(0.2)
    assert found.half_width == pytest.approx(0.2484, abs=1e-4)


def test_one_pair_has_no_interval() -> None:
    assert paired_difference([1.5], [1.0]).half_width is None


@pytest.mark.parametrize("pairs", [0, 11])
def test_too_few_or_too_many_pairs_are_refused(pairs: int) -> None:
    with pytest.raises(ValueError, match="one to ten"):
        paired_difference([1.0] * pairs, [1.0] * pairs)


def test_arms_are_paired_with_each_reference_by_seed() -> None:
    outcomes = {
        "one": [outcome("one", 1, 2.0), outcome("one", 2, 3.0)],
        "two": [outcome("two", 2, 3.5)],
    }
    rows = table(outcomes, ("one", "two"))
    assert rows[0].startswith("| arm | held-out loss | against one | against two | outer steps |")
    assert rows[2].startswith("| one | 2.5000 |  | -0.5000 | 10 |")
    assert rows[3].startswith("| two | 3.5000 | +0.5000 |  | 10 | 0.50 | 1.100 | 2.0 | 3.0 | 1 |")
