"""The load that a measurement makes is there, and is gone afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import psutil

from benchmarks.load import LOWEST, full_load, yield_session


def spinning() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "-S" in child.cmdline()]


def test_it_computes_in_sessions_of_its_own_and_ends_with_the_measurement() -> None:
    with full_load(2, seconds_most=60.0):
        found = spinning()
        assert len(found) == 2
        assert all(os.getsid(process.pid) == process.pid for process in found)
    assert spinning() == []


def test_it_ends_by_itself_when_nobody_ends_it() -> None:
    with full_load(1, seconds_most=0.1):
        (process,) = spinning()
        process.wait(20)


def test_a_session_yields_to_all_others_where_the_system_weighs_sessions() -> None:
    weighs = Path("/proc/self/autogroup").exists()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert yield_session(process.pid) is weighs
            if weighs:
                assert Path(f"/proc/{process.pid}/autogroup").read_text().split()[-1] == str(LOWEST)
        finally:
            process.kill()


def test_a_process_that_is_gone_has_no_session() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        assert not yield_session(process.pid)
