"""The thread that advances permits: the only way from a decision to a computing worker.

It is no part of the event loop, so that a busy loop does not starve workers of their permits; and it believes only
fresh samples and young decisions, so that a dead loop or a hung sensor stops them.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from sparewatt.clock import Clock
from sparewatt.governor import Facts, Pace, pace
from sparewatt.host.device import Device
from sparewatt.host.sample import Sample
from sparewatt.permit import Grant, PermitKind
from sparewatt.policy import Decision

PERIOD_S: Final = 0.5
# A cap on a device whose sensor knows only the instant is kept with more looks at it.
INSTANT_PERIOD_S: Final = 0.1
# No two looks in step with a load that is switched in a rhythm of its own.
JITTER: Final = 0.1
# While a worker lives no look is so late unless the computer slept, or the clock was set.
SLEPT_S: Final = 5.0

Advance = Callable[[Grant], None]


class Govern(Protocol):
    """`governor.pace`, or another law that a test puts in its place."""

    def __call__(
        self, decision: Decision | None, sample: Sample | None, previous: Pace | None, now: float, facts: Facts
    ) -> Pace: ...


@dataclass
class _Paced:
    """What is newest of one device; every field is replaced whole, under the pacer's lock."""

    advance: Advance | None = None
    resumed: Callable[[], None] | None = None
    decision: Decision | None = None
    sample: Sample | None = None
    pace: Pace | None = None
    facts: Facts = field(default_factory=lambda: Facts(attached=False))


class Pacer:
    """Paces any number of devices.

    Args:
        clock: in whose monotonic seconds decisions and samples are stamped.
        jitter: numbers between 0 and 1, of which the times of the looks are made.
        govern: the law.
    """

    def __init__(
        self,
        clock: Clock,
        period_s: float = PERIOD_S,
        jitter: Callable[[], float] = random.random,
        govern: Govern = pace,
    ) -> None:
        self._clock = clock
        self._period_s = period_s
        self._jitter = jitter
        self._govern = govern
        self._lock = threading.Lock()
        self._devices: dict[str, _Paced] = {}
        self._person_active = False
        self._looked: tuple[float, float] | None = None
        self._ending = False
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; once."""
        if self._thread is not None:
            raise RuntimeError("the pacer was started before")
        self._thread = threading.Thread(target=self._run, name="pacer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; no permit is advanced after this."""
        self._ending = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether permits are being advanced. A thread that died of a bug leaves every worker without permit; the
        engine then ends, so that it is restarted whole."""
        return self._thread is not None and self._thread.is_alive()

    def attach(self, device: str, advance: Advance, resumed: Callable[[], None] | None = None) -> None:
        """A worker of `device` lives: its permit is advanced from now on by calling `advance` on this thread, and
        `resumed` when the computer slept."""
        with self._lock:
            if not self._attached():
                self._looked = None
            paced = self._paced(device)
            paced.advance = advance
            paced.resumed = resumed
            paced.facts = replace(paced.facts, attached=True)
        self._wake.set()

    def detach(self, device: str) -> None:
        """The worker is gone; when this returns its permit's memory is not touched any more."""
        with self._lock:
            if device in self._devices:
                paced = self._devices[device]
                paced.advance = None
                paced.resumed = None
                paced.facts = replace(paced.facts, attached=False)

    def forget(self, device: str) -> None:
        """The device is gone, with all that is known of it, such as which sensors it had."""
        with self._lock:
            self._devices.pop(device, None)

    def found(self, devices: tuple[Device, ...]) -> None:
        """What devices say of themselves: their own limits."""
        with self._lock:
            for device in devices:
                paced = self._paced(device.device)
                paced.facts = replace(
                    paced.facts,
                    power_limit_watts=device.power_limit_watts,
                    slowdown_celsius=device.slowdown_celsius,
                )

    def person(self, *, active: bool) -> None:
        """Whether somebody uses the computer now; where that is not known, somebody does."""
        with self._lock:
            self._person_active = active

    def decided(self, decision: Decision) -> None:
        """The newest decision; it has to be renewed within 5 s, also when nothing changed."""
        with self._lock:
            self._paced(decision.device).decision = decision

    def sampled(self, sample: Sample) -> None:
        """The newest sample, with `t` in this clock."""
        with self._lock:
            self._paced(sample.device).sample = sample

    def pace_of(self, device: str) -> Pace | None:
        """The last pace; None before the first."""
        with self._lock:
            paced = self._devices.get(device)
            return paced.pace if paced else None

    def tick(self) -> None:
        """Pace every device once. The thread does this; so may a test, and `rest`."""
        with self._lock:
            now = self._clock.monotonic()
            if self._slept(now):
                self._forget_before_sleep()
            for paced in self._devices.values():
                if paced.facts.person_active != self._person_active:
                    paced.facts = replace(paced.facts, person_active=self._person_active)
                paced.pace = self._govern(paced.decision, paced.sample, paced.pace, now, paced.facts)
                grant = _grant(paced.pace)
                if paced.advance is not None and grant is not None:
                    paced.advance(grant)

    def rest(self) -> None:
        """Pace every device once if no worker lives: then there is nothing to advance, and the thread sleeps. What a
        device waits for meanwhile, such as cooling down, goes on by this."""
        with self._lock:
            resting = not self._attached()
        if resting:
            self.tick()

    def _attached(self) -> bool:
        return any(paced.advance is not None for paced in self._devices.values())

    def _paced(self, device: str) -> _Paced:
        """What is kept of `device`; call it under the lock."""
        paced = self._devices.get(device)
        if paced is None:
            paced = self._devices[device] = _Paced()
        return paced

    def _slept(self, now: float) -> bool:
        """Whether the computer slept since the last look. The monotonic clock of some systems stands still meanwhile;
        the time of day does not."""
        before, self._looked = self._looked, (now, self._clock.unix())
        if before is None:
            return False
        elapsed = now - before[0]
        late = elapsed > SLEPT_S and self._attached()
        return elapsed < 0.0 or late or self._looked[1] - before[1] - elapsed > SLEPT_S

    def _forget_before_sleep(self) -> None:
        """What was seen or granted before the sleep says nothing of now."""
        for paced in self._devices.values():
            paced.sample = None
            if paced.resumed is not None:
                paced.resumed()

    def next_period_s(self) -> float | None:
        """How long to wait until the next `tick`; None while no worker lives: a new one wakes the thread."""
        with self._lock:
            attached = often = False
            for paced in self._devices.values():
                if paced.advance is not None:
                    attached = True
                    often = often or (paced.pace is not None and paced.pace.sample_seconds < PERIOD_S)
        if not attached:
            return None
        period = min(self._period_s, INSTANT_PERIOD_S) if often else self._period_s
        return period * (1.0 - JITTER + 2.0 * JITTER * self._jitter())

    def _run(self) -> None:
        while True:
            self._wake.wait(self.next_period_s())
            self._wake.clear()
            if self._ending:
                return
            self.tick()


def _grant(paced: Pace) -> Grant | None:
    match paced.grant:
        case "compute":
            return Grant(PermitKind.COMPUTE, paced.duty, paced.micro_batch_seconds)
        case "encode":
            return Grant(PermitKind.ENCODE)
        case "hold":
            return Grant(PermitKind.HOLD)
        case "none":
            return None
