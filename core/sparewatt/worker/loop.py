"""The worker's work: frames in, training, frames out."""

import importlib.metadata
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sparewatt.errors import InputError, ProtocolError, SparewattError, UnavailableError
from sparewatt.numeric.weights import as_floats
from sparewatt.process.channel import Channel
from sparewatt.training.adapter import Frozen
from sparewatt.training.data import Sequences, Span
from sparewatt.training.device import Device, is_out_of_memory, open_device
from sparewatt.training.inner import InnerLoop, InnerStep, Plan
from sparewatt.training.micro_batch import MicroBatch
from sparewatt.training.model import FlatModel, build_flat
from sparewatt.work.model import flop_per_token
from sparewatt.work.version import VersionId
from sparewatt.worker.areas import TrainedMark, WorkerAreas
from sparewatt.worker.exits import WorkerExit
from sparewatt.worker.leaving import Leaving
from sparewatt.worker.messages import (
    Applied,
    ApplyVersion,
    Configure,
    Encode,
    EngineFrame,
    Failed,
    Progress,
    Ready,
    Stop,
    Train,
    Trained,
    WorkerFrame,
)
from sparewatt.worker.mirror import TrainableMirror
from sparewatt.worker.payload import apply_version, inside, write_payload
from sparewatt.worker.residuals import residual_for
from sparewatt.worker.watch import Inbox, PermitGate, PermitWatch

# What a micro-batch may take before the first permit has said it.
_FIRST_BOUND_SECONDS = 0.25


@dataclass(frozen=True)
class _Ready:
    """All that `Configure` made."""

    configure: Configure
    device: Device
    model: FlatModel
    inner: InnerLoop
    mirror: TrainableMirror


class WorkerLoop:
    """Serves one engine until it says `Stop` or closes the pipe.

    Args:
        leaving: what an urgent stop does; told of the last copy once there is a model.
        isolation: the layers that are in force.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        channel: Channel[EngineFrame, WorkerFrame],
        areas: WorkerAreas,
        watch: PermitWatch,
        leaving: Leaving,
        isolation: tuple[str, ...],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._areas = areas
        self._watch = watch
        self._leaving = leaving
        self._isolation = isolation
        self._inbox = Inbox(channel)
        self._clock = clock
        self._ready: _Ready | None = None
        self._version: VersionId | None = None

    def run(self) -> WorkerExit:
        """Serve to the end."""
        try:
            while (frame := self._inbox.next()) is not None:
                exit_code = self._serve(frame)
                if exit_code is not None:
                    return exit_code
        except ProtocolError as error:
            self._say_failed(error, fatal=True)
            return WorkerExit.PROTOCOL
        return WorkerExit.STOPPED

    def _serve(self, frame: EngineFrame) -> WorkerExit | None:
        """Do what `frame` asks; the exit code when that was the last thing to do."""
        try:
            match frame:
                case Stop():
                    return WorkerExit.STOPPED
                case Configure():
                    self._configure(frame)
                case ApplyVersion():
                    self._apply(frame)
                case Train():
                    self._train(frame)
                case Encode():
                    raise ProtocolError("worker.order", frame="encode")
        except ProtocolError:
            raise
        except (RuntimeError, MemoryError) as error:
            # Of a model that does not fit, and of the optimiser's moments, which are made with the first inner step.
            if not is_out_of_memory(error):
                raise
            self._say_failed(UnavailableError("device.memory"), fatal=True)
            return WorkerExit.UNAVAILABLE
        except SparewattError as error:
            # Without a device or memory for the model this process can do nothing more; other failures are about one
            # file or one assignment.
            fatal = isinstance(error, UnavailableError) or self._ready is None
            self._say_failed(error, fatal=fatal)
            return WorkerExit.UNAVAILABLE if fatal else None
        return None

    def _configure(self, frame: Configure) -> None:
        if self._ready is not None:
            raise ProtocolError("worker.order", frame="configure")
        device = open_device(frame.device, frame.threads)
        frozen = None if frame.frozen is None else Frozen(Path(frame.frozen.path), frame.frozen.sha256)
        model = build_flat(frame.model, device.torch_device, frozen)
        sequence_length = frame.data.sequence_length
        micro_batch = MicroBatch.first(
            batch_sequences=frame.inner.batch_sequences,
            flop_per_sequence=flop_per_token(frame.model, sequence_length) * sequence_length,
            flop_per_s=device.guessed_flop_per_s,
            bound_seconds=_FIRST_BOUND_SECONDS,
        )
        gate = PermitGate(self._watch, self._inbox, self._clock)
        mirror = TrainableMirror(self._areas.trainable.view, model, self._clock)
        self._leaving.copy = mirror.copy_before_leaving
        self._ready = _Ready(
            configure=frame,
            device=device,
            model=model,
            inner=InnerLoop(model, device, gate, micro_batch, self._clock, mirror.moving),
            mirror=mirror,
        )
        self._watch.arm()
        torch_version = importlib.metadata.version("torch")
        self._channel.send(
            Ready(
                device_name=device.name,
                torch_version=torch_version,
                micro_batch_sequences=micro_batch.sequences,
                isolation=self._isolation,
            )
        )

    def _apply(self, frame: ApplyVersion) -> None:
        ready = self._configured("apply_version")
        self._version = None
        apply_version(frame, ready.configure.model, ready.configure.patch, self._areas.base.view)
        self._version = frame.version
        self._channel.send(Applied(version=frame.version))

    def _train(self, frame: Train) -> None:
        ready = self._configured("train")
        if self._version is not None and self._version != frame.base:
            raise InputError("worker.base", expected=self._version.number, found=frame.base.number)
        payload_path = inside(Path(ready.configure.work_folder), frame.payload_path)
        base = as_floats(self._areas.base.view)
        ready.mirror.moving()
        ready.model.load(base)
        ready.mirror.copy(TrainedMark(frame.assignment_id, 0, 0))
        mark = self._train_steps(frame, ready, self._clock())
        if mark is None or self._channel.closed.is_set():
            return
        ready.mirror.copy(mark)
        codec = ready.configure.codec
        with residual_for(self._areas.residual, codec, frame.base) as residual:
            encoded = write_payload(
                payload_path, base=base, trained=ready.mirror.weights, codec=codec, residual=residual
            )
        self._channel.send(
            Trained(
                assignment_id=frame.assignment_id,
                outcome="finished" if mark.inner_steps == frame.inner_steps else "partial",
                base=frame.base,
                tokens=mark.tokens,
                inner_steps=mark.inner_steps,
                loss_first_micro=mark.loss_first_micro,
                loss_last_micro=mark.loss_last_micro,
                train_milliseconds=mark.train_milliseconds,
                payload=encoded.payload,
                delta_root=encoded.delta_root,
                residual_before_root=encoded.residual_before_root,
                residual_after_root=encoded.residual_after_root,
            )
        )

    def _train_steps(self, frame: Train, ready: _Ready, began: float) -> TrainedMark | None:
        """Train to the end or a stop; the last completed inner step, None when there was none."""
        configure = ready.configure
        sequences = Sequences(
            tuple(Span(Path(part.path), part.first, part.count) for part in frame.ranges),
            token_dtype=configure.data.token_dtype,
            vocabulary_size=configure.data.vocabulary_size,
            sequence_length=configure.data.sequence_length,
            batch_sequences=configure.inner.batch_sequences,
            seed=frame.seed,
        )
        plan = Plan(
            optimiser=configure.optimiser,
            inner_steps=frame.inner_steps,
            batch_sequences=configure.inner.batch_sequences,
            rate_first_nano=frame.rate_first_nano,
            rate_last_nano=frame.rate_last_nano,
        )
        mark: TrainedMark | None = None
        for step in ready.inner.train(sequences, plan):
            mark = TrainedMark(
                assignment_id=frame.assignment_id,
                inner_steps=step.number,
                tokens=step.tokens + (mark.tokens if mark is not None else 0),
                loss_first_micro=mark.loss_first_micro if mark is not None else _micro(step.loss),
                loss_last_micro=_micro(step.loss),
                train_milliseconds=round((self._clock() - began) * 1000),
            )
            ready.mirror.copy_if_cheap(mark)
            self._tell_progress(mark, step)
        return mark

    def _tell_progress(self, mark: TrainedMark, step: InnerStep) -> None:
        self._channel.send(
            Progress(
                assignment_id=mark.assignment_id,
                inner_steps=mark.inner_steps,
                tokens=mark.tokens,
                loss_micro=mark.loss_last_micro,
                step_milliseconds=round(step.wall_seconds * 1000),
                busy_milliseconds=round(step.busy_seconds * 1000),
            )
        )

    def _configured(self, frame: str) -> _Ready:
        if self._ready is None:
            raise ProtocolError("worker.order", frame=frame)
        return self._ready

    def _say_failed(self, error: SparewattError, *, fatal: bool) -> None:
        if not self._channel.closed.is_set():
            self._channel.send(Failed(error_id=error.error_id, parameters=error.parameters, fatal=fatal))


def _micro(loss: float) -> int:
    return round(loss * 1e6)
