"""What can be measured."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.byte_counts import byte_counts
from benchmarks.codec import codec
from benchmarks.desktop import first_paint, ui_calls
from benchmarks.measurement import Measurement, Target, absolute, paired
from benchmarks.merge import merge
from benchmarks.peers.hivemind_run import peers
from benchmarks.publish import publish
from benchmarks.release import release
from benchmarks.rig import Rig, bare, pin, rig
from benchmarks.transfer import measured
from benchmarks.uplink import uplink

PAIRS = 3
TRANSFERS = 5
SPEED_SECONDS = 20.0
IDLE_SECONDS = 60.0
WORKER_CORE, OTHER_CORE = 0, 1
MEBIBYTE = 2**20


def worker_ratio() -> tuple[Measurement, ...]:
    """Tokens/s of a worker in the whole system on its own core, against a bare PyTorch loop there, in turn."""
    return asyncio.run(_worker_ratio())


async def _worker_ratio() -> tuple[Measurement, ...]:
    arguments = ("--threads", "1", "--seconds", str(SPEED_SECONDS))
    pairs, shared = [], []
    async with rig(threads=1) as system:
        for _ in range(PAIRS):
            await system.resume()
            await system.until_worker("training", inner_steps=3)
            shared.append(await _speed(system, SPEED_SECONDS / 2))
            _pin_all(system)
            measured = await _speed(system, SPEED_SECONDS)
            await system.pause()
            await system.until_worker("none")
            pairs.append((measured, (await bare(arguments, WORKER_CORE))["tokens_per_s"]))
    notes = ("one thread on a core of its own; engine, sensors, coordinator and aggregator on another",)
    beside = absolute("worker-shared-cores", "tokens/s", shared, None, ("the same, nothing pinned",))
    return (paired("worker-ratio", "tokens/s", pairs, Target("at least", 0.98), notes), beside)


def _pin_all(system: Rig) -> None:
    coordinator = psutil.Process(system.coordinator.pid)
    for process in (*system.engine_processes(), coordinator, *coordinator.children(recursive=True)):
        pin(process, WORKER_CORE if "sparewatt.worker" in process.cmdline() else OTHER_CORE)


async def _speed(system: Rig, seconds: float) -> float:
    """Tokens/s over about `seconds`, from inner step to inner step: what is between assignments counts."""
    first_at, first = await _next_step(system)
    await asyncio.sleep(seconds)
    last_at, last = await _next_step(system)
    return (last - first) / (last_at - first_at)


async def _next_step(system: Rig) -> tuple[float, int]:
    """When the next inner step was seen to be done, and the tokens up to it."""
    begin = _tokens(system)
    while (now := _tokens(system)) == begin:
        system.children.check()
        await asyncio.sleep(0.005)
    return time.monotonic(), now


def _tokens(system: Rig) -> int:
    device = system.device()
    if device is None:
        return 0
    return device.tokens + (device.current.tokens if device.current is not None else 0)


def start_up() -> tuple[Measurement, ...]:
    """From an engine's start to its first inner step, against a bare process with the same imports, in turn."""
    return asyncio.run(_start_up())


async def _start_up() -> tuple[Measurement, ...]:
    pairs = []
    async with rig(threads=1) as system:
        await system.until_worker("training", inner_steps=1)
        for _ in range(PAIRS):
            await system.stop_engine()
            began = time.monotonic()
            await system.start_engine()
            await system.until_worker("training", inner_steps=1)
            measured = time.monotonic() - began
            await system.stop_engine()
            began = time.monotonic()
            await bare(("--threads", "1"))
            pairs.append((measured, time.monotonic() - began))
            await system.start_engine()
    notes = ("a run that was joined before, its data at hand; the bare process ends after its first step",)
    return (paired("start-up", "s", pairs, Target("at most", 1.5), notes),)


def stopped_footprint() -> tuple[Measurement, ...]:
    """Memory and processor time of a paused engine with its sensors, over a minute."""
    return asyncio.run(_stopped_footprint())


async def _stopped_footprint() -> tuple[Measurement, ...]:
    async with rig(threads=1) as system:
        await system.until_worker("training", inner_steps=1)
        await system.pause()
        await system.until_worker("none")
        # Nobody looks on: every snapshot that is sent would be work of the engine's.
        system.unwatch()
        await asyncio.sleep(10.0)
        before = _busy_seconds(system)
        await asyncio.sleep(IDLE_SECONDS)
        busy_percent = 100 * (_busy_seconds(system) - before) / IDLE_SECONDS
        processes = system.engine_processes()
        pss = sum(process.memory_full_info().pss for process in processes) / MEBIBYTE
    count = f"{len(processes)} processes"
    return (
        absolute("stopped-memory", "MiB PSS", [pss], Target("at most", 80.0), (count,)),
        absolute("stopped-processor", "% of a core", [busy_percent], Target("at most", 0.2), (count,)),
    )


def _busy_seconds(system: Rig) -> float:
    times = [process.cpu_times() for process in system.engine_processes()]
    return sum(each.user + each.system for each in times)


def trial() -> tuple[Measurement, ...]:
    """Held-out loss after `sparewatt try` of three minutes, as a person runs it."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        command = [sys.executable, "-m", "sparewatt_cli", "try", "--on-battery", "--json", str(result)]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        found = json.loads(result.read_bytes())
    notes = (f"first {found['loss_first']:.4f}, {found['tokens']} tokens, {found['versions']} versions",)
    speed = absolute("try-speed", "tokens/s", [found["tokens_per_s"]], None)
    return (absolute("try", found["loss_unit"], [found["loss_last"]], None, notes), speed)


def transfer() -> tuple[Measurement, ...]:
    """A shard over TLS on the loopback: time to its first byte, and its download against a bare websocket, in turn."""
    moved = asyncio.run(measured(TRANSFERS))
    proofs = ("TLS, a proof of each side, the first 256 KiB",)
    kept = ("64 MiB, written, hashed and durable; the bare websocket sends the same chunks and forgets them",)
    return (
        absolute("first-byte", "ms", moved.first_byte_milliseconds, Target("at most", 200.0), proofs),
        paired("shard-download", "MiB/s", moved.pairs, Target("at least", 0.6), kept),
    )


BENCHMARKS: dict[str, Callable[[], tuple[Measurement, ...]]] = {
    "worker-ratio": worker_ratio,
    "start-up": start_up,
    "stopped-footprint": stopped_footprint,
    "transfer": transfer,
    "release": release,
    "codec": codec,
    "merge": merge,
    "publish": publish,
    "bytes": byte_counts,
    "uplink": uplink,
    "peers": peers,
    "try": trial,
    "first-paint": first_paint,
    "ui-calls": ui_calls,
}
