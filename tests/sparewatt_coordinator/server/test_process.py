"""The coordinator as a process: how it says that it is ready, how it ends, and what it never loads."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sparewatt_coordinator.gateway import admin
from sparewatt_coordinator.gateway.admin_client import AdminClient
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.testing.coordinator import establish

pytestmark = [pytest.mark.processes, pytest.mark.timeout(60)]

NEVER_LOADED = ("torch", "transformers", "numpy", "typer", "rich")


def start(folder: DataFolder, listen: str = "127.0.0.1:0", *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sparewatt_coordinator.server", "--data", str(folder.root), "--listen", listen, *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def line(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    said: dict[str, object] = json.loads(process.stdout.readline())
    return said


def test_it_says_where_it_listens_and_ends_cleanly_when_told(tmp_path: Path) -> None:
    folder, _ = establish(tmp_path / "run")
    with start(folder) as process:
        said = line(process)
        assert (said["ready"], said["pid"]) == (True, process.pid)
        with AdminClient(Path(str(said["admin"]))) as client:
            assert client.ask(admin.GetStatus(), admin.StatusReply).url == said["url"]
        assert Path(str(said["admin"])).stat().st_mode & 0o777 == 0o600
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not folder.running.exists()


def test_it_ends_with_the_pipe_of_whoever_started_it(tmp_path: Path) -> None:
    folder, _ = establish(tmp_path / "run")
    with start(folder, "127.0.0.1:0", "--parent-pipe") as process:
        assert line(process)["ready"] is True
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0


def test_killed_at_any_instant_it_starts_again(tmp_path: Path) -> None:
    folder, _ = establish(tmp_path / "run")
    for _ in range(3):
        with start(folder) as process:
            assert line(process)["ready"] is True
            process.kill()
    with start(folder) as process:
        assert line(process)["ready"] is True
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_second_one_a_taken_port_and_a_wide_address_end_with_their_errors(tmp_path: Path) -> None:
    folder, _ = establish(tmp_path / "run")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start(folder, f"127.0.0.1:{port}") as process:
            assert line(process)["error"] == "serve.port_in_use"
            assert process.wait(20) == 4
    with start(folder, "0.0.0.0:0") as process:
        assert line(process)["error"] == "serve.not_loopback"
        assert process.wait(20) == 2
    with start(folder) as first:
        assert line(first)["ready"] is True
        with start(folder) as second:
            assert line(second)["error"] == "coordinator.running"
            assert second.wait(20) == 4
        first.terminate()
        assert first.wait(20) == 0
    with start(DataFolder(tmp_path / "empty")) as process:
        assert line(process)["error"] == "run.missing"
        assert process.wait(20) == 3
    assert not (tmp_path / "empty").exists(), "a mistyped folder is not made"


def test_it_loads_nothing_that_would_make_it_slow_to_come_back() -> None:
    program = (
        "import sys, sparewatt_coordinator.server.__main__\n"
        f"print([name for name in {NEVER_LOADED!r} if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert found.stdout.strip() == "[]"
