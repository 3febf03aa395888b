"""A computer that is busy with something else, for as long as a measurement takes."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Where Linux weighs sessions against one another, a process's own priority counts only within its session.
LOWEST = 19
AGAIN_SECONDS = 0.2

_SPIN = "import sys, time\nend = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end:\n    pass"


@contextmanager
def full_load(cores: int, seconds_most: float) -> Iterator[None]:
    """Every core computes at normal priority, in sessions of its own as a person's programs do.

    Args:
        seconds_most: after which the load ends by itself, whatever becomes of this process.
    """
    command = [sys.executable, "-S", "-c", _SPIN, str(seconds_most)]
    spinning = [subprocess.Popen(command, start_new_session=True) for _ in range(cores)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def yield_session(pid: int) -> bool:
    """Give the session of a process the lowest priority that its processes already have among themselves; whether this
    system has such a thing (``/proc/PID/autogroup``)."""
    group = Path("/proc", str(pid), "autogroup")
    if not group.exists():
        return False
    for _ in range(5):
        try:
            group.write_text(str(LOWEST))
        except BlockingIOError:  # it may be changed ten times a second
            time.sleep(AGAIN_SECONDS)
        else:
            return True
    return False
