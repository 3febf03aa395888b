"""A small model, real text, and devices that train it with the production inner loop."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import nan
from pathlib import Path
from time import monotonic
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.training.arm import Arm
from benchmarks.training.muon import Muon
from sparewatt.numeric.initial import initial_weights
from sparewatt.numeric.weights import Floats
from sparewatt.training.adapter import Frozen
from sparewatt.training.data import Sequences, Span
from sparewatt.training.device import open_device
from sparewatt.training.inner import InnerLoop, Plan
from sparewatt.training.micro_batch import MicroBatch
from sparewatt.training.model import build_flat, held_out_loss
from sparewatt.training.optimiser import Factors, Optimiser
from sparewatt.work.manifest import OptimiserSpec
from sparewatt.work.model import ModelSpec
from sparewatt_coordinator.create.text import SplitText, collect, split

MODEL: Final = ModelSpec("llama", 256, 96, 256, 3, 4, 4, 128)
SEQUENCE: Final = 64
BATCH: Final = 8
TEXT_BYTES_MOST: Final = 12_000_000
HELD_OUT_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Trained:
    """What an assignment became: the weights it ended with, and what it took."""

    weights: Floats
    inner_steps: int
    tokens: int


class Open:
    """A gate that never holds."""

    def enter(self) -> float | None:
        return 3600.0

    def leave(self, busy_seconds: float) -> None:
        """Nothing to pace."""


@dataclass
class Device:
    """What one device keeps between assignments."""

    optimiser: Optimiser | None = None
    moments: list[Factors] | None = None
    residual: bytearray = field(default_factory=bytearray)
    residual_base: int = 0


@dataclass(frozen=True)
class Share:
    """Which of `count` processes that share every batch this one is, from 0."""

    rank: int = 0
    count: int = 1


class SharedSequences(Sequences):
    """The part of one process in the batches of `whole`."""

    def __init__(self, whole: Sequences, batch_sequences: int, share: Share) -> None:
        self._whole = whole
        self._batch = batch_sequences
        self._share = share

    def __len__(self) -> int:
        return len(self._whole) // self._share.count

    def batch(self, first: int, count: int) -> NDArray[np.int64]:
        """As `Sequences.batch`; `first` and `count` are of this process's own sequences."""
        own = self._batch // self._share.count
        start = first // own * self._batch + self._share.rank * own + first % own
        return self._whole.batch(start, count)


class Lab:
    """Data and a model to train it on; one thread.

    Args:
        source: file or folder with text.
        seed: of the initial weights and of the order of the data.
        share: where several processes share each batch, in a process group of torch's that has been set up.
        spec: with an adapter only that is trained.
        frozen: what an adapter stands on.
        start: the first weights, where they are not new ones.
    """

    def __init__(
        self,
        source: Path,
        seed: int,
        share: Share = Share(),
        *,
        spec: ModelSpec = MODEL,
        frozen: Frozen | None = None,
        start: Floats | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sparewatt-lab-")
        text = text_of(source)
        random = np.random.Generator(np.random.PCG64(seed))
        self._file = Path(self._folder.name, "shard")
        training = _sequences(text.training)
        self._file.write_bytes(training[random.permutation(len(training))].tobytes())
        self.sequences = len(training)
        self._held_out = _sequences(text.held_out).reshape(-1)[:HELD_OUT_BYTES].astype(np.int64)
        self._device = open_device("cpu", 1)
        self._model = build_flat(spec, torch.device("cpu"), frozen)
        self._share = share
        if share.count > 1:
            shared = torch.nn.parallel.DistributedDataParallel(self._model.module)
            self._model = replace(self._model, module=shared)
        self.start = initial_weights(spec, seed) if start is None else start

    def close(self) -> None:
        self._folder.cleanup()

    def train(
        self, device: Device, base: Floats, first: int, steps: int, rates: tuple[float, float], arm: Arm
    ) -> Trained:
        """Train from `base` over `steps` batches from sequence `first` on (around the end of the data, if need be)."""
        batch = batch_of(arm)
        self._model.load(base)
        optimiser = self._optimiser(device, arm)
        own = batch // self._share.count
        loop = InnerLoop(self._model, self._device, Open(), MicroBatch(own, own), monotonic)
        sequences = Sequences(
            self._spans(first, steps * batch),
            token_dtype="u8",  # noqa: S106 - no secret
            vocabulary_size=256,
            sequence_length=SEQUENCE,
            batch_sequences=batch,
            seed=first,
        )
        if self._share.count > 1:
            sequences = SharedSequences(sequences, batch, self._share)
        plan = Plan(optimiser_of(arm), steps, own, round(rates[0] * 1e9), round(rates[1] * 1e9))
        taken = list(loop.train(sequences, plan, optimiser))
        if arm.state == "fresh-shared-v":
            device.moments = optimiser.second_moments()
        return Trained(self._model.weights.numpy().copy(), len(taken), sum(step.tokens for step in taken))

    def loss(self, weights: Floats) -> float:
        """Held-out loss in nats per byte."""
        self._model.load(weights)
        return held_out_loss(self._model.module, self._held_out, SEQUENCE, 64)

    def _optimiser(self, device: Device, arm: Arm) -> Optimiser:
        if arm.state == "kept" or arm.way != "contributors":
            device.optimiser = device.optimiser or Optimiser(self._model.module, optimiser_of(arm))
            return device.optimiser
        if arm.muon_momentum_micro:
            return Muon(self._model.module, optimiser_of(arm), arm.muon_momentum_micro * 1e-6)
        return Optimiser(self._model.module, optimiser_of(arm), device.moments)

    def _spans(self, first: int, count: int) -> tuple[Span, ...]:
        spans: list[Span] = []
        while count:
            begin = first % self.sequences
            taken = min(count, self.sequences - begin)
            spans.append(Span(self._file, begin * SEQUENCE, taken * SEQUENCE))
            first, count = first + taken, count - taken
        return tuple(spans)


class IdleLab(Lab):
    """Trains nothing, so that the course of an arm (who does what when, and what is lost) takes seconds."""

    def train(
        self,
        device: Device,  # noqa: ARG002 - as `Lab` has it, here and below
        base: Floats,
        first: int,  # noqa: ARG002
        steps: int,
        rates: tuple[float, float],  # noqa: ARG002
        arm: Arm,
    ) -> Trained:
        """The weights that it began with."""
        return Trained(base, steps, steps * batch_of(arm) * SEQUENCE)

    def loss(self, weights: Floats) -> float:  # noqa: ARG002
        """Unknown."""
        return nan


def text_of(source: Path) -> SplitText:
    """What is trained on and what is held out.

    Raises:
        InputError: as `collect` and `split`.
    """
    return split(collect(source, TEXT_BYTES_MOST))


def optimiser_of(arm: Arm) -> OptimiserSpec:
    """AdamW with the arm's moments; its learning rates come with each assignment. Adapters are not decayed."""
    decay = 0 if arm.begins == "adapter" else 100_000
    return OptimiserSpec("adamw", arm.beta1_micro, arm.beta2_micro, 10_000, decay, 1_000, 1, 100_000, 0, 200_000)


def batch_of(arm: Arm) -> int:
    """Sequences of one inner step."""
    return BATCH * (len(arm.speeds_milli) if arm.way == "one worker, large batch" else 1)


def mean_moments(moments: Sequence[list[Factors]]) -> list[Factors]:
    """Second moments that a version would carry: the mean of what its devices reported."""
    return [
        (torch.stack([rows for rows, _ in each]).mean(dim=0), torch.stack([columns for _, columns in each]).mean(dim=0))
        for each in zip(*moments, strict=True)
    ]


def _sequences(text: bytes) -> NDArray[np.uint8]:
    count = len(text) // SEQUENCE
    return np.frombuffer(text, dtype=np.uint8, count=count * SEQUENCE).reshape(count, SEQUENCE)
