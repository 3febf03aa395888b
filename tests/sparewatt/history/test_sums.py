from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from sparewatt.history.meter import Measured
from sparewatt.history.rows import EnergyRow
from sparewatt.history.sums import Sums, spent, sums_of, taken

KWH_JOULES = 3_600_000.0
DAY = date(2026, 11, 24)


def test_a_kilowatt_hour_costs_its_price_and_stands_for_its_carbon_dioxide() -> None:
    sums = taken(Measured(3600.0, KWH_JOULES), price_ct_per_kwh=30, carbon_grams_per_kwh=473)
    assert sums.row(DAY, "cpu", "run") == EnergyRow(
        "2026-11-24", "cpu", "run", 3_600_000_000, 0, 3_600_000, 0, 300_000, 473_000
    )


def test_without_a_price_nothing_is_charged() -> None:
    assert taken(Measured(1.0, 100.0), None, 0).cost_micro == 0


def test_what_is_estimated_and_what_is_not_measured_is_told_apart() -> None:
    estimated = taken(Measured(1.0, 100.0, estimated=True), None, 0)
    assert estimated.estimated_millijoules == estimated.millijoules == 100_000
    unknown = taken(Measured(1.0, None), 30, 473)
    assert (unknown.unmeasured_milliseconds, unknown.millijoules, unknown.cost_micro) == (1000, 0, 0)


def test_budgets_see_whole_watt_hours_of_the_month() -> None:
    used = spent(Sums(millijoules=3_600_000_000 * 1.5, cost_micro=12.9), 7, 8, DAY)
    assert (used.energy_watt_hours, used.cost_micro, used.network_bytes, used.disk_bytes) == (1500, 12, 7, 8)
    assert used.day_ends_unix_s < used.month_ends_unix_s


@given(st.lists(st.integers(0, 10**9), max_size=20))
def test_a_sum_of_rows_is_exact(values: list[int]) -> None:
    rows = tuple(EnergyRow("2026-11-24", "cpu", "run", millijoules=value, tokens=value) for value in values)
    assert sums_of(rows).millijoules == sums_of(rows).tokens == sum(values)
