from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.history.calendar import day_ends_unix_s, day_of, month_ends_unix_s, period_begin, periods_back
from sparewatt.history.rows import Period

BERLIN = ZoneInfo("Europe/Berlin")
TUESDAY = date(2026, 11, 24)
PERIODS: tuple[Period, ...] = ("day", "week", "month")


def unix(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=BERLIN).timestamp())  # type: ignore[arg-type, misc]


def test_a_day_is_the_local_one() -> None:
    assert day_of(unix(2026, 11, 24, 0, 30), BERLIN) == TUESDAY
    assert day_of(unix(2026, 11, 24, 0, 30), timezone(timedelta(0))) == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("period", "begin"), [("day", TUESDAY), ("week", date(2026, 11, 23)), ("month", date(2026, 11, 1))]
)
def test_periods_begin_on_their_first_day(period: Period, begin: date) -> None:
    assert period_begin(TUESDAY, period) == begin


def test_months_are_counted_back_over_the_year() -> None:
    assert periods_back(TUESDAY, "month", 12) == date(2025, 12, 1)
    assert periods_back(TUESDAY, "week", 2) == date(2026, 11, 16)
    assert periods_back(TUESDAY, "day", 7) == date(2026, 11, 18)


def test_days_and_months_end_at_midnight_also_when_the_clock_changes() -> None:
    assert day_ends_unix_s(date(2026, 10, 25), BERLIN) == unix(2026, 10, 26)
    assert month_ends_unix_s(date(2026, 10, 25), BERLIN) == unix(2026, 11, 1)
    assert month_ends_unix_s(date(2026, 12, 31), BERLIN) == unix(2027, 1, 1)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.sampled_from(PERIODS), st.integers(1, 400))
def test_the_oldest_of_so_many_periods_is_a_begin_and_not_after_the_last(day: date, period: Period, count: int) -> None:
    oldest = periods_back(day, period, count)
    assert period_begin(oldest, period) == oldest
    assert oldest <= period_begin(day, period) <= day
