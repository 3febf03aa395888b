"""A card that exists only as arithmetic: what it draws, how warm it grows, and what its sensors say of it.

The die answers its own power within seconds, the heatsink within minutes; each is one resistance and one time constant.
The worker on it computes in micro-batches exactly as `worker.watch.PermitGate` lets it: none begins without a permit
that advanced within 2 s, and it pauses ``busy x (1 / duty - 1)`` by the newest duty once that is a tenth of a second.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from sparewatt.permit import EXPIRED_SECONDS, FRESH_SECONDS, PAUSE_LEAST_SECONDS, Grant, PermitKind

SensorKind = Literal["energy", "average", "instant", "quarter", "none"]
_HISTORY_S: Final = 1.5
NEVER: Final = math.inf


@dataclass(frozen=True)
class CardSpec:
    """What a card is.

    Attributes:
        rest_watts: without a worker; `gap_watts` with one that computes nothing, `full_watts` while it computes.
        die_kelvin, sink_kelvin: how much warmer than its heatsink the die, and than the air the heatsink, is in the end
            at full power.
        die_s, sink_s: their time constants.
        micro_batch_s: how long one takes.
        sensor: what its power sensor is; `quarter` averages a quarter of each tenth of a second.
        counter_step_s: how often the energy counter moves.
        whole_degrees: whether the temperature is cut to whole degrees; None when there is no such sensor.
    """

    rest_watts: float = 15.0
    gap_watts: float = 40.0
    full_watts: float = 300.0
    die_kelvin: float = 18.0
    sink_kelvin: float = 35.0
    die_s: float = 3.0
    sink_s: float = 120.0
    slowdown_celsius: float = 92.0
    micro_batch_s: float = 0.2
    sensor: SensorKind = "energy"
    counter_step_s: float = 0.05
    whole_degrees: bool | None = True
    has_margin: bool = False


class Heat:
    """One course of temperatures under one course of power."""

    __slots__ = ("_die_kelvin", "_full_watts", "_sink_kelvin", "ambient", "die", "sink")

    def __init__(self, spec: CardSpec, ambient: float) -> None:
        self._full_watts = spec.full_watts
        self._die_kelvin = spec.die_kelvin
        self._sink_kelvin = spec.sink_kelvin
        self.ambient = ambient
        self.sink = ambient + spec.sink_kelvin * spec.rest_watts / spec.full_watts
        self.die = spec.die_kelvin * spec.rest_watts / spec.full_watts

    @property
    def celsius(self) -> float:
        return self.sink + self.die

    def run(self, watts: float, die_share: float, sink_share: float) -> None:
        """Move by the shares of the way to where `watts` would lead in the end."""
        load, sink, die = watts / self._full_watts, self.sink, self.die
        self.sink = sink + (self.ambient + self._sink_kelvin * load - sink) * sink_share
        self.die = die + (self._die_kelvin * load - die) * die_share


class Card:
    """A card with at most one worker and possibly other programs on it.

    Args:
        began: told when micro-batches begin: of those of one `run`, the first and the last.
        drew: told every stretch of even power of the worker and the card itself: its start, end and watts.
        vary: numbers between 0 and 1; a micro-batch lasts up to a tenth longer or shorter by them.
    """

    def __init__(
        self,
        spec: CardSpec,
        ambient: float,
        began: Callable[[float], None],
        drew: Callable[[float, float, float], None],
        vary: Callable[[], float] = lambda: 0.5,
    ) -> None:
        self.spec = spec
        self.now = 0.0
        self.heat = Heat(spec, ambient)
        self.own_heat = Heat(spec, ambient)
        self.rest_heat = Heat(spec, ambient)
        self.attached = False
        self.ready_at = NEVER
        self.has_work = True
        self.other_watts = 0.0
        self.work_factor = 1.0
        self.joules = 0.0
        self.own_joules = 0.0
        self.busy_s = 0.0
        self.watts = spec.rest_watts
        self.advanced_at = -NEVER
        self._began = began
        self._drew = drew
        self._vary = vary
        self._compute = False
        self._duty = 1.0
        self._busy_until = 0.0
        self._busy = 0.0
        self._heated_at = 0.0
        self._heated_joules = 0.0
        self._heated_own = 0.0
        self._history: list[tuple[float, float, float]] = []

    # The worker

    def attach(self, ready_at: float) -> None:
        """A worker starts; it holds the card open from `ready_at`."""
        self.attached = True
        self.ready_at = ready_at
        self.advanced_at = self.now
        self._compute = False
        self._busy = 0.0

    def detach(self) -> None:
        """The worker is gone, with what it was at."""
        self.attached = False
        self.ready_at = NEVER
        self._busy_until = min(self._busy_until, self.now)
        self._compute = False

    def advance(self, grant: Grant) -> None:
        """The permit is renewed now."""
        self.advanced_at = self.now
        self._compute = grant.kind is PermitKind.COMPUTE
        self._duty = grant.duty

    @property
    def permit_expired(self) -> bool:
        """Whether the worker ended itself, for its permit stood still too long."""
        return self.now - max(self.advanced_at, self.ready_at) >= EXPIRED_SECONDS

    # Time

    def run(self, until: float) -> None:
        """Live until then."""
        if not self.attached or self.now < self.ready_at:
            self._rest(min(until, self.ready_at))
        if self.now < until:
            self._work(until)
        self._warm(until)

    def sleep(self, seconds: float) -> None:
        """The computer is suspended: nothing draws anything."""
        self.now += seconds
        self._heated_at = self.now
        self._busy_until = min(self._busy_until, self.now)
        for heat in (self.heat, self.own_heat, self.rest_heat):
            heat.run(0.0, 1.0 - math.exp(-seconds / self.spec.die_s), 1.0 - math.exp(-seconds / self.spec.sink_s))
        self._drew(self.now - seconds, self.now, 0.0)
        self._history = [(self.now, self.joules, self.watts)]

    def _work(self, until: float) -> None:
        """Micro-batches as the permit lets them begin, and the pauses between them."""
        full, gap, others, vary = self._full_watts(), self.spec.gap_watts, self.other_watts, self._vary
        mean_length, permit_ends = self.spec.micro_batch_s, self.advanced_at + FRESH_SECONDS
        last_start = permit_ends if self._compute and self.has_work else -NEVER
        chained, pause_share = self._duty >= 1.0, 1.0 / self._duty - 1.0
        now, joules, own_joules = self.now, self.joules, self.own_joules
        busy, busy_until = self._busy, self._busy_until
        first_began, last_began = -NEVER, -NEVER
        watts = gap
        while now < until:
            if now < busy_until:
                end, watts = min(busy_until, until), full
                self.busy_s += end - now
            else:
                pause = busy * pause_share
                start = busy_until + pause if pause >= PAUSE_LEAST_SECONDS else busy_until
                if start <= now <= last_start:
                    # A micro-batch, or a chain of them without pauses.
                    length = mean_length * (0.9 + 0.2 * vary())
                    more = max(0, int((min(until, permit_ends) - now) / length)) if chained else 0
                    busy = length if start > busy_until or chained else busy + length
                    busy_until = now + (1 + more) * length
                    first_began = now if first_began == -NEVER else first_began
                    last_began = now + more * length
                    continue
                end, watts = start if now < start <= last_start and start < until else until, gap
            stretch = end - now
            self._history.append((now, joules, watts + others))
            joules += (watts + others) * stretch
            own_joules += watts * stretch
            self._drew(now, end, watts)
            now = end
        self.now, self.joules, self.own_joules, self.watts = now, joules, own_joules, watts + others
        self._busy, self._busy_until = busy, busy_until
        if last_began != -NEVER:
            self._began(first_began)
            self._began(last_began)

    def _full_watts(self) -> float:
        hot = self.heat.celsius
        watts = self.spec.full_watts * self.work_factor * (1.0 + 0.0015 * (hot - 60.0))
        return max(watts * 0.6 if hot >= self.spec.slowdown_celsius else watts, self.spec.gap_watts)

    def _rest(self, until: float) -> None:
        """Without a worker, or with one that has not opened the card yet."""
        elapsed, rest = until - self.now, self.spec.rest_watts
        if elapsed <= 0.0:
            return
        self.watts = rest + self.other_watts
        self._history.append((self.now, self.joules, self.watts))
        self.own_joules += rest * elapsed
        self.joules += self.watts * elapsed
        self._drew(self.now, until, rest)
        self.now = until

    def _warm(self, now: float) -> None:
        elapsed = now - self._heated_at
        if elapsed <= 0.0:
            return
        die, sink = 1.0 - math.exp(-elapsed / self.spec.die_s), 1.0 - math.exp(-elapsed / self.spec.sink_s)
        self.heat.run((self.joules - self._heated_joules) / elapsed, die, sink)
        self.own_heat.run((self.own_joules - self._heated_own) / elapsed, die, sink)
        self.rest_heat.run(self.spec.rest_watts, die, sink)
        self._heated_at, self._heated_joules, self._heated_own = now, self.joules, self.own_joules
        if len(self._history) > 400:
            self._history = [each for each in self._history if each[0] > now - _HISTORY_S]

    def set_ambient(self, celsius: float) -> None:
        for heat in (self.heat, self.own_heat, self.rest_heat):
            heat.ambient = celsius

    # The sensors

    def counter_joules(self) -> float:
        """The energy counter, which moves in steps."""
        return self._joules_at(self.now - self.now % self.spec.counter_step_s)

    def average_watts(self) -> float:
        """Mean over the last second."""
        return self.joules - self._joules_at(self.now - 1.0)

    def quarter_watts(self) -> float:
        """Mean over the first quarter of each of the last ten tenths of a second."""
        first = math.floor(self.now * 10.0) / 10.0 - 1.0
        begins = [first + 0.1 * each for each in range(10)]
        return sum(self._joules_at(begin + 0.025) - self._joules_at(begin) for begin in begins) / 0.25

    def shown_celsius(self) -> float | None:
        celsius = self.heat.celsius
        if self.spec.whole_degrees is None:
            return None
        return float(math.floor(celsius)) if self.spec.whole_degrees else celsius

    def _joules_at(self, t: float) -> float:
        if t >= self.now or not self._history:
            return self.joules
        began, joules, watts = self._history[max(0, bisect_right(self._history, (t, NEVER)) - 1)]
        return joules + watts * (t - began)
