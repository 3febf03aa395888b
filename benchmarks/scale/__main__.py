"""``python -m benchmarks.scale``: what many contributors mean, simulated or on paper."""

import argparse
import datetime as dt
import sys
import time
from pathlib import Path

import msgspec

from benchmarks.scale.course import Course, Outcome, lines
from benchmarks.scale.merging import merge_cost
from benchmarks.scale.paper import page
from sparewatt_cli.machine import machine_facts

FOUND = Path(__file__).parents[2] / "docs" / "scale.jsonl"


def main(arguments: list[str]) -> int:
    """Always 0; it measures nothing that has a target."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--contributors", type=int, default=10_000)
    parser.add_argument("--parameters", type=int, default=1_000_000_000, help="of the model (one billion)")
    parser.add_argument("--hours", type=float, default=6.0, help="virtual hours at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="write what is found to docs/scale.jsonl, too")
    parser.add_argument("--paper", action="store_true", help="print docs/scale.md instead")
    parser.add_argument("--merging", action="store_true", help="measure what an update costs in a merge instead")
    given = parser.parse_args(arguments)
    if given.paper:
        facts = machine_facts()
        hardware = f"{facts.processor or facts.architecture}, {facts.cores} cores"
        sys.stdout.write(page(dt.datetime.now(tz=dt.UTC).date().isoformat(), hardware, outcomes()))
        return 0
    if given.merging:
        cost = merge_cost()
        sys.stdout.write(
            f"an update: {cost.update_nanoseconds:.2f} ns of a core a parameter, {cost.update_bits:.3f} bits; "
            f"an outer step: {cost.outer_step_nanoseconds:.1f} ns, a patch of {cost.patch_bits:.3f} bits\n"
        )
        return 0
    if given.contributors < 1 or given.parameters < 1 or given.hours <= 0.0:
        parser.error("contributors, parameters and hours must be above 0")
    began = time.monotonic()
    found = Course(given.contributors, given.parameters, given.hours, given.seed).run()
    if given.keep:
        keep(found)
    sys.stdout.write("\n".join((*lines(found), f"simulated in {time.monotonic() - began:.0f} s")) + "\n")
    return 0


def keep(found: Outcome, path: Path = FOUND) -> None:
    """Write it to `path`, in place of what the same simulation found before."""
    others = [each for each in outcomes(path) if _which(each) != _which(found)]
    kept = sorted((*others, found), key=_which)
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in kept))


def _which(found: Outcome) -> tuple[int, int, int]:
    return found.parameters, found.contributors, found.seed


def outcomes(path: Path = FOUND) -> list[Outcome]:
    """What simulations found that were kept."""
    if not path.is_file():
        return []
    return [msgspec.json.decode(line, type=Outcome) for line in path.read_bytes().splitlines()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
