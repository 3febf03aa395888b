"""The user that this process belongs to."""

import os
import sys


def user_number() -> int:
    """Number of the user, as names of folders and checks of peers use it; 0 on Windows, which names users otherwise."""
    if sys.platform == "win32":
        return 0
    return os.getuid()


def user_identifier() -> str:
    """What the system itself calls the user: the security identifier (``S-1-5-21-…``) on Windows, else the number.

    Raises:
        OSError: Windows does not tell; that is a bug or a broken system.
    """
    if sys.platform == "win32":
        from sparewatt.host.user_windows import process_user

        return process_user(os.getpid())
    return str(os.getuid())
