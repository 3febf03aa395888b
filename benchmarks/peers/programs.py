"""Programs of a peer, each the leader of a group, that end with all that they started."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def ended_programs() -> "Iterator[list[subprocess.Popen[bytes]]]":
    """What is put into this list has ended afterwards, the last one first."""
    leaders: list[subprocess.Popen[bytes]] = []
    try:
        yield leaders
    finally:
        for each in reversed(leaders):
            end(each)


def end(leader: "subprocess.Popen[bytes]") -> None:
    """End a program and all that it started, as a computer that loses its power does.

    hivemind's daemon is in its group; Flower gives its apps' processes sessions of their own.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        for each in psutil.Process(leader.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            leader.kill()
        else:
            os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()
