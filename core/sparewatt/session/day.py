"""When the person's day began."""

import time


def day_began_unix_s(unix_s: float) -> int:
    """The last local midnight at or before `unix_s`, with the computer's own changes of the clock."""
    now = time.localtime(unix_s)
    return int(time.mktime((now.tm_year, now.tm_mon, now.tm_mday, 0, 0, 0, 0, 0, -1)))
