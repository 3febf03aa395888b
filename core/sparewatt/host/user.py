"""The user that this process belongs to."""

import os
import sys


def user_number() -> int:
    """Number of the user, as names of folders and checks of peers use it; 0 on Windows, which names users otherwise."""
    if sys.platform == "win32":
        return 0
    return os.getuid()
