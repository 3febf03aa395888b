"""Ending with the parent."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sparewatt.process import parent_watch
from sparewatt.process.parent_watch import PARENT_GONE_EXIT, parent_wait, watch_parent

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a parent that changes")


class End:
    """Keeps the code with which the process would have ended."""

    def __init__(self) -> None:
        self.codes: list[int] = []

    def __call__(self, code: int, /) -> None:
        self.codes.append(code)


def test_a_closed_pipe_ends_the_process_after_its_grace() -> None:
    closed, end = threading.Event(), End()
    thread = watch_parent(closed, grace_seconds=0.0, end=end)
    assert end.codes == []
    closed.set()
    thread.join(10)
    assert end.codes == [PARENT_GONE_EXIT]


def test_a_parent_that_is_gone_ends_the_process_though_the_pipe_stays_open() -> None:
    parent, end = threading.Event(), End()
    thread = watch_parent(threading.Event(), grace_seconds=0.0, end=end, wait_for_parent=parent.wait)
    assert end.codes == []
    parent.set()
    thread.join(10)
    assert end.codes == [PARENT_GONE_EXIT]


CHILD = """
import sys, threading
from sparewatt.process import parent_watch
if sys.argv[1] == "looks":
    parent_watch.parent_wait = lambda parent=parent_watch.os.getppid(): lambda: parent_watch._look_until_changed(parent)
parent_watch.watch_parent(threading.Event(), grace_seconds=0.0)
print("ready", flush=True)
threading.Event().wait(60)
"""
# Starts the child with its own standard output, so that whoever reads that sees the child's end after its own.
PARENT = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])
sys.stdin.read()
"""


@POSIX
@pytest.mark.processes
@pytest.mark.parametrize("how", ["waits", "looks"])
def test_a_child_outlives_a_killed_parent_by_no_more_than_three_seconds(how: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        parent.kill()
        killed = time.monotonic()
        assert parent.stdout.read() == b""
        assert time.monotonic() - killed < 3.0


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.processes
def test_waiting_for_the_parent_wakes_nobody() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, "waits"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        before = switches(child.pid)
        time.sleep(2.5)
        assert switches(child.pid) == before
        child.kill()


def switches(pid: int) -> int:
    """How often the threads of a process have gone to sleep."""
    found = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        lines = (thread / "status").read_text().splitlines()
        found += sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return found


def test_where_nothing_can_be_waited_for_the_parents_id_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(parent: int) -> Callable[[], None]:
        raise PermissionError

    for name in ("_pidfd_wait", "_kqueue_wait", "_handle_wait"):
        monkeypatch.setattr(parent_watch, name, refused, raising=False)
    ids = iter((7, 7, 1))
    monkeypatch.setattr(os, "getppid", lambda: next(ids))
    monkeypatch.setattr(parent_watch, "_LOOK_EVERY_SECONDS", 0.0)
    parent_wait()()
    assert list(ids) == []
