"""Text from a network, made fit to be shown."""

import unicodedata
from types import MappingProxyType
from typing import Final

TITLE_CHARACTERS_MOST: Final = 200
ELLIPSIS: Final = "…"
# Marks that some screens take for markup; their look-alikes mean nothing to any.
_LOOK_ALIKES: Final = MappingProxyType({"<": "‹", ">": "›", "&": "＆"})
# Controls, formats (overrides of the writing direction, invisible marks), private and unassigned characters, and the
# separators that break lines. Whoever writes from right to left needs none of them.
_UNWANTED: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})


def plain_text(text: str, characters_most: int = TITLE_CHARACTERS_MOST) -> str:
    """`text` as one line that no screen can take for anything but text.

    Control characters, direction overrides and invisible marks are removed, every kind of space becomes a plain one,
    marks of markup become look-alikes, and what is longer than `characters_most` ends in an ellipsis.
    """
    # Cut first, far beyond what is kept, so that an endless text costs nothing.
    shown = "".join(_plain(mark) for mark in text[: 8 * characters_most])
    line = " ".join(shown.split())
    return line if len(line) <= characters_most else line[: characters_most - 1].rstrip() + ELLIPSIS


def _plain(mark: str) -> str:
    if mark in _LOOK_ALIKES:
        return _LOOK_ALIKES[mark]
    if mark.isspace():
        return " "
    return "" if unicodedata.category(mark) in _UNWANTED else mark
