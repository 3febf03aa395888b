"""How fast a device is free when somebody wants it: a real worker with a large model, stopped within an inner step."""

import asyncio
import os
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec
import psutil

from benchmarks.load import full_load, yield_session
from benchmarks.measurement import Measurement, Target, absolute
from benchmarks.rig import Rig, rig
from sparewatt.process.child import environment_for
from sparewatt.testing.worker_bench import Bench, Hearing, begin
from sparewatt.work.model import ModelSpec, parameter_count
from sparewatt.worker.areas import read_mark
from sparewatt.worker.messages import Progress
from sparewatt.worker.port import WorkerExited
from sparewatt.worker.supervisor import WorkerProcess, WorkerSupervisor

REPETITIONS = 3
LARGE = ModelSpec("llama", 256, 768, 2048, 15, 12, 12, 64)
# A stop may come at any moment of an inner step; these are spread over one.
SECONDS_INTO_STEP = (0.1, 0.7, 1.6)
DETECTIONS = 5
LOAD_SECONDS_MOST = 60.0
LOOK_SECONDS = 0.005

Beside = Literal["release", "release-loaded", "release-starved"]
# No target where the processor gives the worker next to nothing: the engine takes memory back from it, but its own end
# waits for its turn.
TARGETS: Mapping[Beside, Target | None] = MappingProxyType(
    {"release": Target("at most", 1.0), "release-loaded": Target("at most", 1.0), "release-starved": None}
)
_WORDS: Mapping[Beside, str] = MappingProxyType(
    {
        "release": "nothing of ours beside it",
        "release-loaded": "every core busy with a program of normal priority, in a session of its own",
        "release-starved": "the same, and the worker's session at the lowest priority, as its process is within it",
    }
)
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Released:
    """One urgent stop.

    Attributes:
        seconds: from the trigger to nearly all of its memory returned.
        gone_seconds: from the trigger to the process reaped.
        resident_bytes: what the worker held just before.
        freed_bytes: how much more memory the computer had right after.
        steps: completed inner steps; `steps_lost` are those of them that did not survive.
        load: of the machine, with all that runs there.
    """

    seconds: float
    gone_seconds: float
    resident_bytes: int
    freed_bytes: int
    steps: int
    steps_lost: int
    load: float


def release() -> tuple[Measurement, ...]:
    """From an urgent stop to the worker's memory free: alone, with every core busy, and starved by them."""
    return asyncio.run(_release())


async def _release() -> tuple[Measurement, ...]:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), LARGE)
        bench.permit.compute()
        try:
            found = {
                beside: [await _stop(bench, seconds, beside) for seconds in SECONDS_INTO_STEP] for beside in TARGETS
            }
        finally:
            bench.close()
    return tuple(_measurement(beside, stops) for beside, stops in found.items())


def _measurement(beside: Beside, stops: Sequence[Released]) -> Measurement:
    millions = parameter_count(LARGE) / 1e6
    resident = min(stop.resident_bytes for stop in stops) / MEBIBYTE
    freed = min(stop.freed_bytes for stop in stops) / MEBIBYTE
    notes = (
        f"{millions:.0f} M parameters on the processor; worst {max(stop.seconds for stop in stops):.2f} s",
        f"the process itself was gone after {max(stop.gone_seconds for stop in stops):.2f} s at worst",
        f"at least {resident:,.0f} MiB were resident, and at least {freed:,.0f} MiB more were free afterwards",
        f"completed inner steps lost: {[stop.steps_lost for stop in stops]} of {[stop.steps for stop in stops]}",
        _WORDS[beside],
        f"load of the machine: {max(stop.load for stop in stops):.1f}",
    )
    # The worst is what a person remembers, so it has to meet the target, too.
    seconds, target = [stop.seconds for stop in stops], TARGETS[beside]
    measured = absolute(beside, "s", seconds, target, notes)
    return measured if target is None else msgspec.structs.replace(measured, met=target.met(max(seconds)))


async def _stop(bench: Bench, seconds_into_step: float, beside: Beside) -> Released:
    supervisor = WorkerSupervisor(environment_for(os.environ, {}), lambda _: None)
    hearing = await begin(supervisor, bench)
    assert isinstance(hearing.worker, WorkerProcess), "a real worker was started"
    process = psutil.Process(hearing.worker.pid)
    await hearing.worker.send(bench.train(inner_steps=500))
    completed = await hearing.until(Progress)
    if beside == "release-starved":
        yield_session(process.pid)
    with full_load(0 if beside == "release" else os.cpu_count() or 1, LOAD_SECONDS_MOST):
        return await _stopped(bench, hearing, completed, seconds_into_step)


async def _stopped(bench: Bench, hearing: Hearing, completed: Progress, seconds_into_step: float) -> Released:
    assert isinstance(hearing.worker, WorkerProcess), "a real worker was started"
    process = psutil.Process(hearing.worker.pid)
    await asyncio.sleep(seconds_into_step)
    resident = _private_bytes(process.pid)
    assert resident is not None, "it trains"
    available = psutil.virtual_memory().available
    began = time.monotonic()
    freeing = asyncio.create_task(_freed(process.pid, resident))
    stopping = asyncio.create_task(hearing.worker.stop("urgent"))
    rest = [completed]
    while not isinstance(event := await hearing.next(), WorkerExited):
        rest += [event] if isinstance(event, Progress) else []
    gone = time.monotonic() - began
    freed = psutil.virtual_memory().available - available
    assert not psutil.pid_exists(process.pid), "a process that was reaped is gone"
    await stopping
    seconds = await freeing - began
    mark = read_mark(bench.areas.trainable.view)
    kept = 0 if mark is None else mark.inner_steps
    steps = rest[-1].inner_steps
    return Released(seconds, gone, resident, freed, steps, steps - kept, os.getloadavg()[0])


async def _freed(pid: int, resident_bytes: int) -> float:
    """The monotonic moment at which nearly all that a process held was taken back, as it ended or by its end."""
    while psutil.pid_exists(pid):
        left = _private_bytes(pid)
        if left is not None and left <= resident_bytes / 10:
            break
        await asyncio.sleep(LOOK_SECONDS)
    return time.monotonic()


def _private_bytes(pid: int) -> int | None:
    """What a process holds for itself alone; None when it is gone, or has let go of its address space, which says
    nothing yet of the memory in it."""
    try:
        size, resident, shared = (int(each) for each in Path("/proc", str(pid), "statm").read_text().split()[:3])
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (resident - shared) * resource.getpagesize() if size else None


def detection() -> tuple[Measurement, ...]:
    """From the person's word to the stop that it leads to; what `release` measures comes after."""
    detections = asyncio.run(_detections())
    words = ("from the pause that a person asks for to the stop",)
    return (absolute("release-detection", "s", detections, None, words),)


async def _detections() -> list[float]:
    """From the command to the worker gone, less what the engine says that leaving took."""
    async with rig(threads=1) as system:
        return [await _detection(system) for _ in range(DETECTIONS)]


async def _detection(system: Rig) -> float:
    await system.resume()
    await system.until_worker("training", inner_steps=1)
    began = time.monotonic()
    await system.pause()
    device = await system.until_worker("none")
    whole = time.monotonic() - began
    assert device.released_milliseconds is not None, "a pause is urgent"
    return max(0.0, whole - device.released_milliseconds / 1000)
