import subprocess

import psutil
import pytest

from benchmarks.peers.programs import ended_programs

pytestmark = pytest.mark.processes


def test_programs_end_with_what_they_started_in_their_group_and_in_sessions_of_its_own() -> None:
    with ended_programs() as leaders:
        command = "sleep 600 & setsid sleep 601 & echo $!; wait"
        leader = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, start_new_session=True)
        leaders.append(leader)
        assert leader.stdout is not None
        assert leader.stdout.readline()
        started = psutil.Process(leader.pid).children(recursive=True)
        assert len(started) == 2
        leader.stdout.close()
    assert leader.returncode is not None
    gone, alive = psutil.wait_procs(started, timeout=10)
    assert (len(gone), alive) == (2, [])
