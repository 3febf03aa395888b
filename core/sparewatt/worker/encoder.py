"""Makes an update of what a stopped worker has left: numpy only, no device, in one go.

It lies in the trainable area; or in a checkpoint of an engine that is gone, and then the base is built anew, too.

It runs under a permit of its own kind, so that what must not be computed may still be brought home.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sparewatt.errors import InputError, ProtocolError, SparewattError
from sparewatt.numeric.moments import unreported
from sparewatt.numeric.weights import as_floats
from sparewatt.permit import PermitKind
from sparewatt.process.channel import Channel
from sparewatt.worker.areas import TRAINABLE_HEADER_BYTES, WorkerAreas, begin_copy, end_copy, read_mark
from sparewatt.worker.checkpoint import read_weights
from sparewatt.worker.exits import WorkerExit
from sparewatt.worker.messages import (
    Applied,
    ApplyVersion,
    Configure,
    Encode,
    EngineFrame,
    Failed,
    Stop,
    Trained,
    WorkerFrame,
)
from sparewatt.worker.payload import apply_version, inside, write_payload
from sparewatt.worker.residuals import residual_for
from sparewatt.worker.watch import Inbox, PermitGate, PermitWatch

ENCODING_KINDS: Final = frozenset({PermitKind.ENCODE, PermitKind.COMPUTE})


class EncoderLoop:
    """Serves `Encode`, `ApplyVersion` and `Stop` until the pipe is closed.

    Args:
        clock: monotonic seconds.
    """

    def __init__(
        self,
        channel: Channel[EngineFrame, WorkerFrame],
        areas: WorkerAreas,
        watch: PermitWatch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._areas = areas
        self._inbox = Inbox(channel)
        self._gate = PermitGate(watch, self._inbox, clock, ENCODING_KINDS)
        self._configure: Configure | None = None
        watch.arm()

    def run(self) -> WorkerExit:
        """Serve to the end."""
        try:
            while (frame := self._inbox.next()) is not None:
                match frame:
                    case Configure():
                        self._configure = frame
                    case ApplyVersion() if self._configure is not None:
                        self._serve(lambda frame=frame, known=self._configure: self._apply(frame, known))  # type: ignore[misc]
                    case Encode():
                        self._serve(lambda frame=frame: self._encode(frame))  # type: ignore[misc]
                    case Stop():
                        break
                    case _:
                        raise ProtocolError("worker.order", frame=type(frame).__name__)
        except ProtocolError as error:
            self._say_failed(error, fatal=True)
            return WorkerExit.PROTOCOL
        return WorkerExit.STOPPED

    def _serve(self, work: Callable[[], Applied | Trained]) -> None:
        try:
            self._channel.send(work())
        except _StoppedError:
            return
        except ProtocolError:
            raise
        except SparewattError as error:
            self._say_failed(error, fatal=False)

    def _apply(self, frame: ApplyVersion, known: Configure) -> Applied:
        self._wait_for_leave()
        apply_version(frame, known.model, known.outer, self._areas.base.view)
        return Applied(version=frame.version)

    def _encode(self, frame: Encode) -> Trained:
        if frame.checkpoint_path is not None:
            self._wait_for_leave()
            self._fill(frame, inside(Path(frame.work_folder), frame.checkpoint_path))
        mark = read_mark(self._areas.trainable.view)
        if mark is None or mark.assignment_id != frame.assignment_id or mark.inner_steps < 1:
            raise InputError("worker.nothing_kept")
        with residual_for(self._areas.residual, frame.codec, frame.base, Path(frame.work_folder)) as residual:
            encoded = write_payload(
                inside(Path(frame.work_folder), frame.payload_path),
                base=as_floats(self._areas.base.view),
                trained=as_floats(self._areas.trainable.view[TRAINABLE_HEADER_BYTES:]),
                codec=frame.codec,
                residual=residual,
                tail=unreported(frame.moment_numbers),
                may_go_on=self._wait_for_leave,
            )
        return Trained(
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
            compute=frame.compute,
        )

    def _fill(self, frame: Encode, path: Path) -> None:
        """Bring a checkpoint's weights into the trainable area."""
        area = self._areas.trainable.view
        begin_copy(area)
        end_copy(area, read_weights(path, frame.assignment_id, frame.base, area[TRAINABLE_HEADER_BYTES:]))

    def _wait_for_leave(self) -> None:
        # A relaxed stop lets it finish, which takes a moment; one that has no leave to go on would wait for ever.
        if self._gate.allowed() is None and self._gate.enter() is None:
            raise _StoppedError

    def _say_failed(self, error: SparewattError, *, fatal: bool) -> None:
        if not self._channel.closed.is_set():
            self._channel.send(Failed(error_id=error.error_id, parameters=error.parameters, fatal=fatal))


class _StoppedError(Exception):
    """The engine wants the memory back before the update is written."""
