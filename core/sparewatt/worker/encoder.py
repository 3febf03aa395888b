"""Makes an update of what a stopped worker has left in the trainable area: numpy only, no device, in one go.

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
from sparewatt.worker.areas import TRAINABLE_HEADER_BYTES, WorkerAreas, read_mark
from sparewatt.worker.exits import WorkerExit
from sparewatt.worker.messages import Encode, EngineFrame, Failed, Stop, Trained, WorkerFrame
from sparewatt.worker.payload import inside, write_payload
from sparewatt.worker.residuals import residual_for
from sparewatt.worker.watch import Inbox, PermitGate, PermitWatch

ENCODING_KINDS: Final = frozenset({PermitKind.ENCODE, PermitKind.COMPUTE})


class EncoderLoop:
    """Serves `Encode` and `Stop` until the pipe is closed.

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
        watch.arm()

    def run(self) -> WorkerExit:
        """Serve to the end."""
        try:
            while (frame := self._inbox.next()) is not None:
                match frame:
                    case Encode():
                        self._serve(frame)
                    case Stop():
                        break
                    case _:
                        raise ProtocolError("worker.order", frame=type(frame).__name__)
        except ProtocolError as error:
            self._say_failed(error, fatal=True)
            return WorkerExit.PROTOCOL
        return WorkerExit.STOPPED

    def _serve(self, frame: Encode) -> None:
        try:
            self._channel.send(self._encode(frame))
        except _StoppedError:
            return
        except ProtocolError:
            raise
        except SparewattError as error:
            self._say_failed(error, fatal=False)

    def _encode(self, frame: Encode) -> Trained:
        mark = read_mark(self._areas.trainable.view)
        if mark is None or mark.assignment_id != frame.assignment_id or mark.inner_steps < 1:
            raise InputError("worker.nothing_kept")
        with residual_for(self._areas.residual, frame.codec, frame.base) as residual:
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

    def _wait_for_leave(self) -> None:
        # A relaxed stop lets it finish, which takes a moment; one that has no leave to go on would wait for ever.
        if self._gate.allowed() is None and self._gate.enter() is None:
            raise _StoppedError

    def _say_failed(self, error: SparewattError, *, fatal: bool) -> None:
        if not self._channel.closed.is_set():
            self._channel.send(Failed(error_id=error.error_id, parameters=error.parameters, fatal=fatal))


class _StoppedError(Exception):
    """The engine wants the memory back before the update is written."""
