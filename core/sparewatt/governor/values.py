"""What goes into a pace and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from sparewatt.governor.window import Window
from sparewatt.host.sample import PowerKind

# A permit is good for 2 s after it was advanced; so the last micro-batch begins at most 3 s after the last sample.
SAMPLE_AGE_MOST_S: Final = 1.0
DECISION_AGE_MOST_S: Final = 5.0
# Share of time with which a device begins, after every stop: what it draws and how it heats up is not known better.
DUTY_FIRST: Final = 0.15
# Below this a piece of work of a second would be followed by a pause of nearly a minute.
DUTY_LEAST: Final = 0.02

Grant = Literal["compute", "encode", "hold", "none"]
Limit = Literal["speed_limit", "power", "temperature"]
PauseReason = Literal["temperature", "slowdown", "thermal_state", "power_taken", "cap_too_low"]
Reason = (
    Literal["decision", "decision_stale", "no_sample", "sample_stale", "sensor_lost", "power_spent", "measuring"]
    | PauseReason
)
COOLING: Final = frozenset[str]({"temperature", "slowdown", "thermal_state"})


@dataclass(frozen=True)
class Facts:
    """What neither decision nor sample says.

    Attributes:
        attached: whether a worker lives, so that its draw at rest is part of what is measured.
        power_limit_watts: the device's own limit; it cannot draw more for long.
        slowdown_celsius: where the device begins to slow itself down, where its driver says so.
        person_active: whether somebody uses the computer now, who would feel long micro-batches.
    """

    attached: bool = True
    power_limit_watts: int | None = None
    slowdown_celsius: int | None = None
    person_active: bool = False


class Learnt(msgspec.Struct, frozen=True):
    """What was measured of a device, None before it was.

    Attributes:
        full_watts: while it computes without a pause.
        gap_watts: between two micro-batches, with a worker that holds the device open.
        rest_watts: without a worker.
        fan_percent, fan_celsius: the fan's speed when it was last seen turning, and the temperature then.
    """

    full_watts: float | None = None
    gap_watts: float | None = None
    rest_watts: float | None = None
    fan_percent: float | None = None
    fan_celsius: float | None = None


class Pause(msgspec.Struct, frozen=True):
    """A stop that the governor made by itself.

    Attributes:
        since_s: when it began.
        not_before_s: it ends at this moment at the earliest.
    """

    reason: PauseReason
    since_s: float
    not_before_s: float


class TrustMemory(msgspec.Struct, frozen=True):
    """What is known of the sensors themselves.

    Attributes:
        seen_s: `t` of the newest sample that was looked at.
        valid_s: `t` of the newest that could be believed.
        losses: how often a sensor was lost, forgotten after ten good minutes.
        retry_s: after a loss, nothing computes before this moment.
        same_watts, same_since_s: a reading and since when it has not changed at all.
    """

    had_power: bool = False
    had_temperature: bool = False
    seen_s: float | None = None
    valid_s: float | None = None
    losses: int = 0
    lost: bool = False
    lost_s: float = 0.0
    retry_s: float = 0.0
    same_watts: float | None = None
    same_since_s: float = 0.0


class PowerMemory(msgspec.Struct, frozen=True):
    """The account of energy and the controller's state.

    Attributes:
        joules: energy since an arbitrary origin.
        counter: newest reading of the device's own counter, in millijoules.
        kind: how the newest power was had.
        smooth_watts: power smoothed over seconds.
        slow_watts, slow_duty: power and granted duty smoothed over 15 s, from whose ratio `full` is learnt.
        peak_watts: highest reading of late.
        duty: what the controller would allow; `granted` is what was granted in the end.
        spent: whether the minute's energy is used up, so that nothing may compute for a few seconds.
        quiet_s, quiet_joules: since when nothing may compute, and the account when that had settled.
        over_s: since when the device draws more than the cap although nothing may compute.
        probe_s: when the draw between two micro-batches is measured next; None before a worker lives.
        attached_watts: the draw when the worker came.
        refusals: how often the cap was found too low.
        refused_watts: what the device drew right after the worker had left because of that.
    """

    t: float | None = None
    joules: float = 0.0
    counter: int | None = None
    kind: PowerKind = "instant"
    watts: float = 0.0
    window: Window = Window()
    smooth_watts: float = 0.0
    slow_watts: float = 0.0
    slow_duty: float = 0.0
    peak_watts: float = 0.0
    full_watts: float | None = None
    gap_watts: float | None = None
    rest_watts: float | None = None
    integral: float = DUTY_FIRST
    duty: float = DUTY_FIRST
    granted: float = 0.0
    spent: bool = False
    quiet_s: float | None = None
    quiet_joules: float | None = None
    over_s: float | None = None
    probe_s: float | None = None
    probes: int = 0
    attached_watts: float | None = None
    refusals: int = 0
    refused_watts: float | None = None


class HeatMemory(msgspec.Struct, frozen=True):
    """The temperature's course and the limit that follows from it.

    Attributes:
        slow_celsius: temperature smoothed over 4 s; its distance to the newest is the slope.
        slowdown_celsius: where the device slows itself down, as its margin says.
        most: largest duty that the temperature allows.
        slowed_s: since when the device says that it is being slowed down.
    """

    t: float | None = None
    celsius: float | None = None
    slow_celsius: float = 0.0
    slowdown_celsius: float | None = None
    most: float = 1.0
    slowed_s: float | None = None
    fan_percent: float | None = None
    fan_celsius: float | None = None


class Memory(msgspec.Struct, frozen=True):
    """All that one pace leaves to the next."""

    now: float | None = None
    trust: TrustMemory = TrustMemory()
    power: PowerMemory = PowerMemory()
    heat: HeatMemory = HeatMemory()
    pause: Pause | None = None
    reason: Reason | None = None
    attached_s: float | None = None


_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


class Pace(msgspec.Struct, frozen=True):
    """What the permit says until the next one.

    Attributes:
        grant: ``compute`` with `duty`; ``encode``: no computing on the device, but what was computed may be encoded;
            ``hold``: nothing, and the worker is kept; ``none``: the permit is not even advanced, so the worker ends.
        duty: share of time in which the device may compute, 0 to 1.
        reason: why it may not compute; None when it may. Its words are ``wording.limits.pace_words``.
        limit: what keeps the duty below 1.
        had_power, had_temperature: whether a sample ever had that value; what makes its absence a loss.
        micro_batch_seconds: the longest a micro-batch should take.
        cooling: the reason is heat; no more than 3 s after this, and no sooner than 60 s later, anything computes.
        leave: no worker should be there nor be started, for it could not go on soon or draws too much by merely being
            there.
        resumes_s: monotonic moment before which the pause does not end; None where there is no such moment.
        parameters: whole numbers for the reason's words.
        learnt: what was measured of the device.
        power_mean_watts: mean over the last 60 s, or what is known of them.
        power_least_watts: the lowest cap that can be kept; None before it was learnt.
        temperature_most_celsius: the highest limit that means anything: 10 K below where the device slows down.
        sample_seconds: how often the governor would see samples.
        memory: what the next pace has to be given.
    """

    grant: Grant
    duty: float
    reason: Reason | None
    limit: Limit | None
    had_power: bool = False
    had_temperature: bool = False
    micro_batch_seconds: float = 0.25
    cooling: bool = False
    leave: bool = False
    resumes_s: float | None = None
    parameters: Mapping[str, int] = _NOTHING
    learnt: Learnt = Learnt()
    power_mean_watts: float | None = None
    power_least_watts: int | None = None
    temperature_most_celsius: int | None = None
    sample_seconds: float = 0.5
    memory: Memory = Memory()
