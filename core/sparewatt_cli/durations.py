"""Lengths of time as people type them."""

import re
from datetime import datetime, time, timedelta
from typing import Final

from sparewatt.errors import InputError

PAUSE_DAYS_MOST: Final = 30
MORNING: Final = time(hour=6)
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_LENGTH: Final = re.compile(r"^(\d{1,6})\s*(s|min|m|h|d)$")


def pause_end(text: str | None, now: datetime) -> int:
    """The moment (unix seconds) until which `text` pauses: ``15m``, ``1h``, ``2d``, ``tomorrow`` (06:00 of the next
    day), or 0 for "until I resume" when it is None.

    Args:
        now: local time; without a time zone it is the computer's own, with its changes of the clock.

    Raises:
        InputError: ``pause.length`` for anything else, nothing at all, or more than thirty days.
    """
    if text is None:
        return 0
    words = text.strip().lower()
    if words == "tomorrow":
        morning = datetime.combine(now.date() + timedelta(days=1), MORNING, tzinfo=now.tzinfo)
        return int(morning.timestamp())
    match = _LENGTH.match(words)
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not 0 < seconds <= PAUSE_DAYS_MOST * 86_400:
        raise InputError("pause.length", text=text[:40], days_most=PAUSE_DAYS_MOST)
    return int(now.timestamp()) + seconds
