from typing import get_args

import pytest

from sparewatt.governor.values import PauseReason, Reason
from sparewatt.wording.limits import CONFLICTS, REASONS, conflict_words, pace_words


def reasons() -> set[str]:
    return {each for part in get_args(Reason) for each in (get_args(part) or (part,))} | set(get_args(PauseReason))


def test_every_reason_of_the_governor_has_words_and_no_others_do() -> None:
    assert set(REASONS) == reasons()


def test_a_cooling_device_says_how_warm_it_is() -> None:
    words = pace_words("temperature", {"celsius": 78, "limit": 75})
    assert words == "Cooling down: 78 °C, your limit is 75 °C. It rests a minute at least."


def test_a_refused_cap_says_what_would_do_and_when_it_is_tried_again() -> None:
    words = pace_words("cap_too_low", {"cap": 60, "least": 84, "seconds": 600})
    assert "84 W is the least" in words
    assert "10 min" in words


@pytest.mark.parametrize("unknown", ["", "of another version"])
def test_what_has_no_words_says_so(unknown: str) -> None:
    assert "no words" in pace_words(unknown, {})
    assert "no words" in conflict_words(unknown, {})


def test_conflicts_are_whole_sentences() -> None:
    assert all(words.endswith(".") for words in CONFLICTS.values())
