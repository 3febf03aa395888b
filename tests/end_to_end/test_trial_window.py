"""A trial with its window on a real (virtual) screen: quitting the window costs the trial nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sparewatt_coordinator.testing.own_locks import own_locks
from sparewatt_desktop.testing.virtual_screen import VirtualScreen, until

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="needs a screen of its own, which Xvfb gives on Linux alone"),
]
TITLE = "– Sparewatt"


def test_a_trial_whose_window_is_quit_earns_its_receipts_and_ends_well(screen: VirtualScreen, tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    # One accepted result is enough to end it.
    options = ["--on-battery", "--minutes", "10", "--tokens", "1", "--seed", "1", "--json", str(summary)]
    command = [*own_locks(tmp_path / "locks"), sys.executable, "-P", "-m", "sparewatt_cli", "try", *options]
    with (tmp_path / "output").open("wb") as output, subprocess.Popen(
        command, cwd=tmp_path, env=screen.environment, stdout=output, stderr=output, start_new_session=True
    ) as trial:  # fmt: skip
        try:
            until(lambda: bool(screen.windows("--name", TITLE)), "the window is there")
            window = screen.windows("--name", TITLE)[0]
            screen.type("windowactivate", "--sync", window, "key", "ctrl+q")
            until(lambda: not screen.windows("--name", TITLE), "the window is gone")
            assert trial.poll() is None, "the trial goes on without it"
            code = trial.wait(600)
        finally:
            trial.kill()
    said = (tmp_path / "output").read_text()
    assert code == 0, said[-3000:]
    assert "Traceback" not in said
    told = json.loads(summary.read_text())
    assert told["receipts"] == told["receipts_verified"] >= 1
    assert told["exit_reason"] == "tokens"
