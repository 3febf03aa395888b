"""How long a person may pause, counted in their own day. Pure."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Translations

MINUTE_S: Final = 60
# Until tomorrow means until people get up.
MORNING_HOUR: Final = 6


@dataclass(frozen=True)
class Pause:
    """Attributes:
    until_unix_s: 0 for "until I resume".
    """

    label: str
    until_unix_s: int


def pauses(now_unix_s: int, translations: Translations = ENGLISH) -> Sequence[Pause]:
    """The pauses that are offered."""
    gettext = translations.gettext
    return (
        Pause(gettext("For 15 minutes"), now_unix_s + 15 * MINUTE_S),
        Pause(gettext("For an hour"), now_unix_s + 60 * MINUTE_S),
        Pause(gettext("Until tomorrow morning"), tomorrow_unix_s(now_unix_s)),
        Pause(gettext("Until I resume"), 0),
    )


def tomorrow_unix_s(now_unix_s: int) -> int:
    """Six o'clock of the next day by this computer's clock, whether or not the clocks change in between."""
    day = dt.datetime.fromtimestamp(now_unix_s).astimezone().date() + dt.timedelta(days=1)
    return int(dt.datetime.combine(day, dt.time(MORNING_HOUR)).astimezone().timestamp())
