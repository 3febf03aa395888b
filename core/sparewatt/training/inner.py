"""The inner loop: AdamW from a fresh state over the sequences of one assignment.

The batch of an inner step is cut into micro-batches whose gradients are summed, so it is the same on every device. A
gate is asked before every micro-batch and may hold, slow or end the work there.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import torch

from sparewatt.errors import IntegrityError, UnavailableError
from sparewatt.training.compiling import CompiledModel
from sparewatt.training.data import Sequences
from sparewatt.training.device import Device, is_out_of_memory
from sparewatt.training.micro_batch import MicroBatch
from sparewatt.training.model import FlatModel, next_token_loss
from sparewatt.training.optimiser import Optimiser
from sparewatt.work.manifest import OptimiserSpec

OUT_OF_MEMORY_RETRIES_MOST: Final = 3


class Gate(Protocol):
    """Leave to compute, asked for before every micro-batch."""

    def enter(self) -> float | None:
        """Block until computing is allowed; the longest the next micro-batch should take, in seconds.

        None ends the assignment at the last completed inner step.
        """
        ...

    def leave(self, busy_seconds: float) -> None:
        """Told after a micro-batch how long it computed; pauses for as long as the pace asks."""
        ...


@dataclass(frozen=True)
class Plan:
    """What to train: `inner_steps` of `batch_sequences` each, the learning rate linear from first to last."""

    optimiser: OptimiserSpec
    inner_steps: int
    batch_sequences: int
    rate_first_nano: int
    rate_last_nano: int

    def rate(self, step: int) -> float:
        """Learning rate of inner step `step`, counted from 0."""
        share = step / (self.inner_steps - 1) if self.inner_steps > 1 else 0.0
        return (self.rate_first_nano + (self.rate_last_nano - self.rate_first_nano) * share) * 1e-9


@dataclass(frozen=True)
class InnerStep:
    """One completed inner step.

    Attributes:
        number: counted from 1.
        loss: mean over the batch, in nats.
        tokens: of this step's batch.
        wall_seconds: with pauses; `busy_seconds` is the part spent computing.
        compiled: something may have been compiled meanwhile, so its time says nothing of the next step's.
    """

    number: int
    loss: float
    tokens: int
    wall_seconds: float
    busy_seconds: float
    compiled: bool = False


class InnerLoop:
    """Trains `model` in place, one inner step at a time.

    Args:
        clock: monotonic seconds.
        micro_batch: size to start with; `micro_batch` is the size found since, a good start for the next assignment.
        moving: told before each inner step that the weights change from now until the step is yielded.
        compiled: `model` through a compiler; a step in which that fails is made again without.
        checkpoint: makes the model keep only each layer's input, for when not even one sequence fits; None where it
            does so already.
    """

    def __init__(
        self,
        model: FlatModel,
        device: Device,
        gate: Gate,
        micro_batch: MicroBatch,
        clock: Callable[[], float],
        moving: Callable[[], None] = lambda: None,
        compiled: CompiledModel | None = None,
        checkpoint: Callable[[], None] | None = None,
    ) -> None:
        self._moving = moving
        self._model = model
        self._device = device
        self._gate = gate
        self._clock = clock
        self._retries_left = OUT_OF_MEMORY_RETRIES_MOST
        self._compiled = compiled
        self._checkpoint = checkpoint
        self._seen: set[int] = set()
        self._compiling = False
        self.micro_batch = micro_batch

    def train(
        self, sequences: Sequences, plan: Plan, optimiser: Optimiser | None = None, done: int = 0
    ) -> Iterator[InnerStep]:
        """Yield each completed inner step; ends early when the gate says so.

        Between two inner steps the model's weights are whole.

        Args:
            optimiser: goes on with its state; a fresh one when None.
            done: inner steps of the plan that the model has behind it.

        Raises:
            IntegrityError: ``assignment.ranges`` when the ranges hold fewer or more sequences than the steps take.
            IntegrityError: ``training.loss_not_finite``.
            UnavailableError: ``device.out_of_memory`` after three smaller micro-batches; `micro_batch` is then smaller
                still, for whoever tries again.
        """
        last_batch = len(sequences) - (plan.inner_steps - 1) * plan.batch_sequences
        if not 1 <= last_batch <= plan.batch_sequences:
            raise IntegrityError("assignment.ranges", sequences=len(sequences), inner_steps=plan.inner_steps)
        optimiser = optimiser or Optimiser(self._model.module, plan.optimiser)
        parameters = list(self._model.module.parameters())
        self._model.module.train()
        for step in range(done, plan.inner_steps):
            began = self._clock()
            self._compiling = False
            batch = torch.from_numpy(sequences.batch(step * plan.batch_sequences, plan.batch_sequences))
            gradient = self._gradient_with_retries(batch)
            if gradient is None:
                break
            loss, busy = gradient
            if not math.isfinite(loss):
                raise IntegrityError("training.loss_not_finite", inner_step=step + 1)
            resumed = self._clock()
            torch.nn.utils.clip_grad_norm_(parameters, plan.optimiser.clip_norm_milli * 1e-3)
            self._moving()
            optimiser.step(plan.rate(step))
            self._device.synchronize()
            ended = self._clock()
            yield InnerStep(
                number=step + 1,
                loss=loss,
                tokens=batch.numel(),
                wall_seconds=ended - began,
                busy_seconds=busy + ended - resumed,
                compiled=self._compiling,
            )
        self._model.module.zero_grad(set_to_none=True)

    def _gradient_with_retries(self, batch: torch.Tensor) -> tuple[float, float] | None:
        while True:
            self._model.module.zero_grad(set_to_none=True)
            try:
                return self._gradient(batch)
            except (RuntimeError, MemoryError) as error:
                again = self._after(error)
                if again is None:
                    raise
            # Outside the handler: the traceback would keep the tensors of the failed pass alive.
            self.micro_batch = again
            self._device.free_cache()

    def _after(self, error: Exception) -> MicroBatch | None:
        """The micro-batch to make a failed step again with; None when that would not help."""
        if not is_out_of_memory(error):
            if self._compiled is None or not self._compiled.gave_up(error):
                return None
            self._compiling = True
            return self.micro_batch
        smaller = self.micro_batch.out_of_memory()
        if smaller is None and self._checkpoint is not None:
            self._checkpoint()
            self._checkpoint = None
            return self.micro_batch
        if smaller is None or self._retries_left == 0:
            tried = self.micro_batch
            self.micro_batch = smaller or tried
            raise UnavailableError("device.out_of_memory", sequences=tried.sequences) from error
        self._retries_left -= 1
        return smaller

    def _gradient(self, batch: torch.Tensor) -> tuple[float, float] | None:
        """Sum the gradients of `batch`: its mean loss and the seconds spent; None when the gate ends the work."""
        loss = busy = 0.0
        first = 0
        while first < len(batch):
            bound = self._gate.enter()
            if bound is None:
                return None
            began = self._clock()
            held_bytes = self._device.begin_pass()
            part = batch[first : first + self.micro_batch.sequences]
            loss += self._micro_batch_gradient(part, share=len(part) / len(batch))
            spent = self._clock() - began
            if self._measurable(len(part)):
                memory = self._device.pass_memory(held_bytes)
                fitting = None if memory is None else memory.sequences_fitting(len(part))
                self.micro_batch = self.micro_batch.measured(spent, len(part), bound, fitting)
            busy += spent
            first += len(part)
            self._gate.leave(spent)
        return loss, busy

    def _measurable(self, sequences: int) -> bool:
        """Whether the pass just made says how long the next one takes.

        The first of a process also pays for choosing and loading kernels, the first of each size for compiling them.
        """
        compiled = self._compiled is not None and self._compiled.active
        kernels = sequences if compiled else 0
        new = kernels not in self._seen
        self._seen.add(kernels)
        self._compiling = self._compiling or (new and compiled)
        return not new

    def _micro_batch_gradient(self, part: torch.Tensor, share: float) -> float:
        on_device = part.to(self._device.torch_device)
        with self._device.computing():
            model = self._model.module if self._compiled is None else self._compiled.model(on_device)
            loss = next_token_loss(model, on_device)
        scaled = loss if share == 1.0 else loss * share
        scaled.backward()
        # Reading the number waits for the device, which bounds how much work is queued on it to one micro-batch.
        return float(scaled.detach())
