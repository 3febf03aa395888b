"""Keeps the mean power of every minute under the cap, and learns what the device draws.

Two laws, of which the stricter holds:

- A proportional-integral controller on the smoothed power steers towards a little less than the cap, so that the device
  works evenly.
- A budget: the energy of every minute that ends from now on must fit under the cap even if a micro-batch of a second
  begins now and nothing can be changed for `HORIZON_S`. It holds whatever the controller believes, also after the
  device idled, when load returns at once or when its draw was misjudged.
"""

from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from sparewatt.governor.trust import POWER_MOST_WATTS
from sparewatt.governor.values import DUTY_FIRST, DUTY_LEAST, Facts, PowerMemory
from sparewatt.governor.window import WINDOW_S
from sparewatt.host.sample import PowerKind, Sample
from sparewatt.permit import FRESH_SECONDS

# The next sample and the next pace may each be 0.6 s away, and a micro-batch in flight ends after a second.
HORIZON_S: Final = 1.5
MICRO_BATCH_MOST_S: Final = 1.0
_HALF_S: Final = MICRO_BATCH_MOST_S / 2
# What the account may be wrong by: a counter by its steps, an average by what falls between two of its looks (some
# sensors look a quarter of the time only), an instant by all that lies between two of them.
BUDGET_SHARE: Final = MappingProxyType({"energy": 0.985, "average_1s": 0.93, "instant": 0.94})
# Work changes; what was learnt of it may lag behind by so much.
_MISJUDGED: Final = 1.1
# One instant says little of a load that is switched many times a second; such a sensor is smoothed more and believed
# less.
_SHARE: Final = {True: 0.92, False: 0.97}
_SMOOTH_S: Final = {True: 8.0, False: 3.0}
_INTEGRAL_S: Final = {True: 20.0, False: 10.0}
_RISE_PER_S: Final = 0.05
_FALL_PER_S: Final = 0.5
_SLOW_S: Final = 15.0
# A device's draw while it computes changes with its work and its temperature; a higher one is believed at once.
_FORGET_S: Final = 120.0
# Where there is room for a micro-batch a minute only, each has to remind of what one draws.
_FORGET_SELDOM_S: Final = 600.0
_SETTLE_S: Final = 2.0
_QUIET_S: Final = 4.0
# When the draw between micro-batches is measured: soon after a worker began, again when its memory is full, hourly.
PROBES_S: Final = (15.0, 90.0, 600.0, 3600.0)
# By so long after the time for the first measurement a worker has its device open, also from a slow disk.
_OPENED_S: Final = 20.0
# A worker that only holds its device open draws no more than this share of what it draws while it computes.
_WAITING_SHARE_MOST: Final = 0.5
# A cap needs this much above the draw at rest to leave room for any work.
ROOM_ABOVE_GAP: Final = 1.15
_LEARN_DUTY_LEAST: Final = 0.05
# Work that draws less than this times what the worker draws while it waits is not seen as work at first.
_WORK_LEAST: Final = 1.5
_UNKNOWN_FULL_WATTS: Final = 700.0
# After the minute's energy was used up, work goes on when there is room for this much.
DUTY_REGAINED: Final = 0.05


def worked_share(memory: PowerMemory) -> float | None:
    """Which share of the work that it draws at full is seen at this moment; None before it is known what it draws
    while it waits."""
    gap = memory.gap_watts
    if gap is None:
        return None
    full = memory.full_watts or max(memory.peak_watts, _WORK_LEAST * gap)
    return min(max((memory.smooth_watts - gap) / max(full - gap, 1.0), 0.0), 1.0)


def kind_of(sample: Sample) -> PowerKind:
    """How the power was had; the weakest claim where that is not said."""
    return sample.power_kind or "instant"


def observe(memory: PowerMemory, sample: Sample, watts: float, facts: Facts) -> PowerMemory:
    """The account and what is learnt, with a new believable reading of `watts`."""
    elapsed = 0.0 if memory.t is None else sample.t - memory.t
    if memory.t is None or elapsed > 5.0 or elapsed <= 0.0:
        return _begin(memory, sample, watts, max(elapsed, 0.0))
    joules, used = _joules(memory, sample, watts, elapsed)
    smooth = memory.smooth_watts + (used - memory.smooth_watts) * elapsed / (
        _SMOOTH_S[kind_of(sample) == "instant"] + elapsed
    )
    slow = elapsed / (_SLOW_S + elapsed)
    forget = _FORGET_S if memory.slow_duty >= _LEARN_DUTY_LEAST else _FORGET_SELDOM_S
    account = memory.joules + joules
    memory = replace(
        memory,
        t=sample.t,
        joules=account,
        counter=sample.energy_millijoules,
        kind=kind_of(sample),
        watts=watts,
        window=memory.window.added(sample.t, account),
        smooth_watts=smooth,
        slow_watts=memory.slow_watts + (used - memory.slow_watts) * slow,
        slow_duty=memory.slow_duty + (memory.granted - memory.slow_duty) * slow,
        peak_watts=max(used, memory.peak_watts - (memory.peak_watts - smooth) * elapsed / forget),
    )
    return _learn(memory, facts, elapsed)


def steer(memory: PowerMemory, cap: int, elapsed: float, most: float, facts: Facts) -> PowerMemory:
    """One step of the controller, `elapsed` seconds after the last; `most` is what other limits allow."""
    instant = memory.kind == "instant"
    # Until the draw is known the gain is that of a device with a wide range: too slow rather than unsteady.
    span = max(_full_watts(memory, facts) - _gap_watts(memory, cap), 0.25 * cap)
    # The budget needs this much room for a micro-batch and the horizon; a higher target would only make it stop often.
    room = (MICRO_BATCH_MOST_S + memory.duty * HORIZON_S) * span * _MISJUDGED / WINDOW_S
    target = max(min(_SHARE[instant] * cap, BUDGET_SHARE[memory.kind] * cap - room), 0.5 * cap)
    error = (target - memory.smooth_watts) / span
    integral = memory.integral + elapsed / _INTEGRAL_S[instant] * error
    integral = min(max(integral, DUTY_LEAST), 1.0)
    if error > 0 and memory.duty >= most:
        integral = min(integral, max(memory.integral, most))
    wanted = integral + error
    duty = min(max(wanted, memory.duty - _FALL_PER_S * elapsed), memory.duty + _RISE_PER_S * elapsed)
    if instant:
        duty = min(duty, _duty_by_draw(memory, cap))
    return replace(memory, integral=integral, duty=min(max(duty, DUTY_LEAST), max(most, DUTY_LEAST)))


def _duty_by_draw(memory: PowerMemory, cap: int) -> float:
    """The duty that keeps the cap by what work and waiting were seen to draw: the account of a sensor that knows but
    the instant is wrong by several per cent in any one minute, what it saw of either is not."""
    gap, seen = memory.gap_watts, _seen_watts(memory)
    if gap is None or seen < _WORK_LEAST * gap:
        return 1.0
    return (0.97 * cap - gap) / (seen - gap)


def budget_duty(memory: PowerMemory, cap: int, now: float, facts: Facts) -> float:
    """The largest duty that cannot break the cap; below 0 there is no room at all.

    Whatever is granted now may be used for the horizon, and after it the device still draws its gap power: so every
    window that ends within the next minute is looked at, not only the next. One that ends before the micro-batch does
    holds only as much of it, but still holds what the longer ones have left behind.
    """
    newest = now if memory.t is None else memory.t
    age = max(now - newest, 0.0)
    gap = _gap_watts(memory, cap)
    begin = newest + age - WINDOW_S
    at_once, half, whole = memory.window.most_joules((begin, begin + _HALF_S, begin + MICRO_BATCH_MOST_S), gap)
    span = max(_full_watts(memory, facts) * _MISJUDGED - gap, 1.0)
    joules = BUDGET_SHARE[memory.kind] * cap * WINDOW_S
    if joules - at_once < span * _HALF_S or joules - half < span * MICRO_BATCH_MOST_S:
        return -1.0
    return ((joules - whole) / span - MICRO_BATCH_MOST_S) / (HORIZON_S + age)


def least_cap_watts(memory: PowerMemory, facts: Facts) -> int | None:
    """The lowest cap that can be kept, once the draw between two micro-batches was measured: it leaves room for one
    micro-batch of a second in a minute."""
    gap = memory.gap_watts
    if gap is None:
        return None
    span = max(_full_watts(memory, facts) * _MISJUDGED - gap, 1.0)
    one_a_minute = (gap + span * (MICRO_BATCH_MOST_S + 2 * DUTY_REGAINED * HORIZON_S) / WINDOW_S) / BUDGET_SHARE[
        memory.kind
    ]
    return int(max(gap * ROOM_ABOVE_GAP, one_a_minute)) + 1


def started(memory: PowerMemory) -> PowerMemory:
    """The controller begins anew; the account and what was learnt stay."""
    return replace(memory, integral=DUTY_FIRST, duty=DUTY_FIRST, spent=False)


def assumed_full(memory: PowerMemory, cap: int | None, now: float) -> PowerMemory:
    """After a jump of the clock the last minute is not known: it is taken to have used all of the cap."""
    window = memory.window
    if cap is not None:
        begin = now - WINDOW_S
        window = type(window)(
            tuple((begin + second, memory.joules + cap * 0.95 * (second - WINDOW_S)) for second in range(0, 61, 2))
        )
    return replace(started(memory), t=None, window=window, quiet_s=None, quiet_joules=None, over_s=None, counter=None)


def quietened(memory: PowerMemory, now: float, *, quiet: bool, over: bool) -> PowerMemory:
    """Since when nothing may compute, and since when the device draws too much although it may not."""
    quiet_s = (memory.quiet_s if memory.quiet_s is not None else now) if quiet else None
    over_s = (memory.over_s if memory.over_s is not None else now) if over else None
    if quiet_s == memory.quiet_s and over_s == memory.over_s:
        return memory
    return replace(memory, quiet_s=quiet_s, over_s=over_s, quiet_joules=memory.quiet_joules if quiet else None)


def measuring(memory: PowerMemory, now: float) -> bool:
    """Whether it is time to hold for a few seconds and see what the device draws: for the first time when the worker
    has surely opened it, for then it draws more than before. Some draw so little more that nothing shows; by then time
    says it."""
    if memory.probe_s is None or now < memory.probe_s:
        return False
    if now >= memory.probe_s + _OPENED_S:
        return True
    risen = memory.attached_watts is not None and memory.smooth_watts > 1.2 * memory.attached_watts + 2.0
    return memory.probes > 0 or risen


def _begin(memory: PowerMemory, sample: Sample, watts: float, elapsed: float) -> PowerMemory:
    """The first reading, or the first after a silence in which no permit was advanced: nothing computed in it but what
    the last permit still let begin."""
    unseen = min(elapsed, FRESH_SECONDS + MICRO_BATCH_MOST_S) if memory.slow_duty > 0.0 else 0.0
    account = memory.joules + min(elapsed, WINDOW_S) * watts + unseen * max(_seen_watts(memory) - watts, 0.0)
    return replace(
        memory,
        t=sample.t,
        joules=account,
        counter=sample.energy_millijoules,
        kind=kind_of(sample),
        watts=watts,
        window=memory.window.added(sample.t, account),
        smooth_watts=watts,
        slow_watts=watts,
        slow_duty=0.0,
        peak_watts=max(watts, memory.peak_watts),
        quiet_joules=None,
    )


def _joules(memory: PowerMemory, sample: Sample, watts: float, elapsed: float) -> tuple[float, float]:
    """Energy since the last reading and the power that it means: by the counter where it moves like one, else by the
    power itself."""
    counter = sample.energy_millijoules
    if sample.power_kind == "energy" and counter is not None and memory.counter is not None:
        by_counter = (counter - memory.counter) / 1000
        if 0.0 < by_counter <= POWER_MOST_WATTS * elapsed:
            return by_counter, by_counter / elapsed
        return max(watts, memory.watts) * elapsed, watts
    if elapsed > 1.0:
        return max(watts, memory.watts) * elapsed, watts
    return watts * elapsed, watts


def _learn(memory: PowerMemory, facts: Facts, elapsed: float) -> PowerMemory:
    assert memory.t is not None
    if memory.quiet_s is not None:
        return _learn_quiet(memory, facts, memory.t, memory.quiet_s)
    if not facts.attached or memory.gap_watts is None or memory.slow_duty < _LEARN_DUTY_LEAST:
        return memory
    seen = max(memory.watts, memory.smooth_watts)
    if seen < memory.gap_watts and memory.probes > 0:
        # Something else took part in what was measured.
        return replace(memory, gap_watts=seen)
    worked = memory.slow_watts - memory.gap_watts
    full = memory.gap_watts + worked / memory.slow_duty
    known = memory.full_watts
    if known is None and full < _WORK_LEAST * memory.gap_watts:
        # A worker that opens its device or waits for data shows nothing of what its work will draw.
        return memory
    if known is None or full >= known:
        most = POWER_MOST_WATTS if facts.power_limit_watts is None else 1.25 * facts.power_limit_watts
        return replace(memory, full_watts=min(max(full, memory.smooth_watts), max(most, memory.peak_watts)))
    # A worker that waits for data draws little at any duty: the less it draws, the less that says of its work.
    share = worked / max((known - memory.gap_watts) * memory.slow_duty, 1e-9)
    if share < 0.3:
        return memory
    forget = _FORGET_S if share > 0.85 else 15 * _FORGET_S
    return replace(memory, full_watts=known - (known - full) * elapsed / forget)


def _learn_quiet(memory: PowerMemory, facts: Facts, t: float, quiet_s: float) -> PowerMemory:
    if t < quiet_s + _SETTLE_S:
        return memory
    if memory.quiet_joules is None:
        # The account as it stood when the last micro-batch had surely ended; the moment is kept by moving the start.
        return replace(memory, quiet_joules=memory.joules, quiet_s=t - _SETTLE_S)
    lasted = t - quiet_s - _SETTLE_S
    if lasted < _QUIET_S - _SETTLE_S:
        return memory
    mean = (memory.joules - memory.quiet_joules) / lasted
    if not facts.attached:
        return replace(memory, rest_watts=mean, quiet_joules=memory.joules, quiet_s=t - _SETTLE_S)
    probes, probe_s = memory.probes, memory.probe_s
    # A draw above the cap is measured as the worker's own only where nothing better is known.
    probed = measuring(memory, t) and (memory.gap_watts is None or memory.over_s is None)
    if not probed and (memory.gap_watts is None or probes == 0):
        return replace(memory, quiet_joules=memory.joules, quiet_s=t - _SETTLE_S)
    if memory.gap_watts is not None and not probed and not _measured_too_early(memory, mean):
        # A higher draw in some other pause may be another program's.
        mean = min(mean, memory.gap_watts)
    if probed:
        probe_s = t + PROBES_S[min(probes + 1, len(PROBES_S) - 1)]
        probes += 1
    return replace(
        memory,
        gap_watts=mean,
        # A worker that has only just come made the draw jump, and the smoothed power may still be on its way up.
        smooth_watts=max(memory.smooth_watts, mean),
        probes=probes,
        probe_s=probe_s,
        quiet_joules=memory.joules,
        quiet_s=t - _SETTLE_S,
    )


def _measured_too_early(memory: PowerMemory, mean: float) -> bool:
    """Whether a draw of `mean` in a pause is rather the worker's: it was measured once, it may have opened the device
    only since then, and it is no more than a worker draws that waits."""
    waits = memory.full_watts is None or mean <= _WAITING_SHARE_MOST * memory.full_watts
    return memory.probes == 1 and waits


def _gap_watts(memory: PowerMemory, cap: int) -> float:
    """Before it was measured, all that is drawn is taken for it."""
    return memory.gap_watts if memory.gap_watts is not None else min(memory.smooth_watts, float(cap))


def _seen_watts(memory: PowerMemory) -> float:
    """The most that it was seen to draw of late, or was learnt to."""
    return max(memory.peak_watts, memory.full_watts or 0.0)


def _full_watts(memory: PowerMemory, facts: Facts) -> float:
    """Before it was learnt, the device's own limit or that of the largest cards."""
    seen = _seen_watts(memory)
    if memory.full_watts is not None:
        return seen
    return max(seen, _UNKNOWN_FULL_WATTS if facts.power_limit_watts is None else float(facts.power_limit_watts))
