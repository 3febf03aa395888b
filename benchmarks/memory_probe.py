"""``python -m benchmarks.memory_probe SIZE MICRO_BATCH [--checkpointing]``: what training really takes, in one process.

Prints a line of JSON: the estimate and the peak of resident memory above what the process had with torch loaded and a
small model trained. Linux only: the kernel forgets an earlier peak on request.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import numpy as np
import torch

from sparewatt.numeric.initial import initial_weights
from sparewatt.training.data import Sequences, Span
from sparewatt.training.device import open_device
from sparewatt.training.inner import InnerLoop, Plan
from sparewatt.training.micro_batch import MicroBatch
from sparewatt.training.model import build_flat, use_checkpointing
from sparewatt.work.manifest import OptimiserSpec
from sparewatt.work.memory import TrainingPass, memory_need
from sparewatt.work.model import ModelSpec

SIZES = {
    "warm": ModelSpec("llama", 256, 64, 128, 1, 2, 2, 64),
    "small": ModelSpec("llama", 256, 256, 688, 6, 4, 4, 512),
    "words": ModelSpec("gpt2", 16_000, 384, 1_536, 6, 6, 6, 512),
    "large": ModelSpec("llama", 256, 768, 2_048, 12, 12, 12, 1_024),
}
STEPS = 2


class Open:
    def enter(self) -> float | None:
        return 3600.0

    def leave(self, busy_seconds: float) -> None:
        """Nothing to pace."""


def train(spec: ModelSpec, sequences: int, *, checkpointing: bool) -> None:
    length = spec.context_length // 2
    model = build_flat(spec, torch.device("cpu"))
    model.load(initial_weights(spec, 0))
    if checkpointing:
        use_checkpointing(model.module)
    optimiser = OptimiserSpec("adamw", 900_000, 950_000, 10_000, 100_000, 1_000, 1_000_000, 100_000, 0, 200_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shard")
        (np.arange(STEPS * sequences * length) % 251).astype(np.uint8).tofile(path)
        data = Sequences(
            (Span(path, 0, STEPS * sequences * length),),
            token_dtype="u8",  # noqa: S106 - no secret
            vocabulary_size=spec.vocabulary_size,
            sequence_length=length,
            batch_sequences=sequences,
            seed=0,
        )
        loop = InnerLoop(model, open_device("cpu", 1), Open(), MicroBatch(sequences, sequences), monotonic)
        list(loop.train(data, Plan(optimiser, STEPS, sequences, 1_000_000, 1_000_000)))


@contextmanager
def peak() -> Iterator[list[int]]:
    """Bytes of resident memory at its peak within, above what they were before."""
    Path("/proc/self/clear_refs").write_text("5")
    before, found = _kilobytes("VmRSS"), list[int]()
    yield found
    found.append(1024 * (_kilobytes("VmHWM") - before))


def _kilobytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("size", choices=sorted(SIZES))
    parser.add_argument("sequences", type=int)
    parser.add_argument("--checkpointing", action="store_true")
    options = parser.parse_args()
    spec = SIZES[options.size]
    # The first pass with checkpointing also loads 100 MB of torch's compiler.
    train(SIZES["warm"], 1, checkpointing=options.checkpointing)
    with peak() as found:
        train(spec, options.sequences, checkpointing=options.checkpointing)
    training = TrainingPass(spec.context_length // 2, options.sequences, checkpointing=options.checkpointing)
    estimate = memory_need(spec, training, card=False).device_bytes
    sys.stdout.write(json.dumps({"estimate": estimate, "measured": found[0]}) + "\n")


if __name__ == "__main__":
    main()
