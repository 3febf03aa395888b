"""The pace of one device: what every part of the governor allows, the strictest of it, and why."""

from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from sparewatt.governor import heat, power, trust
from sparewatt.governor.values import (
    COOLING,
    DECISION_AGE_MOST_S,
    DUTY_LEAST,
    Facts,
    Grant,
    Learnt,
    Limit,
    Memory,
    Pace,
    Pause,
    PowerMemory,
    Reason,
)
from sparewatt.host.sample import Sample
from sparewatt.policy import WITHOUT_ENCODING_RULES, Decision

# Largest share of time by what the policy allows. "limited" is what a fanless machine keeps up without growing hot.
_DUTY_MOST: Final = MappingProxyType({"full": 1.0, "limited": 0.5, "hold": 0.0, "stop": 0.0})
CLOCK_JUMP_S: Final = 5.0
# A pause of which nothing was seen any more is judged anew: else one whose device is not looked at would never end.
_UNSEEN_PAUSE_S: Final = 300.0
# A worker draws by merely being there: under a cap it is not kept for longer than this where nobody sees how much.
_UNSEEN_WORKER_S: Final = 10.0
_OVER_CAP_S: Final = 10.0
_POWER_REST_S: Final = 60.0
_POWER_RESUME_SHARE: Final = 0.8
# What a device drew before its worker came, against what it draws since: less than this, and the rise is the worker's.
_BEFORE_SHARE: Final = 0.9
_REFUSED_FIRST_S: Final = 600.0
_REFUSED_MOST_S: Final = 3600.0
# How long a pause keeps its worker, which holds memory and draws power, and how long a leaving worker may take.
_KEPT_S: Final = MappingProxyType(
    {"temperature": 120.0, "slowdown": 120.0, "thermal_state": 120.0, "power_taken": 10.0, "cap_too_low": 0.0}
)
_LEAVING_S: Final = 30.0
# By then what was in flight at the stop has long ended, and a die has followed it.
_GROWS_AFTER_S: Final = 10.0
_PROBE_MOST_S: Final = 10.0
MICRO_BATCH_SECONDS: Final = 0.25
# While somebody uses the computer a longer burst on their card would be felt.
MICRO_BATCH_ACTIVE_SECONDS: Final = 0.05
_BUSY_PERCENT: Final = 20.0
_FACTS: Final = Facts()


def pace(
    decision: Decision | None, sample: Sample | None, previous: Pace | None, now: float, facts: Facts = _FACTS
) -> Pace:
    """The pace at monotonic moment `now`.

    Args:
        decision: the newest of the device; None before the first.
        sample: the newest of the device, with `t` in the clock of `now`.
        previous: the pace before, which holds all that is remembered.
    """
    before = Memory() if previous is None else previous.memory
    memory = _attached(_after_jump(before, _cap(before, decision), now), facts, now)
    if sample is not None and sample.t != memory.trust.seen_s and 0 <= now - sample.t <= CLOCK_JUMP_S:
        memory = _observed(memory, decision, sample, now, facts)
    memory = _without_unseen_pause(memory, now)
    reason, grant, duty, limit, memory = _decided(memory, decision, sample, now, facts)
    quiet = grant != "compute"
    cap = _cap(memory, decision)
    over = cap is not None and quiet and (memory.pause is None or memory.pause.reason == "power_taken")
    over = over and min(memory.power.watts, memory.power.smooth_watts) > (cap or 0)
    capped = power.quietened(memory.power, now, quiet=quiet, over=over)
    if capped.granted != duty:
        capped = replace(capped, granted=duty)
    memory = replace(memory, now=now, power=capped, reason=reason)
    return _told(memory, decision, sample, now, facts, reason, grant, duty, limit)


def _cap(memory: Memory, decision: Decision | None) -> int | None:
    """The cap, where there is a sensor to keep it with."""
    return decision.power_cap_watts if decision is not None and memory.trust.had_power else None


def _after_jump(memory: Memory, cap: int | None, now: float) -> Memory:
    if memory.now is None or 0.0 <= now - memory.now <= CLOCK_JUMP_S:
        return memory
    went_back = now < memory.now
    memory = replace(memory, power=power.assumed_full(memory.power, cap, now), heat=replace(memory.heat, t=None))
    if not went_back:
        return memory
    pause = memory.pause
    if pause is not None:
        pause = Pause(pause.reason, now, now + min(pause.not_before_s - pause.since_s, _REFUSED_FIRST_S))
    return replace(memory, trust=trust.rebased(memory.trust, now), pause=pause, attached_s=now)


def _attached(memory: Memory, facts: Facts, now: float) -> Memory:
    """When a worker came or went, what the device draws at rest is another thing than before."""
    if facts.attached == (memory.attached_s is not None):
        return memory
    quiet = replace(memory.power, quiet_s=None, quiet_joules=None)
    if not facts.attached:
        return replace(memory, attached_s=None, power=replace(quiet, probe_s=None, probes=0))
    return replace(
        memory,
        attached_s=now,
        power=replace(quiet, probe_s=now + power.PROBES_S[0], probes=0, attached_watts=memory.power.watts),
    )


def _observed(memory: Memory, decision: Decision | None, sample: Sample, now: float, facts: Facts) -> Memory:
    granted = memory.power.granted
    # Power must vary while the device is switched on and off, and while it is seen to be busy.
    varies = 0.0 < granted < 1.0 or (granted > 0.0 and (sample.utilisation_percent or 0.0) >= _BUSY_PERCENT)
    seen = trust.look(memory.trust, sample, now, varies=varies, capped=_cap(memory, decision) is not None)
    memory = replace(memory, trust=seen)
    celsius = trust.plausible_celsius(sample)
    believed = seen.valid_s == sample.t
    if not believed and celsius is None:
        return memory
    limit = _limit_celsius(memory, decision, facts)
    warmth = heat.observe(memory.heat, sample, celsius, limit, _used(memory.power))
    if not believed:
        # What it says of power is nonsense; too warm is too warm all the same.
        return _paused(replace(memory, heat=warmth), decision, sample, now, facts)
    account = memory.power
    watts = trust.plausible_watts(sample)
    if watts is not None:
        elapsed = 0.0 if account.t is None else min(max(sample.t - account.t, 0.0), 1.0)
        account = power.observe(account, sample, watts, facts)
        cap = _cap(memory, decision)
        if cap is not None and account.quiet_s is None:
            account = power.steer(account, cap, elapsed, _most(decision, sample, warmth.most), facts)
    memory = replace(memory, heat=warmth, power=account)
    return _paused(memory, decision, sample, now, facts)


def _used(account: PowerMemory) -> float:
    """What was granted, or the little of it that was used: a worker that waits for data heats nothing."""
    share = power.worked_share(account)
    if share is None or share >= 0.3 * account.granted:
        return account.granted
    return max(share, DUTY_LEAST)


def _limit_celsius(memory: Memory, decision: Decision | None, facts: Facts) -> float | None:
    return heat.limit_celsius(memory.heat, None if decision is None else decision.temperature_limit_celsius, facts)


def _most(decision: Decision | None, sample: Sample, by_heat: float) -> float:
    most = min(by_heat, heat.FAIR_DUTY_MOST) if sample.thermal_state == "fair" else by_heat
    return most if decision is None else min(most, decision.speed_limit_percent / 100)


def _paused(memory: Memory, decision: Decision | None, sample: Sample, now: float, facts: Facts) -> Memory:
    """The pause that begins, lasts or ends with this sample; heat goes before power."""
    pause = memory.pause
    hot = pause if pause is not None and pause.reason in COOLING else None
    by_heat = heat.pause(memory.heat, sample, _limit_celsius(memory, decision, facts), now, hot)
    if by_heat is not None:
        return replace(memory, pause=_without_worker(by_heat, memory, decision, now, facts))
    by_power, account = _paused_for_power(memory, _cap(memory, decision), None if hot else pause, now, facts)
    if pause is not None and by_power is None:
        account = power.started(account)
        memory = replace(memory, heat=heat.started(memory.heat))
    return replace(memory, pause=by_power, power=account)


def _without_worker(pause: Pause, memory: Memory, decision: Decision | None, now: float, facts: Facts) -> Pause:
    """A pause that grows hotter all the same is not one to keep a worker in: what it draws by being there may be what
    heats the device. Its time is over then."""
    limit = _limit_celsius(memory, decision, facts)
    if not facts.attached or limit is None or now - pause.since_s < _GROWS_AFTER_S:
        return pause
    if not heat.grows(memory.heat, limit):
        return pause
    return replace(pause, since_s=min(pause.since_s, now - _KEPT_S[pause.reason]))


def _paused_for_power(
    memory: Memory, cap: int | None, before: Pause | None, now: float, facts: Facts
) -> tuple[Pause | None, PowerMemory]:
    account = memory.power
    if cap is None:
        return None, account
    over = account.over_s is not None and now - account.over_s >= _OVER_CAP_S
    if over and facts.attached and account.gap_watts is None and _came_with_worker(account, cap):
        account = replace(account, gap_watts=account.smooth_watts)
    least = power.least_cap_watts(account, facts)
    if least is not None and cap >= least and account.refusals:
        account = replace(account, refusals=0)
    refusing = facts.attached or (before is not None and before.reason == "cap_too_low")
    if least is not None and cap < least and refusing:
        return _refused(account, cap, before, now)
    if before is not None and before.reason == "power_taken":
        over = now < before.not_before_s or account.smooth_watts >= _POWER_RESUME_SHARE * cap
        return (before if over else None), account
    if over:
        return Pause("power_taken", now, now + _POWER_REST_S), account
    return None, account


def _came_with_worker(account: PowerMemory, cap: int) -> bool:
    """Whether a draw above the cap is most likely the worker's own, which no waiting will lower: without it there was
    room. Taken for another program's, a worker would be started again and again."""
    return account.attached_watts is not None and account.attached_watts < min(
        cap, _BEFORE_SHARE * account.smooth_watts
    )


def _refused(account: PowerMemory, cap: int, before: Pause | None, now: float) -> tuple[Pause | None, PowerMemory]:
    """The cap is below what the device draws between micro-batches, or seems so because of other programs."""
    if before is None or before.reason != "cap_too_low":
        # The newest reading too, for the smoothed one still rises while a worker has only just come.
        if account.gap_watts is not None and max(account.watts, account.smooth_watts) < 0.8 * account.gap_watts:
            # It draws less at this moment, so something else took part in what was measured.
            return None, replace(account, gap_watts=None)
        wait = min(_REFUSED_MOST_S, _REFUSED_FIRST_S * 2.0**account.refusals)
        refused = replace(account, refusals=account.refusals + 1, rest_watts=None, refused_watts=None)
        return Pause("cap_too_low", now, now + wait), refused
    if account.rest_watts is not None and account.rest_watts >= _POWER_RESUME_SHARE * cap:
        # The worker is gone and the draw is not: it was never the worker's.
        taken = replace(account, gap_watts=None, refusals=account.refusals - 1)
        return Pause("power_taken", before.since_s, now + _POWER_REST_S), taken
    if account.refused_watts is None:
        account = replace(account, refused_watts=account.rest_watts)
    elif account.rest_watts is not None and account.rest_watts < account.refused_watts - 0.1 * cap:
        # What else drew from this device has stopped, so the measurement does not hold any more.
        return None, replace(account, gap_watts=None, refusals=account.refusals - 1)
    if now < before.not_before_s:
        return before, account
    # Tried once more: a driver or a worker that draws less may have come meanwhile.
    return None, replace(account, gap_watts=None)


def _without_unseen_pause(memory: Memory, now: float) -> Memory:
    pause, valid_s = memory.pause, memory.trust.valid_s
    if pause is None or now < pause.not_before_s or (valid_s is not None and now - valid_s < _UNSEEN_PAUSE_S):
        return memory
    account = power.started(memory.power)
    if pause.reason == "cap_too_low":
        account = replace(account, gap_watts=None)
    return replace(memory, pause=None, power=account, heat=heat.started(memory.heat))


def _decided(
    memory: Memory, decision: Decision | None, sample: Sample | None, now: float, facts: Facts
) -> tuple[Reason | None, Grant, float, Limit | None, Memory]:
    if decision is None or not 0 <= now - decision.decided_s <= DECISION_AGE_MOST_S:
        return "decision_stale", "none", 0.0, None, memory
    if _DUTY_MOST[decision.compute] == 0.0:
        return "decision", _without_computing(decision), 0.0, None, memory
    doubt = trust.doubt(memory.trust, sample, now)
    if doubt is not None or sample is None:
        # Without an advance the permit before stays good for 2 s. Where the same sample said that it is too warm, that
        # is believed at once, and said with the one thing that stops a worker at once.
        pause = memory.pause
        began = pause is not None and pause.reason in COOLING and pause.since_s == now
        return doubt, "hold" if began else "none", 0.0, None, memory
    if memory.pause is not None:
        return memory.pause.reason, _grant_of(memory.pause, now), 0.0, None, memory
    if memory.reason in ("sensor_lost", "no_sample", "decision_stale"):
        memory = replace(memory, power=power.started(memory.power))
    return _computing(memory, decision, sample, now, facts)


def _grant_of(pause: Pause, now: float) -> Grant:
    """The worker is kept for a while, then it may finish what it has, then it is let die."""
    lasted = now - pause.since_s - _KEPT_S[pause.reason]
    return "hold" if lasted < 0.0 else "encode" if lasted < _LEAVING_S else "none"


def _computing(
    memory: Memory, decision: Decision, sample: Sample, now: float, facts: Facts
) -> tuple[Reason | None, Grant, float, Limit | None, Memory]:
    allowed = _DUTY_MOST[decision.compute]
    speed = decision.speed_limit_percent / 100
    bounds: list[tuple[float, Limit | None]] = [(allowed, None), (speed, "speed_limit")]
    bounds.append((_most(None, sample, memory.heat.most), "temperature"))
    cap = _cap(memory, decision)
    if cap is not None:
        account = memory.power
        if power.measuring(account, now):
            if account.quiet_s is None or now - account.quiet_s < _PROBE_MOST_S:
                return "measuring", "hold", 0.0, "power", memory
            memory = replace(memory, power=replace(account, probe_s=now + power.PROBES_S[1]))
        budget = power.budget_duty(memory.power, cap, now, facts)
        spent = budget < (power.DUTY_REGAINED if memory.power.spent else DUTY_LEAST)
        if spent != memory.power.spent:
            memory = replace(memory, power=replace(memory.power, spent=spent))
        if spent:
            return "power_spent", "hold", 0.0, "power", memory
        bounds.append((min(memory.power.duty, budget), "power"))
    duty, limit = min(bounds, key=lambda bound: bound[0])
    return None, "compute", duty, limit if duty < allowed else None, memory


def _without_computing(decision: Decision) -> Grant:
    if decision.compute == "hold" or any(match.rule in WITHOUT_ENCODING_RULES for match in decision.matches):
        return "hold"
    return "encode"


def _told(
    memory: Memory,
    decision: Decision | None,
    sample: Sample | None,
    now: float,
    facts: Facts,
    reason: Reason | None,
    grant: Grant,
    duty: float,
    limit: Limit | None,
) -> Pace:
    pause, account, warmth = memory.pause, memory.power, memory.heat
    least, cap = power.least_cap_watts(account, facts), _cap(memory, decision)
    leave = reason == "sensor_lost" or (cap is not None and _unseen_long(memory, reason, now))
    if pause is not None:
        leave = leave or not facts.attached or now - pause.since_s >= _KEPT_S[pause.reason]
    if pause is not None and cap is not None:
        # What it draws too much is, or may well be, what the worker draws by merely being there.
        by_worker = account.rest_watts is not None and account.rest_watts < _POWER_RESUME_SHARE * cap
        leave = leave or (least is not None and cap < least) or (pause.reason == "power_taken" and by_worker)
    resumes_s = pause.not_before_s if pause is not None else None
    if reason == "sensor_lost":
        resumes_s = memory.trust.retry_s
    most = heat.most_celsius(warmth, facts)
    return Pace(
        grant=grant,
        duty=duty,
        reason=reason,
        limit=limit,
        had_power=memory.trust.had_power,
        had_temperature=memory.trust.had_temperature,
        micro_batch_seconds=MICRO_BATCH_ACTIVE_SECONDS if facts.person_active else MICRO_BATCH_SECONDS,
        cooling=pause is not None and pause.reason in COOLING,
        leave=leave,
        resumes_s=resumes_s,
        parameters=_NONE if reason is None else _parameters(memory, decision, facts, now, resumes_s),
        learnt=Learnt(
            account.full_watts, account.gap_watts, account.rest_watts, warmth.fan_percent, warmth.fan_celsius
        ),
        power_mean_watts=account.window.mean_watts(now),
        power_least_watts=least,
        temperature_most_celsius=None if most is None else int(most),
        sample_seconds=0.25 if cap is not None and account.kind == "instant" and sample is not None else 0.5,
        memory=memory,
    )


def _unseen_long(memory: Memory, reason: Reason | None, now: float) -> bool:
    """Whether a worker would hold its device open, and draw for it, without anybody seeing how much."""
    valid_s = memory.trust.valid_s
    return reason in ("no_sample", "sample_stale") and valid_s is not None and now - valid_s >= _UNSEEN_WORKER_S


_NONE: Final = MappingProxyType[str, int]({})


def _parameters(
    memory: Memory, decision: Decision | None, facts: Facts, now: float, resumes_s: float | None
) -> MappingProxyType[str, int]:
    """Whole numbers for the words of a reason; what is not known is left out."""
    found: dict[str, int | float | None] = {
        "celsius": memory.heat.celsius,
        "limit": _limit_celsius(memory, decision, facts),
        "cap": _cap(memory, decision),
        "watts": memory.power.smooth_watts if memory.trust.had_power else None,
        "least": power.least_cap_watts(memory.power, facts),
        "seconds": None if resumes_s is None else max(0.0, resumes_s - now),
    }
    return MappingProxyType({name: round(value) for name, value in found.items() if value is not None})
