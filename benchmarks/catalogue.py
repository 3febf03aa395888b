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
from benchmarks.footprint import stopped_footprint
from benchmarks.measurement import Measurement, Target, absolute, paired
from benchmarks.merge import merge
from benchmarks.publish import publish
from benchmarks.release import detection, release
from benchmarks.rig import Rig, bare, pin, rig
from benchmarks.scale.course import Course, lines
from benchmarks.transfer import measured
from benchmarks.uplink import uplink

PAIRS = 3
TRANSFERS = 5
SPEED_SECONDS = 20.0
MEBIBYTE = 2**20
WORKER_CORE, OTHER_CORE = 0, 1


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
    ours, bare, kept = (1_000 * each / len(moved.downloads) for each in moved.processor_seconds)
    forgotten = (
        "64 MiB, written, hashed and durable; the bare websocket sends the same chunks and forgets them",
        f"processor time of both sides for each: {ours:.0f} ms, bare {bare:.0f} ms",
    )
    keeping = (
        "the same against a bare websocket whose receiver writes, hashes and makes durable, one after the other",
        f"processor time of both sides for each: {ours:.0f} ms, bare and kept {kept:.0f} ms",
    )
    pairs = tuple(zip(moved.downloads, moved.bare, strict=True))
    kept_pairs = tuple(zip(moved.downloads, moved.kept, strict=True))
    return (
        absolute("first-byte", "ms", moved.first_byte_milliseconds, Target("at most", 200.0), proofs),
        paired("shard-download", "MiB/s", pairs, Target("at least", 0.6), forgotten),
        paired("shard-download-kept", "MiB/s", kept_pairs, None, keeping),
    )


def scale() -> tuple[Measurement, ...]:
    """Ten thousand simulated contributors of a 1 B run, who come and go, around the shipped round code."""
    found = Course(contributors=10_000, parameters=1_000_000_000, hours=6.0, seed=1).run()
    return (
        absolute("scale-utilisation", "% of device time", [100 * found.utilisation], None, lines(found)),
        absolute("scale-goodput", "% of tokens", [100 * found.goodput], None),
        absolute("scale-outer-steps", "outer steps", [found.outer_steps], None),
    )


MEMORY_PROBES = (
    ("small", 8),
    ("small", 2),
    ("words", 2),
    ("tied-32k", 2),
    ("separate-32k", 2),
    ("grouped-32k", 2),
    ("tied-50k", 1),
    ("separate-50k", 1),
    ("adapter-32k", 2),
    ("large", 1),
)


def memory_estimate() -> tuple[Measurement, ...]:
    """What training was estimated to take of memory, against its peak on the processor, for ten models."""
    found = []
    for size, sequences in MEMORY_PROBES:
        for checkpointing in (False, True):
            flags = ["--checkpointing"] if checkpointing else []
            command = [sys.executable, "-m", "benchmarks.memory_probe", size, str(sequences), *flags]
            said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            name = f"memory-{size}-{sequences}" + ("-checkpointing" if checkpointing else "")
            pair = (said["estimate"] / MEBIBYTE, said["measured"] / MEBIBYTE)
            found.append(paired(name, "MiB", [pair], None, ("fp32, one process each; estimate against peak",)))
    return tuple(found)


BENCHMARKS: dict[str, Callable[[], tuple[Measurement, ...]]] = {
    "worker-ratio": worker_ratio,
    "start-up": start_up,
    "stopped-footprint": stopped_footprint,
    "transfer": transfer,
    "release": release,
    "release-detection": detection,
    "codec": codec,
    "merge": merge,
    "publish": publish,
    "bytes": byte_counts,
    "uplink": uplink,
    "try": trial,
    "first-paint": first_paint,
    "ui-calls": ui_calls,
    "scale": scale,
    "memory-estimate": memory_estimate,
}
