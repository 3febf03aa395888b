from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import InputError
from sparewatt_cli.durations import CONTRIBUTE_DAYS_MOST, PAUSE_DAYS_MOST, contribute_end, pause_end

NOW = datetime(2026, 11, 23, 21, 50, tzinfo=UTC).timestamp()


def test_nothing_means_until_resumed() -> None:
    assert pause_end(None, NOW) == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15m", 900), ("1h", 3_600), (" 2 H ", 7_200), ("90s", 90), ("30d", 30 * 86_400), ("5min", 300)],
)
def test_lengths_count_from_now(text: str, seconds: int) -> None:
    assert pause_end(text, NOW) == NOW + seconds


def test_tomorrow_is_six_in_the_morning_of_the_next_day_in_the_given_zone() -> None:
    assert pause_end("tomorrow", NOW, UTC) == datetime(2026, 11, 24, 6, tzinfo=UTC).timestamp()
    east = timezone(timedelta(hours=3))
    assert pause_end("tomorrow", NOW, east) == datetime(2026, 11, 25, 6, tzinfo=east).timestamp()


@pytest.mark.parametrize("text", ["", "soon", "0m", "-5m", "15", "31d", "1.5h", "9999999h", "1h30m", "١h"])
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(InputError) as caught:
        pause_end(text, NOW)
    assert caught.value.error_id == "pause.length"
    assert caught.value.parameters["days_most"] == PAUSE_DAYS_MOST


@given(st.text(max_size=50))
def test_every_text_is_a_future_moment_or_refused(text: str) -> None:
    try:
        end = pause_end(text, NOW, UTC)
    except InputError:
        return
    assert NOW < end <= NOW + PAUSE_DAYS_MOST * 86_400


def test_contributing_now_is_for_an_hour_unless_something_else_was_said() -> None:
    assert contribute_end(None, NOW) == NOW + 3_600
    assert contribute_end(" 30M ", NOW) == NOW + 1_800
    assert contribute_end("1d", NOW) == NOW + CONTRIBUTE_DAYS_MOST * 86_400
    assert contribute_end("stop", NOW) == 0


@pytest.mark.parametrize("text", ["", "tomorrow", "0m", "25h", "-1h"])
def test_contributing_now_for_no_time_or_for_more_than_a_day_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        contribute_end(text, NOW)
    assert caught.value.error_id == "contribute.length"
