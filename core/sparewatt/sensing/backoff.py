"""How long to wait before trying again what has failed."""

from typing import Final

FIRST_S: Final = 5
MOST_S: Final = 300


def retry_delay_s(failures: int) -> int:
    """5, 10, 20 … 300 s after the 1st, 2nd, 3rd … failure in a row."""
    return min(FIRST_S << min(failures - 1, 10), MOST_S) if failures > 0 else 0
