"""The account in words: what was counted, what was guessed, and what nobody could measure."""

from datetime import UTC, datetime

import msgspec
import pytest

from sparewatt.control.messages import EnergyReply
from sparewatt.history.rows import EnergyRow, PastAssignment
from sparewatt.snapshot import EnergySnapshot
from sparewatt_desktop.presentation.energy_words import (
    COUNTS,
    bars,
    budget_facts,
    chart_summary,
    month_facts,
    past_cells,
    today_facts,
    today_of,
)

NOW = int(datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp())
KWH = 3_600_000_000
ENERGY = EnergySnapshot(
    660.0, 15_300.0, 211_000, 4_896_000, "EUR", 7_191.0, 6_700_000_000, False, 0.0, 8 * 10**9, 10**9
)


def row(begins: str, millijoules: int, **changes: int) -> EnergyRow:
    return msgspec.structs.replace(EnergyRow(begins, "cuda:0", "ab" * 32, millijoules), **changes)


def reply(*rows: EnergyRow) -> EnergyReply:
    return EnergyReply(reply_to=1, energy=rows, traffic=(), currency="EUR", priced=True)


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [("day", "10-26", "11-25"), ("week", "06-01", "11-23"), ("month", "2025-12", "2026-11")],
)
def test_every_period_up_to_now_has_a_bar_also_an_empty_one(period: str, first: str, last: str) -> None:
    shown = bars(reply(), period, NOW, zone=UTC)  # type: ignore[arg-type]  # one of the three, by the parameters
    assert (shown[0].label, shown[-1].label, len(shown)) == (first, last, COUNTS[period])  # type: ignore[index]
    assert all(bar.watt_hours == 0 for bar in shown)
    assert chart_summary(shown) == "Nothing was used in this time."


def test_devices_and_runs_of_a_day_are_one_bar() -> None:
    shown = bars(reply(row("2026-11-25", KWH), row("2026-11-25", KWH // 2)), "day", NOW, zone=UTC)
    assert shown[-1].watt_hours == 1_500
    assert chart_summary(shown) == "1.50 kWh in all; the most was 1.50 kWh (11-25)."


def test_what_is_estimated_says_so() -> None:
    shown = bars(reply(row("2026-11-24", KWH, estimated_millijoules=KWH // 4)), "day", NOW, zone=UTC)
    assert shown[-2].estimated_share == 0.25
    assert "partly estimated from single readings" in shown[-2].spoken
    assert "Striped parts are estimated" in chart_summary(shown)


def test_a_time_without_a_sensor_is_unknown_and_not_nothing() -> None:
    shown = bars(reply(row("2026-11-25", 0, unmeasured_milliseconds=60_000)), "day", NOW, zone=UTC)
    assert shown[-1].unmeasured
    assert "energy not measured" in shown[-1].spoken
    assert chart_summary(shown) == "Energy not measured."


def test_today_by_the_rows_of_today_alone() -> None:
    today = today_of(reply(row("2026-11-24", 5 * KWH), row("2026-11-25", KWH, tokens=2_000_000)), NOW, UTC)
    facts = {fact.name: fact.value for fact in today_facts(ENERGY, today, priced=True)}
    assert facts["Energy"] == "660.0 Wh"
    assert facts["Cost"] == "0.21 EUR"
    assert facts["Yield"] == "2.0 M tokens per kWh"


def test_without_a_price_no_cost_is_made_up() -> None:
    cost = next(fact for fact in month_facts(ENERGY, priced=False) if fact.name == "Cost")
    assert cost.value == "not counted"
    assert "price of power" in cost.note


def test_what_is_left_of_budgets() -> None:
    values = {"energy_budget_kwh_per_month": "20", "money_budget_per_month": "4", "data_budget_gb_per_month": "0"}
    facts = {fact.name: (fact.value, fact.note) for fact in budget_facts(values, ENERGY)}
    assert facts == {
        "Energy this month": ("15.30 kWh of 20 kWh", "4.70 kWh left"),
        "Money this month": ("4.90 EUR of 4.00 EUR", "Used up; devices wait."),
    }


def test_a_budget_in_money_without_a_price_cannot_be_kept() -> None:
    unpriced = msgspec.structs.replace(ENERGY, cost_micro_month=None)
    (fact,) = budget_facts({"money_budget_per_month": "4"}, unpriced)
    assert fact.value == "cannot be kept"


@pytest.mark.parametrize(
    ("changes", "energy"),
    [
        ({}, "30.0 Wh"),
        ({"estimated": True}, "about 30.0 Wh"),
        ({"measured": False}, "over 30.0 Wh"),
        ({"measured": False, "millijoules": 0}, "not measured"),
    ],
)
def test_an_assignment_that_ended(changes: dict[str, object], energy: str) -> None:
    past = PastAssignment("0" * 32, "ab" * 32, "cuda:0", NOW - 1_020, NOW, 245_760, 108_000_000, False, True)
    shown = past_cells(msgspec.structs.replace(past, **changes), {"cuda:0": "Card"}, {}, zone=UTC)
    assert shown == ("11-25 12:00", "abababab", "Card", "17 min", "246 k", energy)


def test_an_assignment_that_was_given_back() -> None:
    past = PastAssignment("0" * 32, "ab" * 32, "cuda:0", NOW - 60, NOW, 0, 0, False, True)
    assert past_cells(past, {}, {}, zone=UTC)[4] == "given back"
