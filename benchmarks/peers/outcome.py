"""What an arm came to, and the table of all."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.task import STEP_TOKENS


@dataclass(frozen=True)
class Step:
    """One inner step as a contributor told of it.

    Attributes:
        at: seconds of the system's clock.
    """

    loss: float
    at: float


@dataclass(frozen=True)
class Course:
    """One course of an arm, undisturbed or with a contributor killed half way.

    Attributes:
        tokens: that were trained; of one who was killed those that had become part of an average.
        loss: nats per held-out byte of the last weights; None where there were none.
        moved_bytes: over the socket in both directions, of all contributors.
        seconds: from when all had joined to the last weights.
        pause_seconds: the longest time without an inner step of the survivor after the kill; None where nobody was
            killed.
        unended: why it did not come to its end; empty where it did.
        averages: how many came to be, in words.
    """

    tokens: int
    loss: float | None
    moved_bytes: int
    seconds: float
    pause_seconds: float | None
    unended: str
    averages: str


@dataclass(frozen=True)
class Outcome:
    """Attributes:
    name: of the project with its version.
    whole: the undisturbed course.
    killed: the one with a kill.
    notes: what a reader must know.
    """

    name: str
    whole: Course
    killed: Course
    notes: tuple[str, ...] = ()


def steps_told(path: Path) -> list[Step]:
    """The inner steps in a file of told lines; a line that is only half there is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines if '"step"' in line and line.endswith("}")]
    return [Step(each["loss"], each["at"]) for each in found]


def why_unended(killed_at: float | None, seconds: float, *, kill: bool, ended: bool) -> str:
    """Why a course did not come to its end as it was meant to; empty where it did."""
    if kill and killed_at is None:
        return f"nobody was killed, for nobody got so far in {seconds:.0f} s"
    return "" if ended else f"stopped after {seconds:.0f} s"


def longest_pause(moments: Sequence[float], since: float, until: float) -> float:
    """The longest time between `since` and `until` in which there was no moment."""
    within = [since, *(each for each in moments if since < each < until), until]
    return max(later - earlier for earlier, later in itertools.pairwise(within))


def table(outcomes: Sequence[Outcome], planned: int) -> list[str]:
    """Rows of Markdown: each arm undisturbed, and with a contributor killed half way.

    Args:
        planned: tokens that a whole course trains.
    """
    rows = [
        "| | tokens trained | loss | averages | MB moved | kB an inner step | wall time | longest pause | ended |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for each in outcomes:
        rows.append(_row(each.name, each.whole, planned))
        rows.append(_row(f"{each.name}, one killed", each.killed, planned))
    return rows


def _row(name: str, course: Course, planned: int) -> str:
    steps = max(1, course.tokens // STEP_TOKENS)
    loss = "none" if course.loss is None else f"{course.loss:.4f}"
    ended = f"no: {course.unended}" if course.unended else "yes"
    pause = "" if course.pause_seconds is None else f"{course.pause_seconds:.1f} s"
    moved = f"{course.moved_bytes / 1e6:.1f} | {course.moved_bytes / steps / 1e3:.0f}"
    return (
        f"| {name} | {course.tokens:,} of {planned:,} | {loss} | {course.averages} "
        f"| {moved} | {course.seconds:.0f} s | {pause} | {ended} |"
    )
