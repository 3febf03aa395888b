"""What a device may do now, and why.

Every rule that matches is kept; the decision is the strictest of them on each of two axes. A rule that no longer
holds may linger for a while, so that a flickering fact (a loose plug, memory at its bound) does not start and stop
work all the time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

from sparewatt.host.reading import Reading
from sparewatt.settings import schema
from sparewatt.settings.intents import Intents
from sparewatt.settings.values import Settings

Compute = Literal["full", "limited", "hold", "stop"]
Transfers = Literal["allowed", "essential", "none"]
Offer = Literal["work", "none_joined", "closed", "stalled", "untrusted", "refused", "unsuitable"]
Parameters = Mapping[str, str | int]

COMPUTE_ORDER: Final[tuple[Compute, ...]] = ("full", "limited", "hold", "stop")
TRANSFERS_ORDER: Final[tuple[Transfers, ...]] = ("allowed", "essential", "none")
MEGABYTE: Final = 1_000_000


@dataclass(frozen=True)
class Moment:
    """Now, by both clocks: delays are counted by the first, what the person said by the second."""

    monotonic_s: float
    unix_s: float


@dataclass(frozen=True)
class Usage:
    """What is known of this device's own doings.

    Attributes:
        worker_memory_bytes: what its worker takes or, while there is none, took when it ran; 0 before the first.
        sensors: whether its sensors can be read; ``waiting`` before the first sample.
    """

    worker_memory_bytes: int = 0
    worker_running: bool = False
    sensors: Literal["working", "waiting", "lost"] = "waiting"


@dataclass(frozen=True)
class Offers:
    """What there is for this device.

    Attributes:
        best: ``work`` when any joined run would give it work, else the reason of the run that comes closest.
        connected: whether any coordinator can be reached; None before the first attempt.
    """

    best: Offer = "work"
    connected: bool | None = None


@dataclass(frozen=True)
class Match:
    """A rule that holds.

    Attributes:
        until_unix_s: when it ends by itself, where that is known.
        lingers_until_s: monotonic end, once its condition is gone; None while the condition holds.
    """

    rule: str
    compute: Compute
    transfers: Transfers
    parameters: Parameters
    until_unix_s: int | None
    setting: str | None
    lingers_until_s: float | None = None


@dataclass(frozen=True)
class Decision:
    """For one device.

    Attributes:
        matches: all of them, the shown one first, the others in the order of the rules.
        speed_limit_percent, power_cap_watts, temperature_limit_celsius: the person's limits; how they are kept is the
            governor's. No cap is None.
        decided_s: monotonic moment; a decision grows stale.
    """

    device: str
    compute: Compute
    transfers: Transfers
    matches: tuple[Match, ...]
    speed_limit_percent: int
    decided_s: float
    power_cap_watts: int | None = None
    temperature_limit_celsius: int | None = None

    @property
    def shown(self) -> Match | None:
        return self.matches[0] if self.matches else None


@dataclass(frozen=True)
class _Facts:
    device: str
    settings: Settings
    intents: Intents
    reading: Reading
    usage: Usage
    offers: Offers
    now: Moment


@dataclass(frozen=True)
class _Finding:
    """A condition that holds, with what its words need and when it ends."""

    parameters: Parameters = field(default_factory=lambda: MappingProxyType({}))
    until_unix_s: int | None = None


@dataclass(frozen=True)
class Rule:
    """One row of the policy.

    Attributes:
        ends: who ends it: the person by a setting or command, or the facts by themselves.
        setting: key of the setting that would change it.
        linger_s: how long it goes on after its condition is gone.
        switched_off: whether the person wants the rule not to count; then it does not linger either.
    """

    rule: str
    compute: Compute
    transfers: Transfers
    ends: Literal["person", "itself"]
    setting: str | None
    linger_s: int
    find: Callable[[_Facts], _Finding | None]
    switched_off: Callable[[Settings], bool] = lambda _: False


def decide(
    device: str,
    settings: Settings,
    intents: Intents,
    reading: Reading,
    usage: Usage,
    offers: Offers,
    previous: Decision | None,
    now: Moment,
) -> Decision:
    """What `device` may do at `now`; `previous` is its last decision."""
    facts = _Facts(device, settings, intents, reading, usage, offers, now)
    earlier = {match.rule: match for match in previous.matches} if previous else {}
    found = (_match(rule, facts, earlier.get(rule.rule)) for rule in RULES)
    matches = tuple(match for match in found if match is not None)
    compute, transfers = strictest(matches)
    return Decision(
        device=device,
        compute=compute,
        transfers=transfers,
        matches=_shown_first(matches, compute, transfers),
        speed_limit_percent=settings.of_device(schema.SPEED_LIMIT_PERCENT, device),
        decided_s=now.monotonic_s,
        power_cap_watts=settings.of_device(schema.POWER_CAP_WATTS, device) or None,
        temperature_limit_celsius=settings.of_device(schema.TEMPERATURE_LIMIT_CELSIUS, device),
    )


def strictest(matches: tuple[Match, ...]) -> tuple[Compute, Transfers]:
    """The strictest action on each axis; everything is allowed where nothing matches."""
    compute = max((COMPUTE_ORDER.index(match.compute) for match in matches), default=0)
    transfers = max((TRANSFERS_ORDER.index(match.transfers) for match in matches), default=0)
    return COMPUTE_ORDER[compute], TRANSFERS_ORDER[transfers]


def _shown_first(matches: tuple[Match, ...], compute: Compute, transfers: Transfers) -> tuple[Match, ...]:
    """The first match whose action is the chosen one, then the others in their order."""
    for match in matches:
        chosen = match.compute == compute if compute != "full" else match.transfers == transfers
        if chosen:
            return (match, *(other for other in matches if other is not match))
    return matches


def _match(rule: Rule, facts: _Facts, earlier: Match | None) -> Match | None:
    if rule.switched_off(facts.settings):
        return None
    finding = rule.find(facts)
    if finding is not None:
        return Match(rule.rule, rule.compute, rule.transfers, finding.parameters, finding.until_unix_s, rule.setting)
    if earlier is None or rule.linger_s == 0:
        return None
    now = facts.now
    if earlier.lingers_until_s is None:
        return replace(
            earlier,
            until_unix_s=round(now.unix_s) + rule.linger_s,
            lingers_until_s=now.monotonic_s + rule.linger_s,
        )
    return earlier if now.monotonic_s < earlier.lingers_until_s else None


def _paused(facts: _Facts) -> _Finding | None:
    if not facts.intents.paused_at(facts.now.unix_s):
        return None
    return _Finding(until_unix_s=facts.intents.paused_until_unix_s or None)


def _contribution_off(facts: _Facts) -> _Finding | None:
    return _Finding() if facts.settings.get(schema.WHEN_TO_RUN) == "never" else None


def _device_off(facts: _Facts) -> _Finding | None:
    return _Finding() if facts.settings.of_device(schema.DEVICE_USE, facts.device) == "never" else None


def _sensors_lost(facts: _Facts) -> _Finding | None:
    return _Finding() if facts.usage.sensors == "lost" else None


def _on_battery(facts: _Facts) -> _Finding | None:
    if facts.reading.power_source != "battery":
        return None
    percent = facts.reading.battery_percent
    return _Finding({} if percent is None else {"percent": percent})


def _power_unknown(facts: _Facts) -> _Finding | None:
    # A laptop whose power source cannot be read may be on its battery.
    return _Finding() if facts.reading.power_source is None else None


def _memory_low(facts: _Facts) -> _Finding | None:
    available = facts.reading.memory_available_bytes
    if available is None:
        return None
    needed = facts.settings.get(schema.MEMORY_FREE_MIN_MB) * MEGABYTE
    if not facts.usage.worker_running:
        # Starting the worker takes away what it took before; without this it would start and stop for ever.
        needed += facts.usage.worker_memory_bytes
    return _low(available, needed)


def _disk_low(facts: _Facts) -> _Finding | None:
    free = facts.reading.disk_free_bytes
    return None if free is None else _low(free, facts.settings.get(schema.DISK_FREE_MIN_MB) * MEGABYTE)


def _low(available_bytes: int, needed_bytes: int) -> _Finding | None:
    if available_bytes >= needed_bytes:
        return None
    return _Finding({"available_bytes": available_bytes, "needed_bytes": needed_bytes})


def _outside_hours(facts: _Facts) -> _Finding | None:
    hours = facts.settings.get(schema.HOURS)
    minutes = hours.minutes_until_open(facts.reading.weekday, facts.reading.minute)
    if minutes == 0:
        return None
    minute_began = int(facts.now.unix_s) // 60 * 60
    return _Finding({"hours": hours.text}, until_unix_s=minute_began + minutes * 60)


def _no_run(facts: _Facts) -> _Finding | None:
    best = facts.offers.best
    return None if best == "work" else _Finding({"cause": best})


def _battery_allowed(settings: Settings) -> bool:
    return settings.get(schema.RUN_ON_BATTERY)


def _no_network(facts: _Facts) -> _Finding | None:
    return _Finding() if facts.offers.connected is False else None


# In the order in which they are shown. Finished results are delivered under every rule but the last, for they cost
# the person little and the run much.
RULES: Final[tuple[Rule, ...]] = (
    Rule("paused", "stop", "essential", "person", None, 0, _paused),
    Rule("contribution_off", "stop", "essential", "person", "when_to_run", 0, _contribution_off),
    Rule("device_off", "stop", "essential", "person", "device_use", 0, _device_off),
    Rule("sensors_lost", "stop", "essential", "itself", None, 0, _sensors_lost),
    Rule("battery", "stop", "essential", "itself", "run_on_battery", 300, _on_battery, _battery_allowed),
    Rule("power_unknown", "stop", "essential", "itself", "run_on_battery", 0, _power_unknown, _battery_allowed),
    Rule("memory_low", "stop", "essential", "itself", "memory_free_min_mb", 60, _memory_low),
    Rule("disk_low", "stop", "essential", "itself", "disk_free_min_mb", 60, _disk_low),
    Rule("outside_hours", "stop", "essential", "itself", "hours", 0, _outside_hours),
    Rule("no_run", "stop", "allowed", "itself", None, 0, _no_run),
    Rule("no_network", "full", "none", "itself", None, 0, _no_network),
)
