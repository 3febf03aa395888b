"""Two contributors of hivemind in a network of their own, of which one is killed half way."""

import itertools
import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.measurement import Measurement, absolute

# Made by: python -m venv peers/hivemind && peers/hivemind/bin/pip install hivemind torch
PYTHON: Final = Path("peers/hivemind/bin/python")
SCRIPT: Final = Path(__file__).with_name("hivemind_peer.py")
SECONDS: Final = 40.0
START_SECONDS_MOST: Final = 60.0


@dataclass(frozen=True)
class Step:
    """One inner step as a contributor told of it."""

    epoch: int
    loss: float
    at: float


def peers() -> tuple[Measurement, ...]:
    """hivemind on a small model, if it is installed: loss, bytes, and what a killed contributor does."""
    missing = _missing()
    if missing:
        sys.stdout.write(f"hivemind was not measured: {missing}\n")
        return ()
    return _measured()


def _missing() -> str:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "its bytes are counted in a network namespace, which needs Linux and root"
    if not PYTHON.exists():
        return f"{PYTHON} is not there; make the environment with `python -m venv` and `pip install hivemind torch`"
    return ""


def _measured() -> tuple[Measurement, ...]:
    with tempfile.TemporaryDirectory() as name:
        said = [Path(name, str(index)) for index in range(2)]
        holder = _group(["unshare", "-n", "sh", "-c", "ip link set lo up && exec sleep 600"], Path(name, "holder"))
        groups = [holder]
        try:
            groups.append(_start(holder.pid, 0, said[0]))
            groups.append(_start(holder.pid, 1, said[1], _address(said[0])))
            _address(said[1])
            time.sleep(SECONDS / 2)
            moved, both = _loopback_bytes(holder.pid), [len(_steps(each)) for each in said]
            _kill(groups.pop())
            time.sleep(SECONDS)
        finally:
            for each in groups:
                _kill(each)
        steps, inner = _steps(said[0]), sum(both)
    before, after = steps[: both[0]], steps[both[0] :]
    assert before, "the first contributor trained"
    notes = (
        f"{both[0]} and {both[1]} inner steps with both, then one was killed",
        f"the other made {len(after)} in the {SECONDS:.0f} s after it and was at outer step {steps[-1].epoch}",
        f"longest pause between its steps {_longest_pause(steps):.1f} s; load {os.getloadavg()[0]:.1f}",
    )
    return (
        absolute("hivemind-loss", "nats per byte", [steps[-1].loss], None, notes),
        absolute(
            "hivemind-bytes", "bytes an inner step", [moved / max(1, inner)], None, ("all that passed the loopback",)
        ),
    )


def _start(namespace: int, index: int, said: Path, *address: str) -> "subprocess.Popen[bytes]":
    text = Path(sysconfig.get_path("stdlib"), "argparse.py")
    arguments = [str(PYTHON.absolute()), str(SCRIPT), str(text), str(index), "2", str(10 * SECONDS), *address]
    return _group(["nsenter", "-t", str(namespace), "-n", *arguments], said)


def _group(command: list[str], said: Path) -> "subprocess.Popen[bytes]":
    """A process that leads a group: hivemind's own daemon is in it and ends with it."""
    with said.open("wb") as sink:
        return subprocess.Popen(command, stdout=sink, stderr=subprocess.DEVNULL, start_new_session=True)


def _kill(leader: "subprocess.Popen[bytes]") -> None:
    os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()


def _address(said: Path) -> str:
    """Where a contributor listens, as soon as it says so."""
    until = time.monotonic() + START_SECONDS_MOST
    while time.monotonic() < until:
        first, _, _ = said.read_text(encoding="utf-8").partition("\n")
        if first.endswith("}"):
            return str(json.loads(first)["address"])
        time.sleep(0.2)
    raise TimeoutError("hivemind did not start")


def _steps(said: Path) -> list[Step]:
    lines = said.read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines if '"step"' in line and line.endswith("}")]
    return [Step(each["epoch"], each["loss"], each["at"]) for each in found]


def _longest_pause(steps: list[Step]) -> float:
    return max(later.at - earlier.at for earlier, later in itertools.pairwise(steps))


def _loopback_bytes(pid: int) -> int:
    """What the loopback of a process's network has received so far."""
    lines = Path(f"/proc/{pid}/net/dev").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.strip().startswith("lo:"))
    return int(line.split(":")[1].split()[0])


if __name__ == "__main__":
    for found in peers():
        sys.stdout.write(f"{found}\n")
