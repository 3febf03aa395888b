"""The thread that advances permits: the only way from a decision to a computing worker.

It is no part of the event loop, so that a busy loop does not starve workers of their permits; and it believes only
fresh samples and young decisions, so that a dead loop or a hung sensor stops them.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sparewatt.clock import Clock
from sparewatt.governor import Pace, pace
from sparewatt.host.sample import Sample
from sparewatt.permit import HOLD, Grant, PermitKind
from sparewatt.policy import Decision

PERIOD_S: Final = 0.25
# While no worker lives there is nothing to advance; a new one waits this much longer for its first permit at most.
IDLE_PERIOD_S: Final = 1.0

Advance = Callable[[Grant], None]


@dataclass
class _Paced:
    """What is newest of one device; every field is replaced whole, under the pacer's lock."""

    advance: Advance | None = None
    decision: Decision | None = None
    sample: Sample | None = None
    pace: Pace | None = None


class Pacer:
    """Paces any number of devices.

    Args:
        clock: in whose monotonic seconds decisions and samples are stamped.
    """

    def __init__(self, clock: Clock, period_s: float = PERIOD_S) -> None:
        self._clock = clock
        self._period_s = period_s
        self._lock = threading.Lock()
        self._devices: dict[str, _Paced] = {}
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; once."""
        if self._thread is not None:
            raise RuntimeError("the pacer was started before")
        self._thread = threading.Thread(target=self._run, name="pacer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; no permit is advanced after this."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether permits are being advanced. A thread that died of a bug leaves every worker without permit; the
        engine then ends, so that it is restarted whole."""
        return self._thread is not None and self._thread.is_alive()

    def attach(self, device: str, advance: Advance) -> None:
        """A worker of `device` lives: its permit is advanced from now on by calling `advance` on this thread."""
        with self._lock:
            self._devices.setdefault(device, _Paced()).advance = advance

    def detach(self, device: str) -> None:
        """The worker is gone; when this returns its permit's memory is not touched any more."""
        with self._lock:
            if device in self._devices:
                self._devices[device].advance = None

    def forget(self, device: str) -> None:
        """The device is gone, with all that is known of it, such as which sensors it had."""
        with self._lock:
            self._devices.pop(device, None)

    def decided(self, decision: Decision) -> None:
        """The newest decision; it has to be renewed within 5 s, also when nothing changed."""
        with self._lock:
            self._devices.setdefault(decision.device, _Paced()).decision = decision

    def sampled(self, sample: Sample) -> None:
        """The newest sample, with `t` in this clock."""
        with self._lock:
            self._devices.setdefault(sample.device, _Paced()).sample = sample

    def pace_of(self, device: str) -> Pace | None:
        """The last pace; None before the first."""
        with self._lock:
            paced = self._devices.get(device)
            return paced.pace if paced else None

    def tick(self) -> None:
        """Pace every device once. The thread does this; so may a test."""
        with self._lock:
            now = self._clock.monotonic()
            for paced in self._devices.values():
                paced.pace = pace(paced.decision, paced.sample, paced.pace, now)
                grant = _grant(paced.pace)
                if paced.advance is not None and grant is not None:
                    paced.advance(grant)

    def _run(self) -> None:
        while not self._ending.wait(self._period_s if self._attached else max(self._period_s, IDLE_PERIOD_S)):
            self.tick()

    @property
    def _attached(self) -> bool:
        with self._lock:
            return any(paced.advance is not None for paced in self._devices.values())


def _grant(paced: Pace) -> Grant | None:
    match paced.grant:
        case "compute":
            return Grant(PermitKind.COMPUTE, paced.duty)
        case "encode":
            return Grant(PermitKind.ENCODE)
        case "hold":
            return HOLD
        case "none":
            return None
