"""How long a person may pause, counted in their own day. Pure."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sparewatt.control import messages
from sparewatt.control.messages import Request
from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt_desktop.widgets.text import plain

MINUTE_S: Final = 60
# Until tomorrow means until people get up.
MORNING_HOUR: Final = 6
GAME_MOST: Final = 40


@dataclass(frozen=True)
class Pause:
    """Attributes:
    make: the command that begins it.
    """

    label: str
    make: Callable[[int], Request]


def pauses(now_unix_s: int, game: str | None = None, translations: Translations = ENGLISH) -> Sequence[Pause]:
    """The pauses that are offered; `game` is the name of the one that plays now, if any does."""
    gettext = translations.gettext

    def until(label: str, until_unix_s: int) -> Pause:
        return Pause(label, lambda number: messages.Pause(id=number, until_unix_s=until_unix_s))

    found = [
        until(gettext("For 15 minutes"), now_unix_s + 15 * MINUTE_S),
        until(gettext("For an hour"), now_unix_s + 60 * MINUTE_S),
        until(gettext("Until tomorrow morning"), tomorrow_unix_s(now_unix_s)),
        until(gettext("Until I resume"), 0),
    ]
    if game is not None:
        # An ampersand marks a letter in a menu; two of them are one.
        label = filled(gettext("Until {game} closes"), {"game": plain(game, GAME_MOST).replace("&", "&&")})
        found.insert(0, Pause(label, lambda number: messages.PauseForGame(id=number)))
    return found


def tomorrow_unix_s(now_unix_s: int) -> int:
    """Six o'clock of the next day by this computer's clock, whether or not the clocks change in between."""
    day = dt.datetime.fromtimestamp(now_unix_s).astimezone().date() + dt.timedelta(days=1)
    return int(dt.datetime.combine(day, dt.time(MORNING_HOUR)).astimezone().timestamp())
