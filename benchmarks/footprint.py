"""What a paused engine costs, process by process, and beside it Debian's boinc-client where that is installed."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psutil

from benchmarks.measurement import Measurement, Target, absolute
from benchmarks.rig import rig

IDLE_SECONDS = 60.0
# What follows a stop (closing drivers, writing the account) is no part of being stopped.
SETTLING_SECONDS = 15.0
MEBIBYTE = 2**20
PROCESSES: Mapping[str, str] = MappingProxyType({"sparewatt.engine": "engine", "sparewatt.sensing": "sensors"})


@dataclass(frozen=True)
class Cost:
    """Of one process over a while.

    Attributes:
        wakeups: voluntary context switches of all its threads: each of them was asleep and was woken.
    """

    pss_bytes: int
    busy_seconds: float
    wakeups: int

    def since(self, before: "Cost") -> "Cost":
        return Cost(self.pss_bytes, self.busy_seconds - before.busy_seconds, self.wakeups - before.wakeups)


def cost(process: psutil.Process) -> Cost:
    """So far; `since` makes the cost of a while from two of them."""
    times = process.cpu_times()
    return Cost(process.memory_full_info().pss, times.user + times.system, wakeups(Path("/proc", str(process.pid))))


def wakeups(process: Path) -> int:
    """Of every thread that lives, by its folder of the process file system."""
    return sum(_voluntary((thread / "status").read_text()) for thread in (process / "task").iterdir())


def _voluntary(status: str) -> int:
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(lines["voluntary_ctxt_switches"])


def stopped_footprint() -> tuple[Measurement, ...]:
    """Memory, processor time and wake-ups of a paused engine and its sensors; boinc-client beside them."""
    return asyncio.run(_stopped_footprint())


async def _stopped_footprint() -> tuple[Measurement, ...]:
    async with rig(threads=1) as system, _boinc() as boinc:
        await system.until_worker("training", inner_steps=1)
        await system.pause()
        await system.until_worker("none")
        # Nobody looks on: every snapshot that is sent would be work of the engine's.
        system.unwatch()
        await asyncio.sleep(SETTLING_SECONDS)
        processes = {_name(process): process for process in system.engine_processes()}
        if boinc is not None:
            processes["boinc-client"] = boinc
        before = {name: cost(process) for name, process in processes.items()}
        await asyncio.sleep(IDLE_SECONDS)
        costs = {name: cost(process).since(before[name]) for name, process in processes.items()}
    return measurements(costs)


def _name(process: psutil.Process) -> str:
    """What a process of ours is called here; anything else by its number, so that nothing goes uncounted."""
    return next((PROCESSES[word] for word in process.cmdline() if word in PROCESSES), f"process-{process.pid}")


def measurements(costs: Mapping[str, Cost]) -> tuple[Measurement, ...]:
    """Of our processes together, of each of them, and of the other client without a target."""
    ours = {name: each for name, each in costs.items() if name != "boinc-client"}
    count = (f"{len(ours)} processes: {', '.join(ours)}",)
    memory = sum(each.pss_bytes for each in ours.values()) / MEBIBYTE
    busy = sum(each.busy_seconds for each in ours.values())
    found = [
        absolute("stopped-memory", "MiB PSS", [memory], Target("at most", 80.0), count),
        absolute("stopped-processor", "% of a core", [100 * busy / IDLE_SECONDS], Target("at most", 0.2), count),
    ]
    for name, each in costs.items():
        target = Target("at most", 1.0) if name in ours else None
        found.append(absolute(f"{name}-wakeups", "/s", [each.wakeups / IDLE_SECONDS], target, (_words(each),)))
    return tuple(found)


def _words(each: Cost) -> str:
    return f"{each.pss_bytes / MEBIBYTE:.1f} MiB PSS, {100 * each.busy_seconds / IDLE_SECONDS:.2f} % of a core"


@asynccontextmanager
async def _boinc() -> AsyncIterator[psutil.Process | None]:
    """The client on a folder of its own, without a project and without fetching anything; None where it is missing."""
    program = shutil.which("boinc")
    if program is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        options = ("--dir", folder, "--no_gui_rpc", "--no_info_fetch", "--no_gpus", "--redirectio")
        started = await asyncio.create_subprocess_exec(program, *options, cwd=folder)
        try:
            yield psutil.Process(started.pid)
        finally:
            if started.returncode is None:
                started.terminate()
            await started.wait()
