"""Two contributors of hivemind in a network of their own, of which one may be killed half way."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.peers.environment import NotInstalled, environment, version
from benchmarks.peers.outcome import Course, Outcome, longest_pause, steps_told, why_unended
from benchmarks.peers.programs import end, ended_programs
from benchmarks.peers.task import CONTRIBUTORS, STEP_TOKENS, Task, held_out_loss

ROOT: Final = Path(__file__).resolve().parents[2]
START_SECONDS_MOST: Final = 300.0
_LOOK_SECONDS: Final = 0.2


def hivemind(task: Task, folder: Path, environments: Path) -> Outcome:
    """Both courses of hivemind.

    Raises:
        NotInstalled: where it cannot be installed, or its bytes cannot be counted.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise NotInstalled("its bytes are counted in a network namespace, which needs Linux and root")
    python = environment(environments, "hivemind")
    courses = [_course(python, task, folder, kill=kill) for kill in (False, True)]
    notes = (
        "hivemind's bytes are all that its network namespace's loopback received, headers included",
        "its loss is of the first contributor's weights; of the killed one all steps are counted",
        "its averages are those in which the first contributor found the other",
    )
    return Outcome(f"hivemind {version(python, 'hivemind')}", courses[0], courses[1], notes)


def _course(python: Path, task: Task, folder: Path, *, kill: bool) -> Course:
    place = folder / ("hivemind-killed" if kill else "hivemind")
    place.mkdir()
    said = [place / f"said-{index}" for index in range(CONTRIBUTORS)]
    with _network(place, task) as namespace, ended_programs() as groups:
        groups.append(_start(python, namespace, folder, 0, task, said[0]))
        first = _address(said[0], groups)
        groups.append(_start(python, namespace, folder, 1, task, said[1], first))
        _address(said[1], groups)
        began, before = time.time(), loopback_bytes(Path(f"/proc/{namespace}/net/dev").read_text(encoding="ascii"))
        (place / "begin").touch()
        killed_at = _killed(groups, said[1], task, began) if kill else None
        ended = _until_ended(said[:1] if kill else said, groups, task, began)
        seconds = time.time() - began
        moved = loopback_bytes(Path(f"/proc/{namespace}/net/dev").read_text(encoding="ascii")) - before
    steps = [steps_told(each) for each in said]
    weights = said[0].with_suffix(".safetensors")
    moments = [step.at for step in steps[0]]
    return Course(
        tokens=sum(map(len, steps)) * STEP_TOKENS,
        loss=held_out_loss(folder, weights) if weights.exists() else None,
        moved_bytes=moved,
        seconds=seconds,
        pause_seconds=None if killed_at is None else longest_pause(moments, killed_at, began + seconds),
        unended=why_unended(killed_at, seconds, kill=kill, ended=ended),
        averages=str(averages_logged(said[0].with_suffix(".log").read_text(encoding="utf-8", errors="replace"))),
    )


def averages_logged(log: str) -> int:
    """How many averages with somebody else a contributor's log tells of."""
    return sum(int(each) > 1 for each in re.findall(r"Averaged parameters with (\d+) peers", log))


def _killed(groups: "list[subprocess.Popen[bytes]]", said: Path, task: Task, began: float) -> float | None:
    """When the last contributor was killed, an inner step after half of the averages; None if it never came to that."""
    while time.time() - began < task.seconds_most:
        if len(steps_told(said)) >= task.kill_steps:
            end(groups.pop())
            return time.time()
        time.sleep(_LOOK_SECONDS)
    return None


def _until_ended(said: list[Path], groups: "list[subprocess.Popen[bytes]]", task: Task, began: float) -> bool:
    """Whether all who are left came to their end in time."""
    while time.time() - began < task.seconds_most:
        if all('"ended"' in each.read_text(encoding="utf-8") for each in said):
            return True
        if any(each.poll() is not None for each in groups):
            return False
        time.sleep(_LOOK_SECONDS)
    return False


@contextmanager
def _network(place: Path, task: Task) -> Iterator[int]:
    """A process that holds a network namespace with nothing but a loopback."""
    command = [
        "unshare",
        "-n",
        "sh",
        "-c",
        f"ip link set lo up && touch up && exec sleep {round(START_SECONDS_MOST * 3 + task.seconds_most)}",
    ]
    with ended_programs() as groups:
        groups.append(subprocess.Popen(command, cwd=place, start_new_session=True))
        _until_there(place / "up")
        yield groups[0].pid


def _start(
    python: Path, namespace: int, folder: Path, index: int, task: Task, said: Path, *address: str
) -> "subprocess.Popen[bytes]":
    arguments = ["-m", "benchmarks.peers.hivemind_peer", folder, index, task.steps_each, said, *address]
    command = ["nsenter", "-t", str(namespace), "-n", str(python), *map(str, arguments)]
    with said.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)


def _until_there(path: Path) -> None:
    until = time.monotonic() + START_SECONDS_MOST
    while not path.exists():
        if time.monotonic() > until:
            raise NotInstalled(f"{path.name} did not come to be within {START_SECONDS_MOST:.0f} s")
        time.sleep(_LOOK_SECONDS)


def _address(said: Path, groups: "list[subprocess.Popen[bytes]]") -> str:
    """Where a contributor listens, as soon as it says so."""
    until = time.monotonic() + START_SECONDS_MOST
    while time.monotonic() < until and all(each.poll() is None for each in groups):
        found = address_told(said.read_text(encoding="utf-8")) if said.exists() else None
        if found is not None:
            return found
        time.sleep(_LOOK_SECONDS)
    log = said.with_suffix(".log").read_text(encoding="utf-8", errors="replace").splitlines()
    raise NotInstalled(f"it did not start: {log[-1] if log else 'without a word'}")


def address_told(said: str) -> str | None:
    """The address in the first line, when that is whole."""
    first, end, _ = said.partition("\n")
    return str(json.loads(first)["address"]) if end else None


def loopback_bytes(device_table: str) -> int:
    """What the loopback in the kernel's table of network devices has received so far."""
    (line,) = (line for line in device_table.splitlines() if line.strip().startswith("lo:"))
    return int(line.split(":")[1].split()[0])
