"""``python -m benchmarks peers [--environments DIR] [--only NAME …]``: ours beside other projects.

The same model, first weights, tokens, optimiser and learning rates with two contributors on one computer; then the same
again with one of them killed half way. Other projects are installed into environments of their own.
"""

import argparse
import datetime as dt
import os
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.peers.environment import NotInstalled
from benchmarks.peers.flower_run import flower
from benchmarks.peers.hivemind_run import hivemind
from benchmarks.peers.our_run import ours
from benchmarks.peers.outcome import Outcome, table
from benchmarks.peers.task import CONTRIBUTORS, Task, prepare
from sparewatt_cli.machine import machine_facts

Arm = Callable[[Task, Path, Path], Outcome]
ARMS: Final[dict[str, Arm]] = {
    "ours": lambda task, folder, _: ours(task, folder),
    "hivemind": hivemind,
    "flower": flower,
}


def main(arguments: list[str]) -> int:
    """Always 0: it compares, and has no target."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks peers", description=__doc__)
    parser.add_argument("--environments", type=Path, metavar="DIR", help="keep other projects' environments in DIR")
    parser.add_argument("--only", nargs="+", choices=tuple(ARMS), default=tuple(ARMS), metavar="NAME")
    parser.add_argument("--inner-steps", type=int, default=10, help="of a contributor between two averages")
    parser.add_argument("--averages", type=int, default=10)
    parser.add_argument("--minutes-most", type=int, default=20, help="after which a course is cut off")
    given = parser.parse_args(arguments)
    if given.inner_steps < 1 or given.averages < 2 or given.minutes_most < 1:
        parser.error("inner steps and minutes must be above 0, averages above 1")
    task = Task(given.inner_steps, given.averages, 60.0 * given.minutes_most)
    with tempfile.TemporaryDirectory(prefix="sparewatt-peers-") as name:
        folder = Path(name)
        environments = (given.environments or folder / "environments").absolute()
        environments.mkdir(parents=True, exist_ok=True)
        prepare(task, Path(sysconfig.get_path("stdlib")), folder)
        outcomes, missing = compare(task, folder, environments, given.only)
    for line in report(task, outcomes, missing):
        sys.stdout.write(line + "\n")
    return 0


def compare(task: Task, folder: Path, environments: Path, names: list[str]) -> tuple[list[Outcome], dict[str, str]]:
    """What each arm came to, and why those that are not there are not."""
    outcomes, missing = [], {}
    for name in names:
        try:
            outcomes.append(ARMS[name](task, folder, environments))
        except NotInstalled as error:
            missing[name] = str(error)
        for line in () if name in missing else table(outcomes[-1:], task.tokens)[2:]:
            sys.stderr.write(line + "\n")
    return outcomes, missing


def report(task: Task, outcomes: list[Outcome], missing: dict[str, str]) -> list[str]:
    """The report for a terminal and for a page."""
    machine = machine_facts()
    hardware = f"{machine.processor or machine.architecture}, {machine.cores} cores"
    software = f"{machine.system}, Python {machine.python}, torch {machine.torch or 'not installed'}"
    return [
        f"{dt.datetime.now(tz=dt.UTC).date().isoformat()}, {hardware}, {software}, load {os.getloadavg()[0]:.1f}",
        f"{CONTRIBUTORS} contributors of one thread, {task.averages} times {task.inner_steps} inner steps of each",
        *table(outcomes, task.tokens),
        *(f"{name} was not measured: {why}" for name, why in missing.items()),
        *(f"{each.name}: {note}" for each in outcomes for note in each.notes),
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
