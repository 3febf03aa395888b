"""Settings that cannot be kept, or that keep each other from mattering: each a sentence, so that nobody wonders why
nothing happens."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sparewatt.host.reading import Reading
from sparewatt.policy import budgets
from sparewatt.policy.decision import Parameters, Spent
from sparewatt.settings import schema
from sparewatt.settings.hours import ALWAYS
from sparewatt.settings.values import Settings


@dataclass(frozen=True)
class Lent:
    """A device, as far as its limits are concerned.

    Attributes:
        power_sensor, temperature_sensor: whether it has one; None before its first sample.
        cap_least_watts: the lowest cap that can be kept; None until that was learnt.
        slowdown_celsius: where it slows itself down, where it says so.
    """

    device: str
    name: str
    power_sensor: bool | None = None
    temperature_sensor: bool | None = None
    cap_least_watts: int | None = None
    slowdown_celsius: int | None = None


@dataclass(frozen=True)
class Conflict:
    """Attributes:
    conflict: id of its sentence.
    setting: address of the setting that would resolve it.
    """

    conflict: str
    setting: str
    parameters: Parameters


@dataclass(frozen=True)
class _Facts:
    settings: Settings
    reading: Reading | None
    devices: tuple[Lent, ...]
    spent: Spent | None


def conflicts(
    settings: Settings, reading: Reading | None, devices: tuple[Lent, ...], spent: Spent | None
) -> tuple[Conflict, ...]:
    """All of them, what keeps everything from running first."""
    facts = _Facts(settings, reading, devices, spent)
    return tuple(conflict for find in _CONFLICTS for conflict in find(facts))


def _devices_off(facts: _Facts) -> Iterator[Conflict]:
    uses = {facts.settings.of_device(schema.DEVICE_USE, each.device) for each in facts.devices}
    if uses == {"never"}:
        yield Conflict("devices_off", "device_use", {})


def _always_but_never(facts: _Facts) -> Iterator[Conflict]:
    if facts.settings.get(schema.WHEN_TO_RUN) != "never":
        return
    for each in facts.devices:
        if facts.settings.of_device(schema.DEVICE_USE, each.device) == "always":
            yield Conflict("always_but_never", "when_to_run", {"name": each.name})


def _away_unknown(facts: _Facts) -> Iterator[Conflict]:
    reading = facts.reading
    if reading is not None and _waits_until_away(facts) and reading.seat is not False and reading.idle_s is None:
        yield Conflict("away_unknown", "when_to_run", {"cause": reading.idle_source or "unknown"})


def _sleeps_before_away(facts: _Facts) -> Iterator[Conflict]:
    minutes = facts.settings.get(schema.IDLE_MINUTES)
    sleep_s = None if facts.reading is None else facts.reading.sleep_after_s
    if sleep_s is not None and _waits_until_away(facts) and sleep_s <= 60 * minutes:
        yield Conflict("sleeps_before_away", "idle_minutes", {"sleep_s": round(sleep_s), "minutes": minutes})


def _hours_ignored(facts: _Facts) -> Iterator[Conflict]:
    hours = facts.settings.get(schema.HOURS)
    if facts.settings.get(schema.WHEN_TO_RUN) == "always" and hours != ALWAYS:
        yield Conflict("hours_ignored", "when_to_run", {"hours": hours.text})


def _cheap_never_open(facts: _Facts) -> Iterator[Conflict]:
    settings = facts.settings
    if not settings.get(schema.WAIT_FOR_CHEAP_POWER) or settings.get(schema.WHEN_TO_RUN) not in ("idle", "hours"):
        return
    hours, cheap = settings.get(schema.HOURS), settings.get(schema.CHEAP_HOURS)
    if not hours.overlaps(cheap):
        yield Conflict("cheap_never_open", "hours", {"hours": hours.text, "cheap_hours": cheap.text})


def _prices(facts: _Facts) -> Iterator[Conflict]:
    settings = facts.settings
    price, cheap = settings.get(schema.POWER_PRICE_CT_PER_KWH), settings.get(schema.CHEAP_PRICE_CT_PER_KWH)
    if price == 0 and settings.get(schema.MONEY_BUDGET_PER_MONTH):
        yield Conflict("budget_without_price", "power_price_ct_per_kwh", {})
    if price == 0 and cheap:
        yield Conflict("cheap_without_price", "power_price_ct_per_kwh", {})
    if 0 < price < cheap:
        yield Conflict("cheap_is_dearer", "cheap_price_ct_per_kwh", {"price": price, "cheap_price": cheap})


def _budgets(facts: _Facts) -> Iterator[Conflict]:
    settings, spent = facts.settings, facts.spent
    energy = settings.get(schema.ENERGY_BUDGET_KWH_PER_MONTH)
    money = settings.get(schema.MONEY_BUDGET_PER_MONTH)
    data = settings.get(schema.DATA_BUDGET_GB_PER_MONTH)
    if spent is not None:
        if energy and spent.energy_watt_hours >= energy * budgets.WATT_HOURS_A_KWH:
            yield Conflict("energy_budget_spent", schema.ENERGY_BUDGET_KWH_PER_MONTH.key, {"budget": energy})
        if money and spent.cost_micro >= money * budgets.MICRO:
            currency = settings.get(schema.CURRENCY).upper()
            yield Conflict(
                "money_budget_spent", schema.MONEY_BUDGET_PER_MONTH.key, {"budget": money, "currency": currency}
            )
        if data and spent.network_bytes >= data * budgets.GIGABYTE:
            yield Conflict("data_budget_spent", schema.DATA_BUDGET_GB_PER_MONTH.key, {"budget": data})
    if energy or money:
        for each in facts.devices:
            if each.power_sensor is False and _lent(facts, each):
                key = schema.ENERGY_BUDGET_KWH_PER_MONTH.key if energy else schema.MONEY_BUDGET_PER_MONTH.key
                yield Conflict("budget_without_sensor", key, {"name": each.name})


def _limits(facts: _Facts) -> Iterator[Conflict]:
    for each in facts.devices:
        if not _lent(facts, each):
            continue
        cap = facts.settings.of_device(schema.POWER_CAP_WATTS, each.device)
        address = f"{schema.POWER_CAP_WATTS.key}@{each.device}"
        if cap and each.power_sensor is False:
            yield Conflict("cap_without_sensor", f"speed_limit_percent@{each.device}", {"name": each.name, "cap": cap})
        elif cap and each.cap_least_watts is not None and cap < each.cap_least_watts:
            least = each.cap_least_watts
            yield Conflict("cap_below_least", address, {"name": each.name, "cap": cap, "least": least})
        limit = facts.settings.of_device(schema.TEMPERATURE_LIMIT_CELSIUS, each.device)
        if each.slowdown_celsius is not None and limit >= each.slowdown_celsius:
            address = f"{schema.TEMPERATURE_LIMIT_CELSIUS.key}@{each.device}"
            slowdown = each.slowdown_celsius
            yield Conflict("limit_above_slowdown", address, {"name": each.name, "limit": limit, "slowdown": slowdown})


def _waits_until_away(facts: _Facts) -> bool:
    """Whether any device does."""
    uses = {facts.settings.of_device(schema.DEVICE_USE, each.device) for each in facts.devices}
    return facts.settings.get(schema.WHEN_TO_RUN) == "idle" and (not uses or "rules" in uses)


def _lent(facts: _Facts, each: Lent) -> bool:
    return facts.settings.of_device(schema.DEVICE_USE, each.device) != "never"


_CONFLICTS: Final[tuple[Callable[[_Facts], Iterator[Conflict]], ...]] = (
    _devices_off,
    _always_but_never,
    _away_unknown,
    _sleeps_before_away,
    _cheap_never_open,
    _budgets,
    _limits,
    _prices,
    _hours_ignored,
)
