"""Lengths of time as people type them."""

import re
from datetime import datetime, time, timedelta, tzinfo
from typing import Final

from sparewatt.errors import InputError

PAUSE_DAYS_MOST: Final = 30
CONTRIBUTE_DAYS_MOST: Final = 1
MORNING: Final = time(hour=6)
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_LENGTH: Final = re.compile(r"^([0-9]{1,6})\s*(s|min|m|h|d)$")


def pause_end(text: str | None, now_unix_s: float, zone: tzinfo | None = None) -> int:
    """The moment (unix seconds) until which `text` pauses: ``15m``, ``1h``, ``2d``, ``tomorrow`` (06:00 of the next
    day), or 0 for "until I resume" when it is None.

    Args:
        zone: in which the day changes; None for the computer's own, with its changes of the clock.

    Raises:
        InputError: ``pause.length`` for anything else, nothing at all, or more than thirty days.
    """
    if text is None:
        return 0
    words = text.strip().lower()
    if words == "tomorrow":
        today = datetime.fromtimestamp(now_unix_s, zone).date()
        return int(datetime.combine(today + timedelta(days=1), MORNING, tzinfo=zone).timestamp())
    seconds = _seconds(words)
    if not 0 < seconds <= PAUSE_DAYS_MOST * 86_400:
        raise InputError("pause.length", text=text[:40], days_most=PAUSE_DAYS_MOST)
    return int(now_unix_s) + seconds


def contribute_end(text: str | None, now_unix_s: float) -> int:
    """The moment (unix seconds) until which to contribute now: an hour on, or what `text` says; 0 for ``stop``.

    Raises:
        InputError: ``contribute.length`` for anything else, nothing at all, or more than a day.
    """
    words = "1h" if text is None else text.strip().lower()
    if words == "stop":
        return 0
    seconds = _seconds(words)
    if not 0 < seconds <= CONTRIBUTE_DAYS_MOST * 86_400:
        raise InputError("contribute.length", text=words[:40], hours_most=24 * CONTRIBUTE_DAYS_MOST)
    return int(now_unix_s) + seconds


def _seconds(words: str) -> int:
    """0 for what is no length."""
    match = _LENGTH.match(words)
    return int(match[1]) * _SECONDS[match[2]] if match else 0
