"""Memory of a process that cannot end by itself, taken back by another."""

import mmap
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sparewatt.process.reclaim import reclaim

pytestmark = [pytest.mark.processes, pytest.mark.skipif(sys.platform != "linux", reason="process_mrelease is Linux's")]

_HOLDER = "import sys; held = bytearray(b'1') * (64 << 20); print('ready', flush=True); sys.stdin.read()"


def test_a_living_process_keeps_its_memory_and_an_ending_one_gives_it_back() -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        assert not reclaim(holder.pid, 0.1)
        resident = int(Path(f"/proc/{holder.pid}/statm").read_text().split()[1]) * mmap.PAGESIZE
        assert resident > 64 << 20
        os.kill(holder.pid, signal.SIGKILL)
        reclaim(holder.pid, 10.0)
        assert holder.wait(10) == -signal.SIGKILL


def test_a_process_that_is_not_there_has_nothing_to_give() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not reclaim(ended.pid, 0.1)
