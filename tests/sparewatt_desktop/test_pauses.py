"""Pauses in the person's own day."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from sparewatt.control.messages import Pause, PauseForGame
from sparewatt_desktop.pauses import MORNING_HOUR, pauses, tomorrow_unix_s

DAY_S = 86_400


def test_what_is_offered() -> None:
    now = 1_795_000_000
    offered = pauses(now)
    commands = [pause.make(1) for pause in offered]
    assert commands[:2] == [Pause(id=1, until_unix_s=now + 900), Pause(id=1, until_unix_s=now + 3_600)]
    assert commands[-1] == Pause(id=1, until_unix_s=0)
    assert len({pause.label for pause in offered}) == 4


def test_while_a_game_plays_a_pause_may_last_until_it_closes() -> None:
    first = pauses(1_795_000_000, "Space & Time")[0]
    assert first.label == "Until Space && Time closes"
    assert first.make(7) == PauseForGame(id=7)


def test_a_game_s_name_stays_one_short_line() -> None:
    label = pauses(1_795_000_000, "A\n\u202e" + "very " * 2_000)[0].label
    assert "\n" not in label
    assert "\u202e" not in label
    assert len(label) < 60


@given(st.integers(0, 2_000_000_000))
def test_tomorrow_is_the_next_morning(now: int) -> None:
    then = dt.datetime.fromtimestamp(tomorrow_unix_s(now)).astimezone()
    assert (then.hour, then.minute) == (MORNING_HOUR, 0)
    assert then.date() == dt.datetime.fromtimestamp(now).astimezone().date() + dt.timedelta(days=1)
    # From six o'clock tomorrow at midnight to almost two days; an hour more where clocks change.
    assert 5 * 3_600 <= tomorrow_unix_s(now) - now <= DAY_S + 7 * 3_600
