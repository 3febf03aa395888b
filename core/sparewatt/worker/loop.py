"""The worker's work: frames in, training, frames out."""

import importlib.metadata
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sparewatt.errors import InputError, ProtocolError, SparewattError, StorageError, UnavailableError
from sparewatt.numeric.weights import as_floats
from sparewatt.process.channel import Channel
from sparewatt.training.adapter import Frozen
from sparewatt.training.compiling import CompiledModel
from sparewatt.training.data import Sequences, Span
from sparewatt.training.device import Device, is_out_of_memory, open_device
from sparewatt.training.eight_bit import check_optimiser
from sparewatt.training.inner import InnerLoop, InnerStep, Plan
from sparewatt.training.micro_batch import MicroBatch
from sparewatt.training.model import FlatModel, build_flat, use_checkpointing
from sparewatt.training.moments import reported_moments, shared_moments
from sparewatt.training.optimiser import Optimiser
from sparewatt.work.version import VersionId
from sparewatt.worker import remembered
from sparewatt.worker.areas import TrainedMark, WorkerAreas
from sparewatt.worker.exits import WorkerExit
from sparewatt.worker.leaving import Leaving
from sparewatt.worker.messages import (
    Applied,
    ApplyVersion,
    Checkpointed,
    Configure,
    Encode,
    EngineFrame,
    Failed,
    Progress,
    Ready,
    SaveCheckpoint,
    Stop,
    Train,
    Trained,
    Uncompiled,
    WorkerFrame,
)
from sparewatt.worker.mirror import TrainableMirror
from sparewatt.worker.payload import apply_version, inside, write_payload
from sparewatt.worker.residuals import residual_for
from sparewatt.worker.saving import Training
from sparewatt.worker.sizing import first_micro_batch, fitting
from sparewatt.worker.watch import Inbox, PermitGate, PermitWatch

log = logging.getLogger("sparewatt.worker")


@dataclass(frozen=True)
class _Ready:
    """All that `Configure` made.

    Attributes:
        search: the micro-batch that an earlier worker's search, or a guess, begins with.
        sequences_most: what this worker begins with, by the memory that was free.
        compiled: None where nothing is to be compiled.
    """

    configure: Configure
    device: Device
    model: FlatModel
    inner: InnerLoop
    mirror: TrainableMirror
    remembered_as: str
    search: MicroBatch
    sequences_most: int
    compiled: CompiledModel | None


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
        self._kept: Optimiser | None = None
        self._told_uncompiled = False

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
                case SaveCheckpoint():
                    pass  # it came too late: nothing is being trained any more
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
        check_optimiser(frame.optimiser, frame.inner, device)
        fits = fitting(frame, device)
        frozen = None if frame.frozen is None else Frozen(Path(frame.frozen.path), frame.frozen.sha256)
        model = build_flat(frame.model, device.torch_device, frozen)
        checkpointing = fits is not None and fits.checkpointing
        if checkpointing:
            use_checkpointing(model.module)
        remembered_as = remembered.key(device.name, frame.model, frame.data.sequence_length, device.compute)
        search = first_micro_batch(frame, device, remembered_as)
        micro_batch = search if fits is None else search.within(fits.micro_batch_sequences)
        gate = PermitGate(self._watch, self._inbox, self._clock)
        mirror = TrainableMirror(self._areas.trainable.view, model, self._clock)
        self._leaving.copy = mirror.copy_before_leaving
        compiled = CompiledModel(model.module, device.kind) if frame.compile else None
        self._ready = _Ready(
            configure=frame,
            device=device,
            model=model,
            inner=InnerLoop(
                model,
                device,
                gate,
                micro_batch,
                self._clock,
                mirror.moving,
                compiled,
                None if checkpointing else partial(use_checkpointing, model.module),
            ),
            mirror=mirror,
            remembered_as=remembered_as,
            search=search,
            sequences_most=micro_batch.sequences_most,
            compiled=compiled,
        )
        self._watch.arm()
        torch_version = importlib.metadata.version("torch")
        self._channel.send(
            Ready(
                device_name=device.name,
                torch_version=torch_version,
                micro_batch_sequences=micro_batch.sequences,
                isolation=self._isolation,
                compute=device.compute,
                checkpointing=checkpointing,
            )
        )
        self._tell_uncompiled(compiled)

    def _apply(self, frame: ApplyVersion) -> None:
        ready = self._configured("apply_version")
        self._version = None
        apply_version(frame, ready.configure.model, ready.configure.outer, self._areas.base.view)
        self._version = frame.version
        self._channel.send(Applied(version=frame.version))

    def _train(self, frame: Train) -> None:
        ready = self._configured("train")
        if self._version is not None and self._version != frame.base:
            raise InputError("worker.base", expected=self._version.number, found=frame.base.number)
        work_folder = Path(ready.configure.work_folder)
        inside(work_folder, frame.payload_path)
        training = Training(
            frame=frame,
            inner=ready.inner,
            optimiser=self._optimiser(frame, ready),
            mirror=ready.mirror,
            areas=self._areas,
            work_folder=work_folder,
            batch_sequences=ready.configure.inner.batch_sequences,
        )
        # One that was asked for before this was about something else.
        self._inbox.save_asked()
        try:
            mark = self._train_steps(training, ready, self._begin(training))
        except UnavailableError:
            # Otherwise the next worker would begin with what was too much for this one.
            self._remember(ready)
            raise
        if mark is None or self._channel.closed.is_set():
            return
        resumable = self._inbox.stop is not None and self._inbox.stop.resumable
        if resumable and mark.inner_steps < frame.inner_steps and self._save(training, mark):
            return
        ready.mirror.copy(mark)
        self._hand_in(training, ready, mark)

    def _begin(self, training: Training) -> TrainedMark | None:
        """Give the model what it starts from; what of the assignment is done already."""
        if training.frame.resume:
            return training.resume()
        training.mirror.moving()
        training.mirror.load(as_floats(self._areas.base.view))
        training.mirror.copy(TrainedMark(training.frame.assignment_id, 0, 0))
        return None

    def _hand_in(self, training: Training, ready: _Ready, mark: TrainedMark) -> None:
        """Write the update of what was completed, and say so."""
        frame, codec = training.frame, ready.configure.codec
        shares = ready.configure.inner.shares_moments
        with residual_for(self._areas.residual, codec, frame.base, training.work_folder) as residual:
            encoded = write_payload(
                inside(training.work_folder, frame.payload_path),
                base=as_floats(self._areas.base.view),
                trained=ready.mirror.weights,
                codec=codec,
                residual=residual,
                tail=reported_moments(ready.model, training.optimiser) if shares else b"",
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
                compute=ready.device.compute,
            )
        )
        self._remember(ready)

    def _remember(self, ready: _Ready) -> None:
        found = ready.inner.micro_batch
        # Only running out of memory bounds the next worker, too; how much was free when this one began does not.
        ran_out = found.sequences_most < ready.sequences_most
        most = found.sequences_most if ran_out else ready.search.sequences_most
        kept = remembered.Remembered(ready.remembered_as, found.sequences, most)
        try:
            remembered.remember(Path(ready.configure.work_folder), kept)
        except StorageError:
            # Without it the next worker searches again; what fills the disk is told by what needs it.
            log.warning("the micro-batch could not be remembered")

    def _optimiser(self, frame: Train, ready: _Ready) -> Optimiser:
        """The optimiser as the run wants it at the beginning of an assignment."""
        module, spec = ready.model.module, ready.configure.optimiser
        # The one before is of no use any more, and its moments take twice the model's memory.
        kept, self._kept = self._kept, None
        match ready.configure.inner.state:
            case "kept":
                self._kept = kept or Optimiser(module, spec)
                return self._kept
            case "fresh-shared-v":
                if frame.moments is not None:
                    return Optimiser(module, spec, shared_moments(ready.model, Path(frame.moments)))
                if frame.base.number > 0:
                    # Starting without them would be other work than what the assignment says.
                    raise InputError("worker.moments", number=frame.base.number)
                return Optimiser(module, spec)
            case "fresh":
                return Optimiser(module, spec)

    def _train_steps(self, training: Training, ready: _Ready, mark: TrainedMark | None) -> TrainedMark | None:
        """Train on from `mark` to the end or a stop; the last completed inner step, None when there was none."""
        configure, frame = ready.configure, training.frame
        began = self._clock() - (0.0 if mark is None else mark.train_milliseconds / 1000)
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
        done = 0 if mark is None else mark.inner_steps
        for step in ready.inner.train(sequences, plan, training.optimiser, done):
            mark = TrainedMark(
                assignment_id=frame.assignment_id,
                inner_steps=step.number,
                tokens=step.tokens + (mark.tokens if mark is not None else 0),
                loss_first_micro=mark.loss_first_micro if mark is not None else _micro(step.loss),
                loss_last_micro=_micro(step.loss),
                train_milliseconds=round((self._clock() - began) * 1000),
            )
            ready.mirror.copy_if_cheap(mark)
            self._tell_uncompiled(ready.compiled)
            self._tell_progress(mark, step)
            if self._inbox.save_asked() and mark.inner_steps < frame.inner_steps:
                self._save(training, mark)
        return mark

    def _save(self, training: Training, mark: TrainedMark) -> bool:
        """Write a checkpoint and say how that went; whether it is there."""
        error: SparewattError | None = None
        try:
            training.save(mark)
        except SparewattError as failed:
            error = failed
        self._channel.send(
            Checkpointed(
                assignment_id=mark.assignment_id,
                base=training.frame.base,
                inner_steps=mark.inner_steps,
                error_id="" if error is None else error.error_id,
                parameters={} if error is None else error.parameters,
            )
        )
        return error is None

    def _tell_progress(self, mark: TrainedMark, step: InnerStep) -> None:
        self._channel.send(
            Progress(
                assignment_id=mark.assignment_id,
                inner_steps=mark.inner_steps,
                tokens=mark.tokens,
                loss_micro=mark.loss_last_micro,
                step_milliseconds=round(step.wall_seconds * 1000),
                busy_milliseconds=round(step.busy_seconds * 1000),
                compiled=step.compiled,
            )
        )

    def _tell_uncompiled(self, compiled: CompiledModel | None) -> None:
        refusal = None if compiled is None else compiled.refusal
        if refusal is None or self._told_uncompiled:
            return
        self._told_uncompiled = True
        self._channel.send(Uncompiled(error_id=refusal.error_id, parameters=refusal.parameters))

    def _configured(self, frame: str) -> _Ready:
        if self._ready is None:
            raise ProtocolError("worker.order", frame=frame)
        return self._ready

    def _say_failed(self, error: SparewattError, *, fatal: bool) -> None:
        if not self._channel.closed.is_set():
            self._channel.send(Failed(error_id=error.error_id, parameters=error.parameters, fatal=fatal))


def _micro(loss: float) -> int:
    return round(loss * 1e6)
