"""The grid of hours and the stored pattern say the same minutes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.settings.hours import parse_hours
from sparewatt_desktop.presentation.week_cells import cell_states, hours_text, with_cells

CELLS = st.sets(st.tuples(st.integers(0, 6), st.integers(0, 23)), min_size=1)
DAY = st.sampled_from(("mo", "tu", "we", "th", "fr", "sa", "su"))
CLOCK = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))
PART = st.builds("{}-{} {}-{}".format, DAY, DAY, CLOCK, CLOCK)


@given(CELLS)
def test_what_is_painted_is_what_is_stored(cells: set[tuple[int, int]]) -> None:
    spans = with_cells((), cells, open_=True)
    text = hours_text(spans)
    assert text is not None
    assert parse_hours(text).spans == spans
    states = cell_states(parse_hours(text).spans)
    assert {(day, hour) for day in range(7) for hour in range(24) if states[day][hour] == "open"} == cells


@given(st.lists(PART, min_size=1, max_size=4))
def test_every_pattern_is_told_again_with_the_same_minutes(parts: list[str]) -> None:
    spans = parse_hours("; ".join(parts)).spans
    assert parse_hours(str(hours_text(spans))).spans == spans


@given(st.lists(PART, min_size=1, max_size=3), CELLS, st.booleans())
def test_painting_leaves_other_minutes_as_they_were(parts: list[str], cells: set[tuple[int, int]], open_: bool) -> None:
    before = parse_hours("; ".join(parts)).spans
    after = with_cells(before, cells, open_=open_)

    def minutes(spans: tuple[tuple[int, int], ...]) -> set[int]:
        return {minute for first, end in spans for minute in range(first, end)}

    painted = {day * 1440 + hour * 60 + minute for day, hour in cells for minute in range(60)}
    assert minutes(after) - painted == minutes(before) - painted
    assert minutes(after) & painted == (painted if open_ else set())


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("always", "always"),
        ("mo-su 00:00-24:00", "always"),
        ("mo-fr 22:00-07:00", "mo-fr 22:00-07:00"),
        ("su 22:00-07:00", "su 22:00-07:00"),
        ("sa-su 00:00-24:00", "sa-su 00:00-24:00"),
        ("tu 09:30-10:15; th 09:30-10:15", "tu 09:30-10:15; th 09:30-10:15"),
    ],
)
def test_patterns_are_told_as_people_write_them(pattern: str, told: str) -> None:
    assert hours_text(parse_hours(pattern).spans) == told


def test_no_hour_at_all_is_no_pattern() -> None:
    assert hours_text(()) is None


def test_an_hour_that_is_open_in_part_looks_different() -> None:
    states = cell_states(parse_hours("mo 09:30-11:00").spans)
    assert states[0][8:12] == ("closed", "part", "open", "closed")
