"""How fast a device is free when somebody wants it: a real worker with a large model, stopped within an inner step."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Released:
    """One urgent stop.

    Attributes:
        seconds: from the trigger to the process reaped and its memory returned.
        resident_bytes: what the worker held just before.
        freed_bytes: how much more memory the computer had right after.
        steps: completed inner steps; `steps_lost` are those of them that did not survive.
        beside: what else the computer did, in words.
    """

    seconds: float
    resident_bytes: int
    freed_bytes: int
    steps: int
    steps_lost: int
    beside: str


def release() -> tuple[Measurement, ...]:
    """From an urgent stop to the worker gone and its memory free; from the person's word to the stop, apart."""
    return asyncio.run(_release())


async def _release() -> tuple[Measurement, ...]:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), LARGE)
        bench.permit.compute()
        try:
            stops = [await _stop(bench, seconds, loaded=False) for seconds in SECONDS_INTO_STEP]
            loaded = [await _stop(bench, seconds, loaded=True) for seconds in SECONDS_INTO_STEP]
        finally:
            bench.close()
    detections = await _detections()
    return (
        _measurement("release", stops),
        _measurement("release-loaded", loaded),
        absolute("release-detection", "s", detections, None, ("from the pause that a person asks for to the stop",)),
    )


def _measurement(name: str, stops: Sequence[Released]) -> Measurement:
    millions = parameter_count(LARGE) / 1e6
    resident = min(stop.resident_bytes for stop in stops) / MEBIBYTE
    freed = min(stop.freed_bytes for stop in stops) / MEBIBYTE
    notes = (
        f"{millions:.0f} M parameters on the processor; worst {max(stop.seconds for stop in stops):.2f} s",
        f"at least {resident:,.0f} MiB were resident, and at least {freed:,.0f} MiB more were free afterwards",
        f"completed inner steps lost: {[stop.steps_lost for stop in stops]} of {[stop.steps for stop in stops]}",
        *dict.fromkeys(stop.beside for stop in stops),
    )
    # The worst is what a person remembers, so it has to meet the target, too.
    seconds = [stop.seconds for stop in stops]
    measured = absolute(name, "s", seconds, Target("at most", 1.0), notes)
    return msgspec.structs.replace(measured, met=max(seconds) <= 1.0)


async def _stop(bench: Bench, seconds_into_step: float, *, loaded: bool) -> Released:
    supervisor = WorkerSupervisor(environment_for(os.environ, {}), lambda _: None)
    hearing = await begin(supervisor, bench)
    assert isinstance(hearing.worker, WorkerProcess), "a real worker was started"
    process = psutil.Process(hearing.worker.pid)
    await hearing.worker.send(bench.train(inner_steps=500))
    completed = await hearing.until(Progress)
    with _beside(process.pid, loaded=loaded) as beside:
        return await _stopped(bench, hearing, completed, seconds_into_step, beside)


@contextmanager
def _beside(worker: int, *, loaded: bool) -> Iterator[str]:
    """What runs beside the worker from now on."""
    cores = os.cpu_count() or 1
    if not loaded:
        yield f"nothing of ours beside it; load of the machine: {os.getloadavg()[0]:.1f}"
        return
    lowest = yield_session(worker)
    with full_load(cores, LOAD_SECONDS_MOST):
        yield f"{cores} cores busy at normal priority; worker's session at the lowest: {'yes' if lowest else 'no'}"


async def _stopped(
    bench: Bench, hearing: Hearing, completed: Progress, seconds_into_step: float, beside: str
) -> Released:
    assert isinstance(hearing.worker, WorkerProcess), "a real worker was started"
    process = psutil.Process(hearing.worker.pid)
    await asyncio.sleep(seconds_into_step)
    resident = process.memory_info().rss - process.memory_info().shared
    available = psutil.virtual_memory().available
    began = time.monotonic()
    stopping = asyncio.create_task(hearing.worker.stop("urgent"))
    rest = [completed]
    while not isinstance(event := await hearing.next(), WorkerExited):
        rest += [event] if isinstance(event, Progress) else []
    seconds = time.monotonic() - began
    freed = psutil.virtual_memory().available - available
    assert not psutil.pid_exists(process.pid), "a process that was reaped is gone"
    await stopping
    mark = read_mark(bench.areas.trainable.view)
    kept = 0 if mark is None else mark.inner_steps
    return Released(seconds, resident, freed, rest[-1].inner_steps, rest[-1].inner_steps - kept, beside)


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
