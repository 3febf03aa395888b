"""How the command ends when it does not end with a class of `sparewatt.errors` (those carry their own codes, 2 to 8).

All of them are listed in ``docs/exit-codes.md``.
"""

from typing import Final

DONE: Final = 0
BUG: Final = 1
NO_ENGINE: Final = 9
NOT_WELL: Final = 10
INCOMPLETE: Final = 11
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
