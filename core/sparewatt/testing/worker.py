"""A worker without torch and without a process: same frames, same areas, real payloads, invented training."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from sparewatt.errors import InputError, SparewattError
from sparewatt.numeric.moment_layout import moment_numbers
from sparewatt.numeric.moments import CODE, STEPS, unreported
from sparewatt.numeric.weights import Floats, as_bytes, as_floats
from sparewatt.permit import PermitKind, read
from sparewatt.worker.areas import (
    TRAINABLE_HEADER_BYTES,
    TrainedMark,
    WorkerAreas,
    begin_copy,
    end_copy,
    read_mark,
    residual_mark,
)
from sparewatt.worker.checkpoint import CHECKPOINT, CheckpointHeader, check_fits, read_weights
from sparewatt.worker.exits import WorkerExit
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
)
from sparewatt.worker.payload import apply_version, write_payload
from sparewatt.worker.port import StopHow, WorkerDevice, WorkerEvent, WorkerExited, WorkerFolders
from sparewatt.worker.residuals import residual_for

_LOOK_AGAIN_SECONDS = 0.002
_MOVED_PER_STEP = 1e-4


class FakeWorker:
    """One fake worker; see `worker.port.Worker`.

    It looks at the permit's kind but not at its age, and moves every weight by 1e-4 an inner step.

    Attributes:
        frames: all that it was sent.
    """

    def __init__(
        self,
        areas: WorkerAreas,
        step_seconds: float,
        uncompiled: Uncompiled | None = None,
        unavailable: Failed | None = None,
    ) -> None:
        self._areas = areas
        self._uncompiled = uncompiled
        self._unavailable = unavailable
        self._step_seconds = step_seconds
        self._configure: Configure | None = None
        self._waiting: asyncio.Queue[EngineFrame] = asyncio.Queue()
        self._events: asyncio.Queue[WorkerEvent] = asyncio.Queue()
        self._stopping = self._resumable = self._save_asked = False
        self._serving = asyncio.create_task(self._serve())
        self.frames: list[EngineFrame] = []

    async def send(self, frame: EngineFrame) -> None:
        self.frames.append(frame)
        if isinstance(frame, SaveCheckpoint):
            self._save_asked = True
            return
        if isinstance(frame, Stop) and not self._stopping:
            self._stopping, self._resumable = True, frame.resumable
        self._waiting.put_nowait(frame)

    async def events(self) -> AsyncIterator[WorkerEvent]:
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, WorkerExited):
                return

    async def stop(self, how: StopHow) -> None:
        if how == "urgent":
            self.frames.append(Stop(urgent=True))
            self._end(WorkerExited(reason="stopped", code=0))
        else:
            await self.send(Stop(resumable=how == "resumable"))
        await asyncio.wait([self._serving])

    def kill(self) -> None:
        """End as by a signal, in the middle of whatever it does."""
        self._end(WorkerExited(reason="killed", code=-9))

    def _end(self, exited: WorkerExited) -> None:
        if not self._serving.done():
            self._serving.cancel()
            self._events.put_nowait(exited)

    async def _serve(self) -> None:
        while True:
            frame = await self._waiting.get()
            try:
                match frame:
                    case Configure():
                        self._configure = frame
                        if self._unavailable is not None:
                            self._events.put_nowait(self._unavailable)
                            self._events.put_nowait(WorkerExited("unavailable", WorkerExit.UNAVAILABLE))
                            return
                        self._events.put_nowait(Ready("Fake", "0", frame.inner.batch_sequences))
                        if frame.compile and self._uncompiled is not None:
                            self._events.put_nowait(self._uncompiled)
                    case ApplyVersion():
                        apply_version(frame, self._configured().model, self._configured().outer, self._areas.base.view)
                        self._events.put_nowait(Applied(frame.version))
                    case Train():
                        await self._train(frame)
                    case Encode():
                        await self._encode(frame)
                    case SaveCheckpoint():
                        pass
                    case Stop():
                        self._events.put_nowait(WorkerExited(reason="stopped", code=0))
                        return
            except SparewattError as error:
                self._events.put_nowait(Failed(error.error_id, error.parameters, fatal=False))

    async def _train(self, frame: Train) -> None:
        configure = self._configured()
        if configure.inner.shares_moments and frame.moments is None and frame.base.number > 0:
            raise InputError("worker.moments", number=frame.base.number)
        base = as_floats(self._areas.base.view)
        trained = as_floats(self._areas.trainable.view[TRAINABLE_HEADER_BYTES:])
        tokens_per_step = sum(part.count for part in frame.ranges) // frame.inner_steps
        self._save_asked = False
        done = self._resumed(frame, trained) if frame.resume else 0
        if not frame.resume:
            self._store(frame, 0, 0)
            np.copyto(trained, base)
        while done < frame.inner_steps and await self._may_go_on():
            done += 1
            trained -= np.float32(_MOVED_PER_STEP)
            self._store(frame, done, done * tokens_per_step)
            self._events.put_nowait(
                Progress(
                    assignment_id=frame.assignment_id,
                    inner_steps=done,
                    tokens=done * tokens_per_step,
                    loss_micro=_loss_micro(done),
                    step_milliseconds=round(self._step_seconds * 1000),
                    busy_milliseconds=round(self._step_seconds * 1000),
                )
            )
            if self._save_asked and done < frame.inner_steps:
                self._save(frame, done)
        if not done:
            return
        if self._resumable and done < frame.inner_steps and self._save(frame, done):
            return
        with residual_for(self._areas.residual, configure.codec, frame.base, Path(configure.work_folder)) as residual:
            encoded = write_payload(
                Path(frame.payload_path),
                base=base,
                trained=trained,
                codec=configure.codec,
                residual=residual,
                tail=_moments(configure),
            )
        self._events.put_nowait(
            Trained(
                assignment_id=frame.assignment_id,
                outcome="finished" if done == frame.inner_steps else "partial",
                base=frame.base,
                tokens=done * tokens_per_step,
                inner_steps=done,
                loss_first_micro=_loss_micro(1),
                loss_last_micro=_loss_micro(done),
                train_milliseconds=round(done * self._step_seconds * 1000),
                payload=encoded.payload,
                delta_root=encoded.delta_root,
                residual_before_root=encoded.residual_before_root,
                residual_after_root=encoded.residual_after_root,
            )
        )

    def _save(self, frame: Train, done: int) -> bool:
        """A checkpoint whose moments are zeros: what it invents needs none."""
        self._save_asked = False
        mark, place, residual = read_mark(self._areas.trainable.view), frame.checkpoint, self._areas.residual
        assert mark is not None
        assert place is not None
        weights = self._areas.trainable.view[TRAINABLE_HEADER_BYTES:]
        batch = self._configured().inner.batch_sequences
        header = CheckpointHeader(
            run=place.run,
            assignment_id=mark.assignment_id,
            base=frame.base,
            way=place.way,
            inner_steps=done,
            tokens=mark.tokens,
            loss_first_micro=mark.loss_first_micro,
            loss_last_micro=mark.loss_last_micro,
            train_milliseconds=mark.train_milliseconds,
            seed=frame.seed,
            next_sequence=done * batch,
            micro_batch_sequences=batch,
            optimiser_steps=done,
            coordinates=len(weights) // 4,
            residual=None if residual is None else residual_mark(residual.view),
        )
        error: SparewattError | None = None
        try:
            CHECKPOINT.write(Path(place.path), header, [weights, *[memoryview(bytes(len(weights)))] * 2])
        except SparewattError as failed:
            error = failed
        self._events.put_nowait(
            Checkpointed(
                assignment_id=mark.assignment_id,
                base=frame.base,
                inner_steps=done,
                error_id="" if error is None else error.error_id,
                parameters={} if error is None else error.parameters,
            )
        )
        return error is None

    def _resumed(self, frame: Train, trained: Floats) -> int:
        """Set the weights from the checkpoint; the inner steps that are done."""
        assert frame.checkpoint is not None
        path = Path(frame.checkpoint.path)
        check_fits(
            CHECKPOINT.read_header(path),
            assignment_id=frame.assignment_id,
            base=frame.base,
            seed=frame.seed,
            inner_steps=frame.inner_steps,
            batch_sequences=self._configured().inner.batch_sequences,
            coordinates=len(trained),
        )
        weights = np.empty_like(trained)
        moments = bytearray(8 * len(trained))
        header = CHECKPOINT.read(path, [as_bytes(weights), memoryview(moments)])
        begin_copy(self._areas.trainable.view)
        np.copyto(trained, weights)
        end_copy(self._areas.trainable.view, header.mark)
        return header.inner_steps

    async def _encode(self, frame: Encode) -> None:
        while not self._stopping and not self._permits(PermitKind.ENCODE, PermitKind.COMPUTE):
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        if frame.checkpoint_path is not None and not self._stopping:
            area = self._areas.trainable.view
            weights, path = area[TRAINABLE_HEADER_BYTES:], Path(frame.checkpoint_path)
            begin_copy(area)
            end_copy(area, read_weights(path, frame.assignment_id, frame.base, weights))
        mark = read_mark(self._areas.trainable.view)
        if mark is None or mark.assignment_id != frame.assignment_id or mark.inner_steps < 1:
            raise InputError("worker.nothing_kept")
        if self._stopping:
            return
        with residual_for(self._areas.residual, frame.codec, frame.base, Path(frame.work_folder)) as residual:
            encoded = write_payload(
                Path(frame.payload_path),
                base=as_floats(self._areas.base.view),
                trained=as_floats(self._areas.trainable.view[TRAINABLE_HEADER_BYTES:]),
                codec=frame.codec,
                residual=residual,
                tail=unreported(frame.moment_numbers),
            )
        self._events.put_nowait(
            Trained(
                assignment_id=mark.assignment_id,
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

    async def _may_go_on(self) -> bool:
        await asyncio.sleep(self._step_seconds)
        while not self._stopping:
            if self._permits(PermitKind.COMPUTE):
                return True
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        return False

    def _permits(self, *kinds: PermitKind) -> bool:
        permit = read(self._areas.permit.view)
        return permit is not None and permit.grant.kind in kinds

    def _store(self, frame: Train, inner_steps: int, tokens: int) -> None:
        begin_copy(self._areas.trainable.view)
        mark = TrainedMark(
            frame.assignment_id,
            inner_steps,
            tokens,
            loss_first_micro=_loss_micro(1) if inner_steps else 0,
            loss_last_micro=_loss_micro(inner_steps) if inner_steps else 0,
            train_milliseconds=round(inner_steps * self._step_seconds * 1000),
        )
        end_copy(self._areas.trainable.view, mark)

    def _configured(self) -> Configure:
        assert self._configure is not None, "the engine configures a worker first"
        return self._configure


class FakeWorkers:
    """Starts fake workers.

    Args:
        step_seconds: how long an inner step seems to take.
        uncompiled: what a worker says that is to compile; None where it can.
        unavailable: what a worker says, and ends; None where it can begin.

    Attributes:
        started: every worker, in order; `encoders` are those of them that only encode.
        let_compile: for each worker, whether it may start a compiler.
    """

    def __init__(
        self, step_seconds: float = 0.0, uncompiled: Uncompiled | None = None, unavailable: Failed | None = None
    ) -> None:
        self._step_seconds = step_seconds
        self.unavailable = unavailable
        self.uncompiled = uncompiled
        self.let_compile: list[bool] = []
        self.started: list[FakeWorker] = []
        self.encoders: list[FakeWorker] = []

    async def start_encoder(self, areas: WorkerAreas, folders: WorkerFolders) -> FakeWorker:
        worker = await self.start(WorkerDevice("cpu"), areas, folders)
        self.encoders.append(worker)
        return worker

    async def start(self, device: WorkerDevice, areas: WorkerAreas, folders: WorkerFolders) -> FakeWorker:  # noqa: ARG002 (any will do)
        worker = FakeWorker(areas, self._step_seconds, self.uncompiled, self.unavailable)
        self.started.append(worker)
        self.let_compile.append(device.compile)
        return worker


def _moments(configure: Configure) -> bytes:
    """Second moments of 2**-20 everywhere, where the run shares them."""
    numbers = moment_numbers(configure.model) if configure.inner.shares_moments else 0
    return np.full(numbers, -20 * STEPS, dtype=CODE).tobytes()


def _loss_micro(inner_steps: int) -> int:
    return 5_000_000 // (inner_steps + 1)
