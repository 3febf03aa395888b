"""``python -m tests.governor_simulation``: many random machines, or one recorded trace."""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from sparewatt.errors import InputError
from tests.governor_simulation.machines import MINUTES, machine
from tests.governor_simulation.replay import BadTrace, read, replay
from tests.governor_simulation.shrink import shrunk
from tests.governor_simulation.simulate import Outcome, simulate

SHOWN_MOST = 3


def main(arguments: list[str]) -> int:
    """0 when everything held, 1 when not, the error's own code for bad input."""
    parser = argparse.ArgumentParser(prog="python -m tests.governor_simulation", description=__doc__)
    parser.add_argument("--machines", type=int, default=500, help="how many (500; the slow mode is 10000)")
    parser.add_argument("--start", type=int, default=1, help="seed of the first one")
    parser.add_argument("--trace", type=Path, help="replay this recorded trace instead")
    given = parser.parse_args(arguments)
    if given.trace is not None:
        return _replay(given.trace)
    if given.machines < 1:
        parser.error("--machines must be at least 1")
    return _simulate(given.start, given.machines)


def _simulate(start: int, count: int) -> int:
    failed, used, mean_over, above, late = 0, [], -1e9, -1e9, 0.0
    for seed in range(start, start + count):
        outcome = simulate(machine(seed))
        if outcome.findings:
            failed += 1
            if failed <= SHOWN_MOST:
                _show(shrunk(outcome))
        if outcome.used_share is not None:
            used.append(outcome.used_share)
        if outcome.mean_over_watts is not None:
            mean_over = max(mean_over, outcome.mean_over_watts)
        if outcome.above_limit_kelvin is not None:
            above = max(above, outcome.above_limit_kelvin)
        late = max(late, outcome.late_s)
    share = f"{100 * sorted(used)[len(used) // 2]:.0f} %" if used else "unknown"
    print(
        f"{count} machines x {MINUTES:.0f} min from seed {start}: {failed} failed; "
        f"highest 60 s mean {mean_over:+.2f} W against the cap, "
        f"highest temperature {above:+.1f} K against the limit, "
        f"latest micro-batch {late:.2f} s after a sample; "
        f"of a cap that binds, {share} is used (median)."
    )
    return 1 if failed else 0


def _show(outcome: Outcome) -> None:
    """A failure: its seed, what is left of its machine, and the last looks before it."""
    for finding in outcome.findings:
        print(f"seed {outcome.machine.seed}: {finding.check} at {finding.at_s:.1f} s: {finding.words}")
    print(json.dumps(dataclasses.asdict(outcome.machine)))
    for line in outcome.tail:
        print(json.dumps(line))


def _replay(path: Path) -> int:
    try:
        header, lines = read(path)
    except (BadTrace, OSError, UnicodeDecodeError) as error:
        print(f"{path.name} is no trace: {error}", file=sys.stderr)
        return InputError.exit_code
    replayed = replay(header, lines)
    for finding in replayed.findings:
        print(f"{finding.check} at {finding.at_s:.1f} s: {finding.words}")
    states = ", ".join(f"{name} {count / 2:.0f} s" for name, count in replayed.reasons.most_common())
    print(
        f"{path.name} ({header.origin}): {replayed.samples} samples over {replayed.seconds:.0f} s, "
        f"{len(replayed.findings)} findings; {states}."
    )
    return 1 if replayed.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
