import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import InputError
from sparewatt.settings.hours import MINUTES_A_DAY, MINUTES_A_WEEK, parse_hours

MONDAY, FRIDAY, SATURDAY, SUNDAY = 0, 4, 5, 6
WEEKDAY = st.integers(0, 6)
MINUTE = st.integers(0, MINUTES_A_DAY - 1)
DAYS = st.sampled_from(["mo", "tu", "we", "th", "fr", "sa", "su"])
TIME = st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.integers(0, 59))
PATTERN = st.lists(
    st.builds(lambda a, b, c, d: f"{a}-{b} {c}-{d}", DAYS, DAYS, TIME, TIME), min_size=1, max_size=5
).map("; ".join)


def test_a_span_past_midnight_runs_into_the_next_day() -> None:
    hours = parse_hours("mo-fr 22:00-07:00")
    assert hours.open_at(FRIDAY, 23 * 60)
    assert hours.open_at(SATURDAY, 6 * 60 + 59)
    assert not hours.open_at(SATURDAY, 7 * 60)
    assert not hours.open_at(MONDAY, 60)


def test_a_span_past_the_end_of_the_week_runs_into_monday() -> None:
    hours = parse_hours("su 23:00-01:00")
    assert hours.open_at(MONDAY, 59)
    assert not hours.open_at(MONDAY, 60)


def test_whole_days_and_days_around_the_end_of_the_week() -> None:
    hours = parse_hours("sa-mo 00:00-24:00")
    assert hours.open_at(SUNDAY, MINUTES_A_DAY - 1)
    assert hours.open_at(MONDAY, 0)
    assert hours.minutes_until_open(FRIDAY, 0) == MINUTES_A_DAY


def test_equal_start_and_end_is_a_whole_day() -> None:
    assert parse_hours("mo 08:00-08:00").spans == ((480, 480 + MINUTES_A_DAY),)


@pytest.mark.parametrize(
    "text",
    ["", ";", "mo", "xx 1:00-2:00", "mo 25:00-26:00", "mo 1:60-2:00", "mo 24:00-01:00", "mo 8-9", "mo 1:00-2:00 x"],
)
def test_what_is_not_understood_is_refused_with_the_part(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_hours(text)
    assert caught.value.error_id == "settings.hours"


@given(PATTERN, PATTERN)
def test_two_patterns_overlap_when_a_minute_is_in_both(one: str, other: str) -> None:
    first, second = parse_hours(one), parse_hours(other)
    minutes = (divmod(minute, MINUTES_A_DAY) for minute in range(MINUTES_A_WEEK))
    shared = any(first.open_at(*minute) and second.open_at(*minute) for minute in minutes)
    assert first.overlaps(second) == second.overlaps(first) == shared


@given(PATTERN)
def test_a_pattern_reads_itself_back(text: str) -> None:
    hours = parse_hours(text)
    assert parse_hours(hours.text) == hours


@given(PATTERN, WEEKDAY, MINUTE)
def test_the_next_opening_is_open_and_nothing_before_it_is(text: str, weekday: int, minute: int) -> None:
    hours = parse_hours(text)
    wait = hours.minutes_until_open(weekday, minute)
    assert 0 <= wait < MINUTES_A_WEEK
    opening = (weekday * MINUTES_A_DAY + minute + wait) % MINUTES_A_WEEK
    assert hours.open_at(*divmod(opening, MINUTES_A_DAY))
    if wait:
        before = (opening - 1) % MINUTES_A_WEEK
        assert not hours.open_at(*divmod(before, MINUTES_A_DAY))
