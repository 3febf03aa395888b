"""Conditions of what contributing may cost in a month, and the disk in a day."""

from typing import Final

from sparewatt.policy.rule import Facts, Finding
from sparewatt.settings import schema
from sparewatt.settings.values import Settings

WATT_HOURS_A_KWH: Final = 1_000
MICRO: Final = 1_000_000
GIGABYTE: Final = 10**9


def energy(facts: Facts) -> Finding | None:
    budget, spent = facts.settings.get(schema.ENERGY_BUDGET_KWH_PER_MONTH), facts.usage.spent
    if not budget or spent is None or spent.energy_watt_hours < budget * WATT_HOURS_A_KWH:
        return None
    return Finding({"budget": budget}, until_unix_s=spent.month_ends_unix_s)


def money(facts: Facts) -> Finding | None:
    budget, spent = facts.settings.get(schema.MONEY_BUDGET_PER_MONTH), facts.usage.spent
    if not budget or spent is None or spent.cost_micro < budget * MICRO:
        return None
    currency = facts.settings.get(schema.CURRENCY).upper()
    return Finding({"budget": budget, "currency": currency}, until_unix_s=spent.month_ends_unix_s)


def data(facts: Facts) -> Finding | None:
    budget, spent = facts.settings.get(schema.DATA_BUDGET_GB_PER_MONTH), facts.usage.spent
    if not budget or spent is None or spent.network_bytes < budget * GIGABYTE:
        return None
    return Finding({"budget": budget}, until_unix_s=spent.month_ends_unix_s)


def disk_writes(facts: Facts) -> Finding | None:
    limit, spent = facts.settings.get(schema.DISK_WRITE_LIMIT_GB_PER_DAY), facts.usage.spent
    if spent is None or spent.disk_bytes < limit * GIGABYTE:
        return None
    return Finding({"limit": limit}, until_unix_s=spent.day_ends_unix_s)


def unknown(facts: Facts) -> Finding | None:
    """A budget whose account cannot be read may be used up."""
    return Finding() if facts.usage.spent is None else None


def unlimited(settings: Settings) -> bool:
    return not any(
        settings.get(option)
        for option in (
            schema.ENERGY_BUDGET_KWH_PER_MONTH,
            schema.MONEY_BUDGET_PER_MONTH,
            schema.DATA_BUDGET_GB_PER_MONTH,
        )
    )
