"""The inner loop, with golden numbers for its mathematics."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from sparewatt.errors import IntegrityError, UnavailableError
from sparewatt.numeric.moment_layout import moment_numbers
from sparewatt.numeric.moments import CODE, unreported, write_moments
from sparewatt.training.data import Sequences, Span
from sparewatt.training.device import Device, PassMemory, open_device
from sparewatt.training.inner import InnerLoop, InnerStep, Plan
from sparewatt.training.micro_batch import MicroBatch
from sparewatt.training.model import FlatModel, build_flat, use_checkpointing
from sparewatt.training.moments import reported_moments, shared_moments
from sparewatt.training.optimiser import Optimiser
from sparewatt.work.manifest import OptimiserSpec
from sparewatt.work.model import ModelSpec, parameter_count

SPEC = ModelSpec("llama", 64, 32, 64, 2, 4, 2, 32)
OPTIMISER = OptimiserSpec("adamw", 900_000, 950_000, 10_000, 100_000, 1_000, 10_000_000, 100_000, 0, 200_000)
LENGTH, BATCH, STEPS = 16, 4, 5

GOLDEN_LOSSES = [4.3336000, 4.4572554, 4.2184072, 4.1708131, 4.3090873]
GOLDEN_SHARED_LOSSES = [4.3336000, 4.6034079, 4.7162290, 4.3505034, 4.3320851]
GOLDEN_PROJECTION = -0.465227
GOLDEN_SQUARES = 574.63483


def wave(count: int, step: float) -> np.ndarray:
    """Numbers that look random and need no generator."""
    return np.sin(np.arange(1, count + 1) * step)


@dataclass
class Gate:
    """Opens `times` times and remembers what it was told."""

    times: int | None = None
    bound_seconds: float = 1e9
    entered: int = 0
    told: list[float] = field(default_factory=list)

    def enter(self) -> float | None:
        if self.entered == self.times:
            return None
        self.entered += 1
        return self.bound_seconds

    def leave(self, busy_seconds: float) -> None:
        self.told.append(busy_seconds)


def ticking(seconds: float) -> Iterator[float]:
    return itertools.count(0.0, seconds)


def model() -> FlatModel:
    made = build_flat(SPEC, torch.device("cpu"))
    made.load((wave(parameter_count(SPEC), 12.9898) * 0.2).astype(np.float32))
    with torch.no_grad():
        for parameter in made.module.parameters():
            if parameter.ndim == 1:
                parameter.add_(1.0)
    return made


@pytest.fixture
def sequences(tmp_path: Path) -> Sequences:
    path = tmp_path / "shard"
    ((wave(LENGTH * BATCH * STEPS, 0.7) + 1) * 31).astype(np.uint8).tofile(path)
    return Sequences(
        (Span(path, 0, LENGTH * BATCH * STEPS),),
        token_dtype="u8",
        vocabulary_size=64,
        sequence_length=LENGTH,
        batch_sequences=BATCH,
        seed=5,
    )


def plan(inner_steps: int = STEPS) -> Plan:
    return Plan(OPTIMISER, inner_steps, BATCH, rate_first_nano=10_000_000, rate_last_nano=2_000_000)


def loop(trained: FlatModel, gate: Gate, micro_batch: int = BATCH) -> InnerLoop:
    ticks = ticking(0.001)
    return InnerLoop(trained, open_device("cpu", 1), gate, MicroBatch(micro_batch, micro_batch), lambda: next(ticks))


def run(sequences: Sequences, gate: Gate | None = None, micro_batch: int = BATCH) -> tuple[list[InnerStep], np.ndarray]:
    trained = model()
    steps = list(loop(trained, gate or Gate(), micro_batch).train(sequences, plan()))
    return steps, trained.weights.numpy().copy()


def test_golden_numbers_of_five_inner_steps(sequences: Sequences) -> None:
    """They change when the optimiser, its rates, the clip, the loss or the order of data changes.

    Tolerances are those of fp32 sums in another order, which differs between processors.
    """
    steps, weights = run(sequences)
    assert [step.loss for step in steps] == pytest.approx(GOLDEN_LOSSES, abs=2e-5)
    probe = wave(len(weights), 78.233)
    assert float(np.sum(weights * probe)) == pytest.approx(GOLDEN_PROJECTION, abs=2e-3)
    assert float(np.sum(weights.astype(np.float64) ** 2)) == pytest.approx(GOLDEN_SQUARES, abs=2e-3)


def test_golden_numbers_of_five_inner_steps_from_second_moments_that_were_shared(
    sequences: Sequences, tmp_path: Path
) -> None:
    """The moments of five steps go through a published file, in the order of tensors, and into an optimiser again.

    Where another processor's sums fall on the other side of a step of 0.3 %, losses move by up to 1e-4.
    """
    first = model()
    optimiser = Optimiser(first.module, OPTIMISER)
    list(loop(first, Gate()).train(sequences, plan(), optimiser))
    with (tmp_path / "moments").open("wb") as sink:
        write_moments(np.frombuffer(reported_moments(first, optimiser), dtype=CODE), sink)
    again = model()
    shared = shared_moments(again, tmp_path / "moments")
    assert shared is not None
    for (rows, columns), (kept_rows, kept_columns) in zip(optimiser.second_moments(), shared, strict=True):
        assert torch.allclose(columns, kept_columns, rtol=0.003)
        assert len(rows) == 1 or torch.allclose(rows, kept_rows, rtol=0.003)
    steps = list(loop(again, Gate()).train(sequences, plan(), Optimiser(again.module, OPTIMISER, shared)))
    assert [step.loss for step in steps] == pytest.approx(GOLDEN_SHARED_LOSSES, abs=3e-4)
    assert steps[0].loss == pytest.approx(GOLDEN_LOSSES[0], abs=2e-5), "nothing has moved yet"


def test_moments_that_nobody_has_reported_yet_are_none(tmp_path: Path) -> None:
    with (tmp_path / "moments").open("wb") as sink:
        write_moments(np.frombuffer(unreported(moment_numbers(SPEC)), dtype=CODE), sink)
    assert shared_moments(model(), tmp_path / "moments") is None


def test_the_golden_numbers_are_sharp_enough_to_see_another_order_of_data(sequences: Sequences) -> None:
    class Reversed(Sequences):
        def __init__(self) -> None:
            self._all = sequences.batch(0, len(sequences))[::-1].copy()

        def __len__(self) -> int:
            return len(self._all)

        def batch(self, first: int, count: int) -> np.ndarray:
            return self._all[first : first + count]

    steps, _ = run(Reversed())
    assert [step.loss for step in steps] != pytest.approx(GOLDEN_LOSSES, abs=2e-3)


@pytest.mark.parametrize("micro_batch", [1, 2, 3])
def test_the_result_does_not_depend_on_the_micro_batch(sequences: Sequences, micro_batch: int) -> None:
    steps, weights = run(sequences)
    cut_steps, cut_weights = run(sequences, micro_batch=micro_batch)
    assert [step.loss for step in cut_steps] == pytest.approx([step.loss for step in steps], abs=1e-4)
    # Adam divides by the gradient's own size, so that rounding shows where a gradient is almost zero.
    assert np.abs(cut_weights - weights).mean() < 1e-4


def test_two_runs_give_the_same_bytes(sequences: Sequences) -> None:
    assert run(sequences)[1].tobytes() == run(sequences)[1].tobytes()


def test_each_step_says_what_it_did(sequences: Sequences) -> None:
    steps, _ = run(sequences)
    assert [step.number for step in steps] == [1, 2, 3, 4, 5]
    assert {step.tokens for step in steps} == {LENGTH * BATCH}
    assert all(0 < step.busy_seconds <= step.wall_seconds for step in steps)


def test_what_repeats_is_learned(tmp_path: Path) -> None:
    path = tmp_path / "shard"
    np.full(LENGTH * BATCH * STEPS, 7, np.uint8).tofile(path)
    same = Sequences(
        (Span(path, 0, LENGTH * BATCH * STEPS),),
        token_dtype="u8",
        vocabulary_size=64,
        sequence_length=LENGTH,
        batch_sequences=BATCH,
        seed=0,
    )
    steps, _ = run(same)
    assert steps[-1].loss < steps[0].loss / 2


def test_the_gate_is_asked_before_and_told_after_every_micro_batch(sequences: Sequences) -> None:
    gate = Gate()
    run(sequences, gate, micro_batch=2)
    assert gate.entered == 2 * STEPS
    assert len(gate.told) == 2 * STEPS


def test_without_leave_nothing_is_computed(sequences: Sequences) -> None:
    steps, weights = run(sequences, Gate(times=0))
    assert steps == []
    assert (weights == model().weights.numpy()).all()


def test_a_stop_inside_an_inner_step_leaves_the_weights_of_the_last_completed_one(sequences: Sequences) -> None:
    steps, weights = run(sequences, Gate(times=2 * 3 + 1), micro_batch=2)
    assert len(steps) == 3
    longer = loop(trained := model(), Gate(), 2).train(sequences, plan())
    for _ in range(3):
        next(longer)
    assert (weights == trained.weights.numpy()).all()


def test_micro_batches_that_take_too_long_are_halved(sequences: Sequences) -> None:
    gate = Gate(bound_seconds=0.0001)
    trained = model()
    inner = loop(trained, gate)
    list(inner.train(sequences, plan()))
    assert inner.micro_batch.sequences == 1


def test_ranges_must_hold_what_the_steps_take(sequences: Sequences) -> None:
    for wrong in (STEPS - 1, STEPS + 1):
        with pytest.raises(IntegrityError, match=r"assignment\.ranges"):
            next(loop(model(), Gate()).train(sequences, plan(wrong)))


def test_the_rate_goes_linearly_from_first_to_last() -> None:
    assert [plan().rate(step) for step in range(STEPS)] == pytest.approx([0.010, 0.008, 0.006, 0.004, 0.002])
    assert plan(inner_steps=1).rate(0) == pytest.approx(0.010)


def test_a_loss_that_is_not_a_number_ends_the_assignment(sequences: Sequences) -> None:
    trained = model()
    trained.weights.fill_(float("nan"))
    with pytest.raises(IntegrityError, match=r"training\.loss_not_finite"):
        next(loop(trained, Gate()).train(sequences, plan()))


@pytest.mark.parametrize("stopped_after", [1, 3])
def test_going_on_from_a_kept_state_gives_the_same_bytes_as_never_stopping(
    sequences: Sequences, stopped_after: int
) -> None:
    whole = run(sequences)[1]
    first = model()
    optimiser = Optimiser(first.module, OPTIMISER)
    steps = loop(first, Gate()).train(sequences, plan(), optimiser)
    for _ in range(stopped_after):
        next(steps)
    kept, weights = optimiser.moments(), first.weights.numpy().copy()
    assert kept is not None

    second = model()
    second.load(weights)
    again = Optimiser(second.module, OPTIMISER)
    assert again.moments() is None, "nothing was taken yet"
    read = again.blank_moments()
    for blank, tensor in zip((*read.first, *read.second), (*kept.first, *kept.second), strict=True):
        blank.copy_(tensor)
    again.restore(replace(read, steps=kept.steps))
    later = list(loop(second, Gate()).train(sequences, plan(), again, stopped_after))
    assert [step.number for step in later] == list(range(stopped_after + 1, STEPS + 1))
    assert second.weights.numpy().tobytes() == whole.tobytes()


def test_without_its_moments_it_would_not_be_the_same(sequences: Sequences) -> None:
    whole = run(sequences)[1]
    trained = model()
    steps = loop(trained, Gate()).train(sequences, plan())
    for _ in range(3):
        next(steps)
    list(loop(trained, Gate()).train(sequences, plan(), Optimiser(trained.module, OPTIMISER), 3))
    assert trained.weights.numpy().tobytes() != whole.tobytes()


class Hungry(torch.nn.Module):
    """A model on a device whose memory holds `most` sequences."""

    def __init__(self, inner: torch.nn.Module, most: int) -> None:
        super().__init__()
        self.inner = inner
        self.most = most

    def forward(self, input_ids: torch.Tensor, use_cache: bool) -> object:
        if len(input_ids) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.inner(input_ids=input_ids, use_cache=use_cache)


def test_out_of_memory_halves_the_micro_batch_and_repeats_the_step(sequences: Sequences) -> None:
    _, expected = run(sequences, micro_batch=1)
    trained = model()
    hungry = FlatModel(SPEC, Hungry(trained.module, most=1), trained.weights)
    inner = loop(hungry, Gate())
    assert len(list(inner.train(sequences, plan()))) == STEPS
    assert inner.micro_batch.sequences == 1
    assert (trained.weights.numpy() == expected).all()


class Cramped(Device):
    """A device whose memory holds `MOST` sequences beside the weights, and that says what a pass takes of it."""

    MOST: ClassVar[int] = 3
    EACH: ClassVar[int] = 1_000

    def begin_pass(self) -> int:
        return 50_000

    def pass_memory(self, before_bytes: int) -> PassMemory:
        taken = self.EACH * 2
        return PassMemory(before_bytes, before_bytes + taken, self.EACH * self.MOST - taken)


def test_a_micro_batch_does_not_grow_to_what_memory_would_not_hold(sequences: Sequences) -> None:
    opened = open_device("cpu", 1)
    cramped = Cramped(**{each.name: getattr(opened, each.name) for each in dataclasses.fields(opened)})
    for device, most, found in ((opened, BATCH, BATCH), (cramped, Cramped.MOST, 2)):
        trained = model()
        hungry = FlatModel(SPEC, Hungry(trained.module, most), trained.weights)
        ticks = ticking(0.001)
        inner = InnerLoop(hungry, device, Gate(), MicroBatch(2, BATCH), functools.partial(next, ticks))
        assert len(list(inner.train(sequences, plan()))) == STEPS
        assert inner.micro_batch.sequences == found


def test_what_was_too_much_after_three_smaller_sizes_is_not_what_the_next_try_begins_with(sequences: Sequences) -> None:
    trained = model()
    inner = InnerLoop(
        FlatModel(SPEC, Hungry(trained.module, most=0), trained.weights),
        open_device("cpu", 1),
        Gate(),
        MicroBatch(64, 64),
        functools.partial(next, ticking(0.001)),
    )
    with pytest.raises(UnavailableError) as caught:
        next(inner.train(sequences, plan()))
    assert caught.value.parameters == {"sequences": 8}
    assert inner.micro_batch == MicroBatch(4, 4)


def test_layers_are_checkpointed_when_one_sequence_is_too_much_and_only_then(sequences: Sequences) -> None:
    _, expected = run(sequences, micro_batch=1)
    trained = model()
    hungry = Hungry(trained.module, most=0)
    asked: list[int] = []

    def checkpoint() -> None:
        use_checkpointing(trained.module)
        asked.append(inner.micro_batch.sequences)
        hungry.most = 1

    flat, gate = FlatModel(SPEC, hungry, trained.weights), Gate()
    device, clock = open_device("cpu", 1), functools.partial(next, ticking(0.001))
    inner = InnerLoop(flat, device, gate, MicroBatch(2, BATCH), clock, checkpoint=checkpoint)
    assert len(list(inner.train(sequences, plan()))) == STEPS
    assert asked == [1]
    assert (trained.weights.numpy() == expected).all()


def test_a_device_that_cannot_hold_one_sequence_is_unavailable(sequences: Sequences) -> None:
    trained = model()
    hungry = FlatModel(SPEC, Hungry(trained.module, most=0), trained.weights)
    with pytest.raises(UnavailableError, match=r"device\.out_of_memory"):
        next(loop(hungry, Gate()).train(sequences, plan()))
