"""Outcomes of an experiment as a table: paired differences with their confidence, and bytes. Pure."""

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import mean, stdev
from typing import Final

import msgspec

from benchmarks.training.simulation import Outcome

# Student's t for a two-sided 95 % interval, by degrees of freedom.
_T95: Final = (0.0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)

PAIRS_MOST: Final = len(_T95)


class Difference(msgspec.Struct, frozen=True):
    """Mean of paired differences and half the width of its 95 % interval; None from a single pair."""

    mean: float
    half_width: float | None

    @property
    def words(self) -> str:
        if self.half_width is None:
            return f"{self.mean:+.4f}"
        return f"{self.mean:+.4f} ± {self.half_width:.4f}"


def paired_difference(values: Sequence[float], references: Sequence[float]) -> Difference:
    """Of values against references of the same seeds.

    Raises:
        ValueError: none, or not as many as references, or more than ten.
    """
    differences = [value - reference for value, reference in zip(values, references, strict=True)]
    count = len(differences)
    if not 1 <= count <= PAIRS_MOST:
        raise ValueError("one to ten pairs make a difference")
    half_width = _T95[count - 1] * stdev(differences) / sqrt(count) if count > 1 else None
    return Difference(mean(differences), half_width)


def table(outcomes: Mapping[str, Sequence[Outcome]], references: Sequence[str]) -> list[str]:
    """Markdown: one row for each arm, its outcomes paired by seed with those of each arm named in `references`."""
    heads = (
        "arm",
        "held-out loss",
        *(f"against {reference}" for reference in references),
        "outer steps",
        "staleness",
        "trained / merged",
        "up, MB",
        "down, MB",
        "seeds",
    )
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for arm, found in outcomes.items():
        cells = (
            arm,
            f"{mean(each.loss for each in found):.4f}",
            *("" if arm == each else _against(found, outcomes.get(each, ())) for each in references),
            f"{mean(each.versions for each in found):.0f}",
            f"{mean(each.staleness_mean for each in found):.2f}",
            f"{mean(each.tokens_trained / each.tokens for each in found):.3f}",
            f"{mean(each.bytes_up for each in found) / 1e6:,.1f}",
            f"{mean(each.bytes_down for each in found) / 1e6:,.1f}",
            f"{len(found)}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _against(found: Sequence[Outcome], reference: Sequence[Outcome]) -> str:
    by_seed = {each.seed: each.loss for each in reference}
    pairs = [(each.loss, by_seed[each.seed]) for each in found if each.seed in by_seed]
    return paired_difference(*zip(*pairs, strict=True)).words if pairs else ""
