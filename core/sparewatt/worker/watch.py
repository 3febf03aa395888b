"""The worker's eye on its permit and on frames that arrive while it computes."""

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from sparewatt.permit import EXPIRED_SECONDS, PAUSE_LEAST_SECONDS, Grant, PermitKind, PermitReader, read
from sparewatt.process.channel import Channel
from sparewatt.process.parent_watch import Ends
from sparewatt.worker.exits import WorkerExit
from sparewatt.worker.messages import EngineFrame, SaveCheckpoint, Stop, WorkerFrame

# Often enough that a change is never judged much older than it is (see `permit.PermitReader`), also while one
# micro-batch takes seconds.
_LOOK_EVERY_SECONDS: Final = 0.25
# While nothing may be computed, and in the pauses of a duty below 1.
_WAIT_SECONDS: Final = 0.02


class PermitWatch:
    """Keeps looking at the permit from a thread of its own, and ends the process when it has expired.

    Args:
        memory: the permit's area.
        clock: monotonic seconds of this process.
    """

    def __init__(self, memory: memoryview, clock: Callable[[], float], end: Ends = os._exit) -> None:
        self._memory = memory
        self._clock = clock
        self._end = end
        self._lock = threading.Lock()
        self._reader = PermitReader(clock())
        self._armed_at: float | None = None
        threading.Thread(target=self._watch, name="permit-watch", daemon=True).start()

    def arm(self) -> None:
        """Begin to end the process when the permit expires: before, it holds nothing that costs power."""
        self._armed_at = self._clock()

    def grant(self) -> Grant | None:
        """What is allowed now; None when the permit is not fresh."""
        return self._look()

    def _look(self) -> Grant | None:
        with self._lock:
            now = self._clock()
            standing = self._reader.observe(read(self._memory), now)
            armed_at = self._armed_at
        if standing.expired and armed_at is not None and now - armed_at >= EXPIRED_SECONDS:
            self._end(WorkerExit.PERMIT_EXPIRED)
        return standing.grant

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(_LOOK_EVERY_SECONDS):
            self._look()


class Inbox:
    """Frames in order, with a look ahead for `Stop` and `SaveCheckpoint`.

    Attributes:
        stop: the first `Stop` that came; None before.
    """

    def __init__(self, channel: Channel[EngineFrame, WorkerFrame]) -> None:
        self._channel = channel
        self._waiting: deque[EngineFrame] = deque()
        self._save_asked = False
        self.stop: Stop | None = None

    def next(self) -> EngineFrame | None:
        """The next frame, waited for without limit; None when the pipe is closed.

        Raises:
            ProtocolError: as `Channel.receive`.
        """
        while not self._waiting:
            if self._channel.closed.is_set() and not self._take(0.0):
                return None
            self._take(_LOOK_EVERY_SECONDS)
        return self._waiting.popleft()

    def stop_within(self, seconds: float) -> bool:
        """Whether the work is to end: a `Stop` is there or comes within `seconds`, or the pipe is closed."""
        if self.stop is None:
            self._take(seconds)
        return self.stop is not None or self._channel.closed.is_set()

    def save_asked(self) -> bool:
        """Whether a checkpoint was asked for since the last time this was called."""
        asked, self._save_asked = self._save_asked, False
        return asked

    def _take(self, seconds: float) -> bool:
        frame = self._channel.receive(seconds)
        if frame is None:
            return False
        if isinstance(frame, SaveCheckpoint):
            self._save_asked = True
            return True
        self._waiting.append(frame)
        if isinstance(frame, Stop) and self.stop is None:
            self.stop = frame
        return True


class PermitGate:
    """Leave to go on: a fresh permit of a fitting kind, no `Stop`, and pauses that keep the permit's duty.

    Args:
        kinds: what a permit must allow: computing for the inner loop, encoding or computing for an encoder.
    """

    def __init__(
        self,
        watch: PermitWatch,
        inbox: Inbox,
        clock: Callable[[], float],
        kinds: frozenset[PermitKind] = frozenset({PermitKind.COMPUTE}),
    ) -> None:
        self._kinds = kinds
        self._watch = watch
        self._inbox = inbox
        self._clock = clock
        self._busy_seconds = 0.0

    def enter(self) -> float | None:
        """The permit's bound for the next micro-batch in seconds; None at a stop."""
        seconds = 0.0
        while not self._inbox.stop_within(seconds):
            grant = self.allowed()
            if grant is not None:
                return grant.micro_batch_seconds
            seconds = _WAIT_SECONDS
        return None

    def leave(self, busy_seconds: float) -> None:
        """Pause ``busy x (1 / duty - 1)`` by the duty of the newest permit, where `busy` is all that was computed since
        the last pause; not yet while that is less than `PAUSE_LEAST_SECONDS`. Ends at once at a stop or lost permit."""
        self._busy_seconds += busy_seconds
        began = self._clock()
        while (grant := self.allowed()) is not None and grant.duty < 1.0:
            pause = self._busy_seconds * (1.0 / grant.duty - 1.0)
            if pause < PAUSE_LEAST_SECONDS:
                return
            left = pause - (self._clock() - began)
            if left <= 0.0 or self._inbox.stop_within(min(left, _WAIT_SECONDS)):
                break
        self._busy_seconds = 0.0

    def allowed(self) -> Grant | None:
        """What is allowed at this moment, whether or not a `Stop` has come."""
        grant = self._watch.grant()
        return grant if grant is not None and grant.kind in self._kinds else None
