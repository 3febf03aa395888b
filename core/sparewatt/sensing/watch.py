"""When the sensor process is started, believed, killed and started again: values in, verdicts out.

off ──start──▶ starting ──first frame──▶ running ──60 s──▶ (failures forgotten)
 ▲                 │ nothing for 15 s       │ silent while polling
 └── retry time ── failed ◀──────kill───────┘
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from sparewatt.sensing.backoff import retry_delay_s

# The first call into a driver that slept (no persistence mode, many cards) takes seconds.
FIRST_FRAME_MOST_S: Final = 15.0
SILENCE_MOST_S: Final = 3.0
READING_SILENCE_MOST_S: Final = 30.0
HEALTHY_AFTER_S: Final = 60.0

Verdict = Literal["wait", "start", "kill"]


@dataclass(frozen=True)
class Watch:
    """Attributes:
    since_s: when this state began.
    asked_s: when what is polled last changed; None while nothing is.
    samples_s, heard_s: when samples, or anything, last arrived.
    failures: in a row.
    retry_s: when it is started again.
    """

    state: Literal["off", "starting", "running", "failed"] = "off"
    since_s: float = 0.0
    asked_s: float | None = None
    samples_s: float = 0.0
    heard_s: float = 0.0
    failures: int = 0
    retry_s: float = 0.0

    def started(self, now: float) -> "Watch":
        """The process was started and asked again for what is polled."""
        asked = None if self.asked_s is None else now
        return replace(self, state="starting", since_s=now, heard_s=now, samples_s=now, asked_s=asked)

    def asked(self, polling: bool, now: float) -> "Watch":
        """Something else, or nothing, is to be polled from now on."""
        return replace(self, asked_s=now if polling else None)

    def heard(self, samples: bool, now: float) -> "Watch":
        """A frame arrived."""
        running = replace(self, state="running", since_s=now) if self.state == "starting" else self
        failures = 0 if now - running.since_s >= HEALTHY_AFTER_S else running.failures
        return replace(running, heard_s=now, samples_s=now if samples else running.samples_s, failures=failures)

    def ended(self, now: float) -> "Watch":
        """The process is gone, for whatever reason."""
        failures = self.failures + 1
        return replace(self, state="failed", since_s=now, failures=failures, retry_s=now + retry_delay_s(failures))

    def verdict(self, now: float) -> Verdict:
        """What to do at `now`."""
        if self.state in ("off", "failed"):
            return "start" if now >= self.retry_s else "wait"
        if self.state == "starting":
            return "kill" if now - self.since_s > FIRST_FRAME_MOST_S else "wait"
        if now - self.heard_s > READING_SILENCE_MOST_S or self._silent(now):
            return "kill"
        return "wait"

    def _silent(self, now: float) -> bool:
        if self.asked_s is None:
            return False
        if self.samples_s < self.asked_s:  # none since the question: drivers may be waking up
            return now - self.asked_s > FIRST_FRAME_MOST_S
        return now - self.samples_s > SILENCE_MOST_S


@dataclass(frozen=True)
class ClockBridge:
    """The sensors' monotonic moments in the engine's clock.

    The smallest difference ever seen between arrival and taking is the best known difference of the two clocks, so
    samples that lay in the pipe while the engine was busy are known to be old.
    """

    offset_s: float | None = None

    def seen(self, taken_s: float, arrived_s: float) -> "ClockBridge":
        """With one more frame taken into account."""
        offset_s = arrived_s - taken_s
        return ClockBridge(offset_s if self.offset_s is None else min(self.offset_s, offset_s))

    def here(self, taken_s: float) -> float:
        """`taken_s` in the engine's clock; only after `seen`."""
        if self.offset_s is None:
            raise ValueError("no frame was seen")
        return taken_s + self.offset_s
