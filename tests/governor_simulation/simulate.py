"""Half an hour of one machine under the shipped governor and pacer."""

import math
import random
from collections import deque
from dataclasses import dataclass
from typing import Final

from sparewatt.governor import Pace, pace
from sparewatt.host.device import Device
from sparewatt.host.sample import PowerKind, Sample
from sparewatt.permit import Grant
from sparewatt.policy import Compute, Decision
from sparewatt.sensing.pacer import Govern, Pacer
from sparewatt.testing.card import NEVER, Card
from sparewatt.testing.clock import ManualClock
from sparewatt.wording.limits import pace_words
from tests.governor_simulation.checks import ABOVE_LIMIT_KELVIN, Finding, MinuteMean, Starts
from tests.governor_simulation.machines import QUIET_FROM_S, Happening, Machine

DEVICE: Final = "cuda:GPU-simulated"
TRACE_LINES: Final = 24
# How often the engine looks at a device without a worker: every 2 s while something may compute, else with readings.
REST_S: Final = 3.0
# Longest back-off of a lost sensor, a minute's rest, and a worker's start.
GOES_ON_WITHIN_S: Final = 420.0
REFUSED_ABOVE: Final = 1.1


@dataclass(frozen=True)
class Outcome:
    """What a machine did.

    Attributes:
        used_share: of the cap, while nothing but the cap held the device back; None where that was never so for long.
        tail: the last looks before the first finding or the end, one dictionary each.
    """

    machine: Machine
    findings: tuple[Finding, ...]
    mean_over_watts: float | None
    above_limit_kelvin: float | None
    late_s: float
    used_share: float | None
    busy_s: float
    pauses: int
    tail: tuple[dict[str, object], ...]


class Simulation:
    """One machine; `run` once.

    Args:
        govern: the law; the shipped one unless a test wants to see another one fail.
    """

    def __init__(self, machine: Machine, govern: Govern = pace) -> None:
        self.machine = machine
        self._rng = random.Random(machine.seed * 2 + 1)
        self._clock = ManualClock()
        self._pacer = Pacer(self._clock, jitter=self._rng.random, govern=govern)
        self._starts = Starts()
        self._minute = MinuteMean()
        drew = self._minute.drew if machine.cap_watts is not None and machine.spec.sensor != "none" else _nothing
        self._card = Card(machine.spec, machine.ambient, self._starts.began, drew, self._rng.random)
        self._cap = machine.cap_watts
        self._waiting = deque(machine.happenings)
        self._active: list[Happening] = []
        self._next_change_s = self._waiting[0].start if self._waiting else NEVER
        self._compute: Compute = "full"
        self._restart_at = 0.0
        self._woke_at = 0.0
        self._leave_at = NEVER
        self._decide_at = 0.0
        self._sample_s = 0.5
        self._last_counter: tuple[float, float] | None = None
        self._counter_base = 0.0
        self._frozen_watts: float | None = None
        self._findings: list[Finding] = []
        self._tail: deque[tuple[float, Pace, float, float]] = deque(maxlen=TRACE_LINES)
        self._reasons: set[str] = set()
        self._above = -1e9
        self._bound_s = self._bound_joules = 0.0
        self._pauses = 0
        self._cooling = False

    def run(self) -> Outcome:
        """Live through it all."""
        machine, card, pacer = self.machine, self._card, self._pacer
        spec = machine.spec
        limit = round(spec.full_watts * 1.2) if machine.limit_known else None
        pacer.found((Device(DEVICE, "cuda", "Simulated", "gpu-simulated", None, limit),))
        if self._capped:
            self._minute.cap(0.0, float(machine.cap_watts or 0))
        end = machine.minutes * 60.0
        next_tick, next_sample = 0.3, 0.1
        while not self._findings and card.now < end:
            moment = min(next_tick, next_sample)
            card.run(moment)
            self._clock.now = moment
            if moment >= self._next_change_s and self._happen(moment):
                next_tick, next_sample = card.now, card.now + 0.2
                self._clock.now = card.now
                continue
            if next_sample <= next_tick:
                self._sample(moment)
                next_sample = moment + self._sample_s * self._rng.uniform(1.0, 1.1)
                continue
            self._tick(moment)
            period = pacer.next_period_s()
            next_tick = moment + (REST_S * self._rng.uniform(0.9, 1.1) if period is None else period)
        return self._outcome()

    @property
    def _capped(self) -> bool:
        return self._cap is not None and self.machine.spec.sensor != "none"

    # What happens

    def _happen(self, now: float) -> bool:
        """Begin and end what is due; whether the computer slept meanwhile."""
        self._active = [each for each in self._active if each.end > now]
        slept = False
        while self._waiting and self._waiting[0].start <= now:
            each = self._waiting.popleft()
            slept = self._begin(each, now) or slept
        ends = [each.end for each in self._active]
        self._next_change_s = min((*ends, self._waiting[0].start if self._waiting else NEVER))
        active = {each.kind: each for each in self._active}
        card = self._card
        card.other_watts = sum(each.value for each in self._active if each.kind in ("game", "video"))
        card.has_work = "no_work" not in active
        self._compute = "stop" if "stop" in active else "hold" if "hold" in active else "full"
        if "frozen" not in active:
            self._frozen_watts = None
        return slept

    def _begin(self, each: Happening, now: float) -> bool:
        card = self._card
        match each.kind:
            case "ambient":
                card.set_ambient(self.machine.ambient + each.value)
            case "cap":
                self._cap = round(each.value)
                if self._capped:
                    self._minute.cap(now, each.value)
            case "work":
                card.work_factor = each.value
            case "counter_reset":
                self._counter_base = card.joules
            case "sleep":
                card.sleep((each.end - each.start) * 10.0)
                self._woke_at = card.now
                return True
            case "frozen":
                self._minute.skip(each.end + 90.0)
                self._active.append(each)
            case _:
                self._active.append(each)
        return False

    def _during(self, kind: str) -> Happening | None:
        return next((each for each in self._active if each.kind == kind), None)

    # The sensors

    def _sample(self, now: float) -> None:
        if self._active and self._during("silence") is not None:
            self._last_counter = None
            return
        card, spec = self._card, self.machine.spec
        watts, kind, counter = self._power(now)
        celsius = card.shown_celsius()
        whole = True
        if self._active:
            nonsense = self._during("nonsense")
            if self._during("no_power") is not None and watts is not None:
                watts = kind = counter = None
                whole = False
            if self._during("no_temperature") is not None and celsius is not None:
                celsius, whole = None, False
            if nonsense is not None and watts is not None:
                watts, whole = nonsense.value, False
        slowed = card.heat.celsius >= spec.slowdown_celsius
        margin = None
        if spec.has_margin and celsius is not None:
            margin = float(math.floor(spec.slowdown_celsius) - math.floor(card.heat.celsius))
        self._pacer.sampled(
            Sample(
                device=DEVICE,
                t=now,
                power_watts=watts,
                power_kind=kind,
                temperature_celsius=celsius,
                energy_millijoules=counter,
                margin_kelvin=margin,
                slowdowns=("hardware_thermal",) if slowed else (),
            )
        )
        if whole:
            self._starts.sampled_s = now

    def _power(self, now: float) -> tuple[float | None, PowerKind | None, int | None]:
        card = self._card
        watts: float
        kind: PowerKind
        match self.machine.spec.sensor:
            case "none":
                return None, None, None
            case "energy":
                return self._energy(now)
            case "average":
                watts, kind = card.average_watts(), "average_1s"
            case "quarter":
                watts, kind = card.quarter_watts(), "average_1s"
            case "instant":
                watts, kind = card.watts, "instant"
        return self._maybe_frozen(round(watts, 3)), kind, None

    def _energy(self, now: float) -> tuple[float | None, PowerKind | None, int | None]:
        counter = card_joules = self._card.counter_joules() - self._counter_base
        before, self._last_counter = self._last_counter, (now, counter)
        if before is None or counter <= before[1]:
            return round(self._card.average_watts(), 3), "average_1s", None
        watts = (counter - before[1]) / (now - before[0])
        if self._during("frozen") is not None:
            return self._maybe_frozen(round(watts, 3)), "average_1s", None
        return watts, "energy", round(card_joules * 1000)

    def _maybe_frozen(self, watts: float) -> float:
        if not self._active or self._during("frozen") is None:
            return watts
        if self._frozen_watts is None:
            self._frozen_watts = watts
        return self._frozen_watts

    # The engine

    def _tick(self, now: float) -> None:
        machine, pacer = self.machine, self._pacer
        if now >= self._decide_at and (not self._active or self._during("engine_hang") is None):
            self._decide_at = now + 0.4
            pacer.decided(
                Decision(
                    DEVICE,
                    self._compute,
                    "allowed",
                    (),
                    machine.speed_percent,
                    now,
                    self._cap,
                    machine.limit_celsius,
                )
            )
        pacer.tick()
        paced = pacer.pace_of(DEVICE)
        assert paced is not None
        self._sample_s = paced.sample_seconds
        self._worker(paced, now)
        self._look(paced, now)

    def _worker(self, paced: Pace, now: float) -> None:
        """Start and end the worker as the engine would."""
        card = self._card
        leave = paced.leave or self._compute == "stop"
        if not card.attached:
            if not leave and self._compute == "full" and now >= self._restart_at:
                self._pacer.attach(DEVICE, self._advance)
                card.attach(now + self._rng.uniform(3.0, 25.0))
            return
        if leave and self._leave_at == NEVER:
            self._leave_at = now + self._rng.uniform(0.2, 3.0)
        if now >= self._leave_at or card.permit_expired:
            card.detach()
            self._pacer.detach(DEVICE)
            self._leave_at = NEVER
            self._restart_at = now + self._rng.uniform(1.0, 5.0)

    def _advance(self, grant: Grant) -> None:
        self._card.advance(grant)

    # The checks

    def _look(self, paced: Pace, now: float) -> None:
        card, machine = self._card, self.machine
        if paced.cooling and not self._cooling:
            self._pauses += 1
            self._starts.stopped_for_heat(now)
        self._cooling = paced.cooling
        if paced.reason is not None and paced.reason not in self._reasons:
            self._reasons.add(paced.reason)
            if not pace_words(paced.reason, paced.parameters).strip():
                self._findings.append(Finding("words", now, f"{paced.reason} has no words"))
        if paced.grant != "compute" and paced.reason is None:
            self._findings.append(Finding("words", now, "nothing may compute, for no reason"))
        if machine.spec.whole_degrees is not None:
            self._look_at_heat(now)
        if paced.limit == "power" and paced.reason is None and card.has_work and card.attached:
            self._bound_s += 0.5
            self._bound_joules += 0.5 * (paced.power_mean_watts or 0.0) / max(self._cap or 1, 1)
        self._tail.append((now, paced, card.watts, card.heat.celsius))
        if self._starts.findings:
            self._findings += self._starts.findings
        self._look_at_power()

    def _look_at_power(self) -> None:
        worst = self._minute.finding
        if worst is not None:
            self._findings.append(worst)

    def _look_at_heat(self, now: float) -> None:
        card = self._card
        bearable = max(self.machine.limit_celsius, card.rest_heat.celsius)
        above = card.own_heat.celsius - bearable
        self._above = max(self._above, above)
        if above > ABOVE_LIMIT_KELVIN:
            words = f"{card.own_heat.celsius:.1f} °C under own load, limit {self.machine.limit_celsius} °C"
            self._findings.append(Finding("temperature", now, words))

    def _outcome(self) -> Outcome:
        machine, card = self.machine, self._card
        self._minute.look()
        if not self._findings:
            self._look_at_power()
        findings = list(self._findings)
        newest = self._starts.newest_s
        looked_long = machine.minutes * 60.0 >= max(QUIET_FROM_S, self._woke_at) + GOES_ON_WITHIN_S
        quiet_s = machine.minutes * 60.0 - QUIET_FROM_S
        idle = newest is None or card.now - newest > quiet_s
        if not findings and looked_long and idle and self._could_work():
            findings.append(Finding("ends", card.now, "nothing computed in the quiet end though nothing forbids it"))
        return Outcome(
            machine=machine,
            findings=tuple(findings),
            mean_over_watts=self._minute.worst_over if self._capped else None,
            above_limit_kelvin=self._above if machine.spec.whole_degrees is not None else None,
            late_s=self._starts.late_s,
            used_share=self._bound_joules / self._bound_s if self._bound_s > 300.0 else None,
            busy_s=card.busy_s,
            pauses=self._pauses,
            tail=tuple(_line(*looked) for looked in self._tail),
        )

    def _could_work(self) -> bool:
        """Whether the limits leave any room above what the card draws and how warm it is at rest."""
        machine, spec = self.machine, self.machine.spec
        # What a card with an unknown limit might draw at full power weighs in the least cap until it has worked.
        full = spec.full_watts * 1.4 if machine.limit_known else 750.0
        if self._capped and (self._cap or 0) < 1.25 * spec.gap_watts + full / 40.0:
            return False
        limit = min(self.machine.limit_celsius, spec.slowdown_celsius - 11.0)
        gap_kelvin = (spec.die_kelvin + spec.sink_kelvin) * spec.gap_watts / spec.full_watts
        return limit - (self._card.heat.ambient + gap_kelvin) > 9.0


def _nothing(began: float, ended: float, watts: float) -> None:
    """Nobody has to keep a cap."""


def _line(now: float, paced: Pace, watts: float, celsius: float) -> dict[str, object]:
    mean, learnt = paced.power_mean_watts, paced.learnt
    return {
        "t": round(now, 2),
        "grant": paced.grant,
        "duty": round(paced.duty, 3),
        "reason": paced.reason,
        "limit": paced.limit,
        "watts": round(watts, 1),
        "mean_watts": None if mean is None else round(mean, 1),
        "celsius": round(celsius, 1),
        "full": None if learnt.full_watts is None else round(learnt.full_watts, 1),
        "gap": None if learnt.gap_watts is None else round(learnt.gap_watts, 1),
    }


def simulate(machine: Machine, govern: Govern = pace) -> Outcome:
    """What this machine does under this law."""
    return Simulation(machine, govern).run()
