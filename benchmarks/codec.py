"""How fast one core encodes and decodes updates, and how small they are."""

import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np

from benchmarks.gradients import PseudoGradients
from benchmarks.measurement import Measurement, Target, absolute
from sparewatt.numeric.codec import UpdateReader, encode_update
from sparewatt.numeric.residual import BYTES_PER_COORDINATE, Residual
from sparewatt.numeric.weights import FLOAT, Floats
from sparewatt.work.manifest import CodecSpec

COORDINATES: Final = 25_000_000
REPETITIONS: Final = 3
DECAY_MICRO: Final = 950_000
TARGET: Final = Target("at least", 200.0)
PROFILES: Final = (("topk", 64), ("topk", 128), ("topk", 256), ("int8", 0), ("int4", 0), ("fp16", 0))


@dataclass(frozen=True)
class Taken:
    """Seconds of the processor and of the clock."""

    processor: float
    wall: float


def codec() -> tuple[Measurement, ...]:
    """Encoding with error feedback and decoding of 25 M parameters by each codec, in MB/s of fp32 parameters a core."""
    delta = PseudoGradients(1).whole(0, COORDINATES)
    base = (np.random.default_rng(2).standard_normal(COORDINATES, dtype=FLOAT)) * np.float32(0.02)
    trained = base - delta
    cast = [timed(lambda: delta.copy().astype(np.float16)) for _ in range(REPETITIONS)]
    copied = [timed(delta.copy) for _ in range(REPETITIONS)]
    found = [_measured(name, kept, base, trained) for name, kept in PROFILES]
    notes = ("numpy on the same pseudo-gradient, in the same process",)
    return (
        *found,
        absolute("numpy-copy", "MB/s", [_speed(each.processor) for each in copied], None, notes),
        absolute("numpy-copy-fp16", "MB/s", [_speed(each.processor) for each in cast], None, notes),
    )


def timed(do: Callable[[], object]) -> Taken:
    """What `do` takes on one thread."""
    processor, wall = time.process_time(), time.perf_counter()
    do()
    return Taken(time.process_time() - processor, time.perf_counter() - wall)


def _measured(name: str, kept: int, base: Floats, trained: Floats) -> Measurement:
    spec = CodecSpec(name, "decay", kept=kept, decay_micro=DECAY_MICRO)  # type: ignore[arg-type]
    memory = bytearray(BYTES_PER_COORDINATE * COORDINATES)
    encoding, decoding = [], []
    for _ in range(REPETITIONS):
        sink = io.BytesIO()
        residual = Residual(memory, COORDINATES, DECAY_MICRO, 1)
        encoding.append(timed(lambda sink=sink, residual=residual: encode_update(base, trained, spec, sink, residual)))  # type: ignore[misc]
        decoding.append(timed(lambda sink=sink: _decode(sink, spec)))  # type: ignore[misc]
    both = [_speed(one.processor + other.processor) for one, other in zip(encoding, decoding, strict=True)]
    wall = median(_speed(one.wall + other.wall) for one, other in zip(encoding, decoding, strict=True))
    notes = (
        f"{8 * len(sink.getvalue()) / COORDINATES:.4f} bits a parameter",
        (
            f"encoding {median(_speed(each.processor) for each in encoding):.0f} MB/s,"
            f" decoding {median(_speed(each.processor) for each in decoding):.0f} MB/s of processor time"
        ),
        f"{wall:.0f} MB/s by the clock, at a load of {os.getloadavg()[0]:.1f}",
    )
    return absolute(f"codec-{name}-{kept}" if kept else f"codec-{name}", "MB/s", both, TARGET, notes)


def _decode(sink: io.BytesIO, spec: CodecSpec) -> None:
    reader = UpdateReader(sink, spec, COORDINATES)
    for index in range(reader.blocks):
        reader.read(index)


def _speed(seconds: float) -> float:
    """MB/s of fp32 parameters."""
    return 4 * COORDINATES / seconds / 1e6
