"""Pauses in the person's own day."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from sparewatt_desktop.pauses import MORNING_HOUR, pauses, tomorrow_unix_s

DAY_S = 86_400


def test_what_is_offered() -> None:
    now = 1_795_000_000
    offered = pauses(now)
    assert [pause.until_unix_s - now for pause in offered[:2]] == [900, 3_600]
    assert offered[-1].until_unix_s == 0
    assert len({pause.label for pause in offered}) == 4


@given(st.integers(0, 2_000_000_000))
def test_tomorrow_is_the_next_morning(now: int) -> None:
    then = dt.datetime.fromtimestamp(tomorrow_unix_s(now)).astimezone()
    assert (then.hour, then.minute) == (MORNING_HOUR, 0)
    assert then.date() == dt.datetime.fromtimestamp(now).astimezone().date() + dt.timedelta(days=1)
    # From six o'clock tomorrow at midnight to almost two days; an hour more where clocks change.
    assert 5 * 3_600 <= tomorrow_unix_s(now) - now <= DAY_S + 7 * 3_600
