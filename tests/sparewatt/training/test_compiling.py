"""The plain model takes over where compiling fails; what a real compiler makes is judged with a real worker."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch

from sparewatt.training.compiling import Backend, CompiledModel, missing_program, reason_of
from sparewatt.training.data import Sequences, Span
from sparewatt.training.device import open_device
from sparewatt.training.inner import InnerLoop, InnerStep, Plan
from sparewatt.training.micro_batch import MicroBatch
from sparewatt.training.model import FlatModel, build_flat
from sparewatt.work.manifest import OptimiserSpec
from sparewatt.work.model import ModelSpec, parameter_count

SPEC = ModelSpec("llama", 64, 32, 64, 1, 2, 2, 32)
OPTIMISER = OptimiserSpec("adamw", 900_000, 950_000, 10_000, 100_000, 1_000, 10_000_000, 100_000, 0, 200_000)
LENGTH, BATCH, STEPS = 16, 4, 3


class Open:
    """A gate that is never closed."""

    def enter(self) -> float:
        return 1e9

    def leave(self, busy_seconds: float) -> None:
        pass


@pytest.fixture
def sequences(tmp_path: Path) -> Sequences:
    path = tmp_path / "shard"
    numbers = (np.sin(np.arange(LENGTH * BATCH * STEPS) * 0.7) + 1) * 31
    numbers.astype(np.uint8).tofile(path)
    spans = (Span(path, 0, LENGTH * BATCH * STEPS),)
    return Sequences(spans, token_dtype="u8", vocabulary_size=64, sequence_length=LENGTH, batch_sequences=BATCH, seed=5)


def model() -> FlatModel:
    made = build_flat(SPEC, torch.device("cpu"))
    made.load((np.sin(np.arange(parameter_count(SPEC)) * 12.9898) * 0.2).astype(np.float32))
    return made


def trained(
    sequences: Sequences, backend: Backend | None, micro_batch: int = BATCH
) -> tuple[list[InnerStep], np.ndarray, CompiledModel | None]:
    """The inner steps, the weights after them, and the compiler; `backend` None trains the plain model."""
    made = model()
    compiled = None if backend is None else CompiledModel(made.module, "cpu", backend)
    size = MicroBatch(micro_batch, micro_batch)
    loop = InnerLoop(made, open_device("cpu", 1), Open(), size, lambda: 0.0, compiled=compiled)
    plan = Plan(OPTIMISER, STEPS, BATCH, rate_first_nano=10_000_000, rate_last_nano=2_000_000)
    return list(loop.train(sequences, plan)), made.weights.numpy().copy(), compiled


def refusing(sentence: str) -> Callable[..., Any]:
    """A backend that cannot compile anything."""

    def backend(graph: object, inputs: object) -> NoReturn:
        raise RuntimeError(sentence)

    return backend


@pytest.mark.parametrize("micro_batch", [1, 3, BATCH])
def test_the_plain_arithmetic_through_the_compiler_is_the_same_for_every_cut_of_the_batch(
    sequences: Sequences, micro_batch: int
) -> None:
    plain_steps, plain, _ = trained(sequences, None, micro_batch)
    steps, weights, compiled = trained(sequences, "eager", micro_batch)
    assert compiled is not None
    assert compiled.active
    assert [step.loss for step in steps] == [step.loss for step in plain_steps]
    assert (weights == plain).all()
    assert [step.compiled for step in steps] == [True, False, False], "only the first pays for compiling"


def test_where_compiling_fails_the_step_is_made_again_without_it(sequences: Sequences) -> None:
    plain_steps, plain, _ = trained(sequences, None, 2)
    steps, weights, compiled = trained(sequences, refusing("no such instruction\nCommand: g++"), 2)
    assert compiled is not None
    assert not compiled.active
    assert compiled.refusal is not None
    assert (compiled.refusal.error_id, compiled.refusal.parameters) == (
        "compile.failed",
        {"reason": "RuntimeError: no such instruction"},
    )
    assert [step.loss for step in steps] == [step.loss for step in plain_steps]
    assert (weights == plain).all()
    assert [step.compiled for step in steps] == [True, False, False]


def test_a_fault_of_the_model_itself_is_not_hidden_by_giving_up(sequences: Sequences) -> None:
    class Broken(torch.nn.Module):
        def forward(self, **inputs: object) -> NoReturn:
            raise RuntimeError("a fault of its own")

    made = model()
    broken = FlatModel(SPEC, Broken(), made.weights)
    compiled = CompiledModel(broken.module, "cpu", "eager")
    loop = InnerLoop(broken, open_device("cpu", 1), Open(), MicroBatch(4, 4), lambda: 0.0, compiled=compiled)
    plan = Plan(OPTIMISER, STEPS, BATCH, rate_first_nano=1, rate_last_nano=1)
    with pytest.raises(RuntimeError, match="a fault of its own"):
        list(loop.train(sequences, plan))


def test_a_computer_without_a_compiler_is_told_which_one_it_lacks(
    sequences: Sequences, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = missing_program("cpu")
    assert missing in ("g++", "clang++", "cl")
    _, weights, compiled = trained(sequences, "inductor")
    assert compiled is not None
    assert compiled.refusal is not None
    assert (compiled.refusal.error_id, compiled.refusal.parameters) == ("compile.no_compiler", {"program": missing})
    assert (weights == trained(sequences, None)[1]).all()


def test_a_card_needs_the_library_that_makes_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparewatt.training.compiling.find_spec", lambda name: None)
    assert missing_program("cuda") == "triton"
    assert missing_program("mps") is None


def test_a_reason_is_one_short_line() -> None:
    assert reason_of(RuntimeError("backend='inductor' raised:\nCppCompileError: C++ compile error\n\nCommand:\n")) == (
        "CppCompileError: C++ compile error"
    )
    assert reason_of(RuntimeError()) == "RuntimeError"
    assert len(reason_of(RuntimeError("x" * 1000))) == 160
