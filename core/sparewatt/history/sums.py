"""Running sums of the account, and what they mean for budgets."""

from dataclasses import dataclass, fields
from datetime import date
from typing import Final

from sparewatt.history.calendar import day_ends_unix_s, month_ends_unix_s, period_begin
from sparewatt.history.meter import Measured
from sparewatt.history.rows import EnergyRow, Period
from sparewatt.policy import Spent

JOULES_A_KWH: Final = 3_600_000


@dataclass(frozen=True)
class Sums:
    """As `rows.EnergyRow`, before rounding."""

    millijoules: float = 0.0
    estimated_millijoules: float = 0.0
    busy_milliseconds: float = 0.0
    unmeasured_milliseconds: float = 0.0
    cost_micro: float = 0.0
    carbon_milligrams: float = 0.0
    tokens: int = 0

    def plus(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(Sums)))

    def row(self, day: date, device: str, run: str) -> EnergyRow:
        return EnergyRow(day.isoformat(), device, run, *(round(getattr(self, field.name)) for field in fields(Sums)))


NOTHING: Final = Sums()


def sums_of(rows: tuple[EnergyRow, ...]) -> Sums:
    """Of all devices and runs together."""
    total = NOTHING
    for row in rows:
        total = total.plus(Sums(*(getattr(row, field.name) for field in fields(Sums))))
    return total


def merged(kept: tuple[EnergyRow, ...], more: tuple[EnergyRow, ...], period: Period) -> tuple[EnergyRow, ...]:
    """Sums of periods with the rows of some more days, oldest first."""
    sums = {(row.begins, row.device, row.run): row for row in kept}
    for row in more:
        begins = period_begin(date.fromisoformat(row.begins), period)
        key = (begins.isoformat(), row.device, row.run)
        sums[key] = sums_of((row, sums[key]) if key in sums else (row,)).row(begins, row.device, row.run)
    return tuple(sums[key] for key in sorted(sums))


def taken(measured: Measured, price_ct_per_kwh: int | None, carbon_grams_per_kwh: int) -> Sums:
    """What a stretch of time took, at the price and for the carbon dioxide of its moment."""
    busy = 1000 * measured.seconds
    if measured.joules is None:
        return Sums(busy_milliseconds=busy, unmeasured_milliseconds=busy)
    millijoules = 1000 * measured.joules
    kwh = measured.joules / JOULES_A_KWH
    return Sums(
        millijoules=millijoules,
        estimated_millijoules=millijoules if measured.estimated else 0.0,
        busy_milliseconds=busy,
        cost_micro=kwh * (price_ct_per_kwh or 0) * 10_000,
        carbon_milligrams=kwh * carbon_grams_per_kwh * 1_000,
    )


def spent(month: Sums, network_bytes: int, disk_bytes: int, day: date) -> Spent:
    """What budgets are compared with.

    Args:
        network_bytes: sent and received this month.
        disk_bytes: written today.
    """
    return Spent(
        energy_watt_hours=int(month.millijoules / 3_600_000),
        cost_micro=int(month.cost_micro),
        network_bytes=network_bytes,
        disk_bytes=disk_bytes,
        month_ends_unix_s=month_ends_unix_s(day),
        day_ends_unix_s=day_ends_unix_s(day),
    )
