"""``python -m benchmarks.memory_probe SIZE MICRO_BATCH [--checkpointing]``: what training really takes, in one process.

Prints a line of JSON: the estimate and the peak of resident memory above what the process had with torch loaded and a
small model trained. Each inner step has two micro-batches, so that gradients are added to gradients as on any device
whose memory does not hold the batch; several inner steps, because the C library's heap is only as full of holes as it
becomes after some. Linux only: the kernel forgets an earlier peak on request.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import msgspec
import numpy as np
import torch

from sparewatt.numeric.initial import initial_weights
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.training.adapter import Frozen
from sparewatt.training.data import Sequences, Span
from sparewatt.training.device import open_device
from sparewatt.training.inner import InnerLoop, Plan
from sparewatt.training.micro_batch import MicroBatch
from sparewatt.training.model import build_flat, use_checkpointing
from sparewatt.work.adapter import AdapterSpec
from sparewatt.work.manifest import OptimiserSpec
from sparewatt.work.memory import TrainingPass, memory_need
from sparewatt.work.model import ModelSpec, base_of

ADAPTER = AdapterSpec(8, 16, ("self_attn.q_proj", "self_attn.v_proj"))
SIZES = {
    "small": ModelSpec("llama", 256, 256, 688, 6, 4, 4, 512),
    "words": ModelSpec("gpt2", 16_000, 384, 1_536, 6, 6, 6, 512),
    "tied-32k": ModelSpec("llama", 32_000, 256, 688, 4, 4, 4, 512),
    "separate-32k": ModelSpec("qwen2", 32_000, 256, 688, 4, 4, 2, 512, embeddings="separate"),
    "tied-50k": ModelSpec("gpt2", 50_257, 192, 768, 3, 3, 3, 512),
    "separate-50k": ModelSpec("gpt_neox", 50_304, 192, 768, 3, 3, 3, 512, embeddings="separate"),
    "grouped-32k": ModelSpec("qwen3", 32_000, 192, 512, 4, 6, 2, 512, head_size=64),
    "adapter-32k": ModelSpec("llama", 32_000, 384, 1_024, 6, 6, 6, 512, adapter=ADAPTER),
    "large": ModelSpec("llama", 256, 768, 2_048, 12, 12, 12, 1_024),
}
WARM = ModelSpec("llama", 256, 64, 128, 1, 2, 2, 64)
STEPS = 4
MICRO_BATCHES = 2


class Open:
    def enter(self) -> float | None:
        return 3600.0

    def leave(self, busy_seconds: float) -> None:
        """Nothing to pace."""


def train(spec: ModelSpec, sequences: int, folder: Path, *, checkpointing: bool) -> None:
    length, batch = spec.context_length // 2, MICRO_BATCHES * sequences
    model = build_flat(spec, torch.device("cpu"), None if spec.adapter is None else stored(spec, folder))
    model.load(initial_weights(spec, 0))
    if checkpointing:
        use_checkpointing(model.module)
    optimiser = OptimiserSpec("adamw", 900_000, 950_000, 10_000, 100_000, 1_000, 1_000_000, 100_000, 0, 200_000)
    path = folder / "shard"
    (np.arange(STEPS * batch * length) % 251).astype(np.uint8).tofile(path)
    data = Sequences(
        (Span(path, 0, STEPS * batch * length),),
        token_dtype="u8",  # noqa: S106 - no secret
        vocabulary_size=spec.vocabulary_size,
        sequence_length=length,
        batch_sequences=batch,
        seed=0,
    )
    loop = InnerLoop(model, open_device("cpu", 1), Open(), MicroBatch(sequences, sequences), monotonic)
    list(loop.train(data, Plan(optimiser, STEPS, batch, 1_000_000, 1_000_000)))


def stored(spec: ModelSpec, folder: Path) -> Frozen:
    """The file of the weights that the adapter of `spec` stands on."""
    base, path = base_of(spec), folder / "frozen"
    with path.open("wb") as sink:
        write_keyframe(base, initial_weights(base, 0), sink)
    with path.open("rb") as source:
        return Frozen(path, hashlib.file_digest(source, "sha256").hexdigest())


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
    spec, checkpointing = SIZES[options.size], options.checkpointing
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The first pass with checkpointing also loads 100 MB of torch's compiler, the first adapter another library.
        train(msgspec.structs.replace(WARM, adapter=spec.adapter), 1, folder, checkpointing=checkpointing)
        with peak() as found:
            train(spec, options.sequences, folder, checkpointing=checkpointing)
    training = TrainingPass(spec.context_length // 2, options.sequences, checkpointing=checkpointing)
    estimate = memory_need(spec, training, card=False).device_bytes
    sys.stdout.write(json.dumps({"estimate": estimate, "measured": found[0]}) + "\n")


if __name__ == "__main__":
    main()
