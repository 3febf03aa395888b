"""What a store has said is there after its process was killed at any instant."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sparewatt_coordinator.store import sqlite

KILLS = 6

PROGRAM = """
import sys
from pathlib import Path
from sparewatt.signing import public_key_hex
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.store.base import Accepted, Leased
from sparewatt_coordinator.testing.runs import (
    key, lease_request, manifest, new_run, online_sign, sha256, update_for, update_sha256,
)
store = sqlite.open(Path(sys.argv[1]), create=True)
first = int(sys.argv[2])
store.create_run(new_run(manifest()), online_sign, 0)
store.create_invite(sha256("secret"), 99, 10**6, trusted=True)
alice = public_key_hex(key(10))
store.register_contributor(alice, sha256("secret"), 0)
for number in range(first, first + 10_000):
    work = store.lease_assignment(lease_request(alice, number, device=str(number)), online_sign, 0)
    assert isinstance(work, Leased), work
    update = update_for(work.assignment)
    outcome = store.accept_update(alice, update, update_sha256(update), online_sign, 0)
    assert isinstance(outcome, Accepted), outcome
    print(number, flush=True)
"""


@pytest.mark.processes
def test_every_acknowledged_update_survives_a_kill_and_is_paid_once(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite3"
    said = 0
    for kill in range(KILLS):
        first = 1 + 100_000 * kill
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path), str(first)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process:
            for _ in range(3 + 5 * kill):
                assert process.stdout.readline().strip()
                said += 1
            process.send_signal(signal.SIGKILL)
            # What it still said between our last reading and its end counts, too.
            said += len(process.stdout.read().split())
        store = sqlite.open(path)
        status = store.status()
        contributors = status.contributors
        store.close()
        assert said <= status.updates_accepted <= said + kill + 1
        assert status.updates_accepted == contributors[0].updates
        assert status.trained_tokens + status.leased_tokens + status.gap_tokens == status.tokens_drawn
