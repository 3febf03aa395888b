"""How often weights are copied into the trainable area."""

from dataclasses import dataclass

import numpy as np
import torch

from sparewatt.training.model import build_flat
from sparewatt.work.model import ModelSpec, parameter_count
from sparewatt.worker.areas import TRAINABLE_HEADER_BYTES, TrainedMark, read_mark
from sparewatt.worker.mirror import TrainableMirror

SPEC = ModelSpec("llama", 16, 8, 8, 1, 1, 1, 8)


@dataclass
class Clock:
    """Every look takes `look_seconds`, so a copy seems to take one look's time."""

    look_seconds: float
    now: float = 0.0

    def __call__(self) -> float:
        self.now += self.look_seconds
        return self.now


def mark(inner_steps: int) -> TrainedMark:
    return TrainedMark("0" * 32, inner_steps, inner_steps)


def copied(copy_seconds: float, step_seconds: float) -> list[bool]:
    """Of ten inner steps, which were copied."""
    clock = Clock(copy_seconds)
    area = memoryview(bytearray(TRAINABLE_HEADER_BYTES + 4 * parameter_count(SPEC)))
    mirror = TrainableMirror(area, build_flat(SPEC, torch.device("cpu")), clock)
    mirror.copy(mark(0))
    done = []
    for step in range(1, 11):
        clock.now += step_seconds
        done.append(mirror.copy_if_cheap(mark(step)))
    return done


def test_a_cheap_copy_is_made_after_every_inner_step() -> None:
    assert all(copied(copy_seconds=0.001, step_seconds=0.25))


def test_a_dear_copy_takes_a_hundredth_of_the_time() -> None:
    assert copied(copy_seconds=0.01, step_seconds=0.33) == [False, False, True] * 3 + [False]


def test_a_copy_holds_the_weights_and_says_whose_they_are() -> None:
    area = memoryview(bytearray(TRAINABLE_HEADER_BYTES + 4 * parameter_count(SPEC)))
    model = build_flat(SPEC, torch.device("cpu"))
    mirror = TrainableMirror(area, model, Clock(0.001))
    model.weights.copy_(torch.arange(len(model.weights)))
    mirror.copy(mark(4))
    assert read_mark(area) == mark(4)
    assert (mirror.weights == np.arange(len(model.weights))).all()


def dear_mirror() -> tuple[TrainableMirror, memoryview, torch.Tensor]:
    """One that copied at inner step 1 and found a copy for each inner step too dear."""
    area = memoryview(bytearray(TRAINABLE_HEADER_BYTES + 4 * parameter_count(SPEC)))
    model = build_flat(SPEC, torch.device("cpu"))
    mirror = TrainableMirror(area, model, Clock(0.01))
    mirror.copy(mark(1))
    mirror.moving()
    model.weights.fill_(7.0)
    return mirror, area, model.weights


def test_an_urgent_stop_copies_what_was_completed_since() -> None:
    mirror, area, _ = dear_mirror()
    assert not mirror.copy_if_cheap(mark(2))
    assert mirror.copy_before_leaving()
    assert read_mark(area) == mark(2)
    assert mirror.weights[0] == 7.0


def test_an_urgent_stop_in_the_middle_of_an_inner_step_leaves_the_step_before() -> None:
    mirror, area, _ = dear_mirror()
    assert not mirror.copy_before_leaving()
    assert read_mark(area) == mark(1)
    assert mirror.weights[0] == 0.0
