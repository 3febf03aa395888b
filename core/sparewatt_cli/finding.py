"""One line of what `sparewatt doctor` says."""

from typing import Literal

import msgspec

Level = Literal["good", "note", "problem"]


class Finding(msgspec.Struct, frozen=True):
    """One line of ``sparewatt doctor``; its JSON has the same fields.

    Attributes:
        level: a ``problem`` keeps the computer from contributing.
        advice: what to do about it; empty where nothing is to be done.
    """

    level: Level
    about: str
    words: str
    advice: str = ""
