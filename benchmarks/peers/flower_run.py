"""Flower's server and two of its clients, of which one may be killed half way."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from benchmarks.metered import wire
from benchmarks.peers.environment import NotInstalled, environment, version
from benchmarks.peers.outcome import Course, Outcome, longest_pause, steps_told, why_unended
from benchmarks.peers.programs import end, ended_programs
from benchmarks.peers.task import CONTRIBUTORS, STEP_TOKENS, Task, held_out_loss

START_SECONDS_MOST: Final = 300.0
_LOOK_SECONDS: Final = 0.2
_APP: Final = "peer_app"
_PATIENT: Final = """\
from flwr.supercore.corestate import in_memory_corestate, sql_corestate
from flwr.{name}.cli import flower_{name}

in_memory_corestate.HEARTBEAT_DEFAULT_INTERVAL = sql_corestate.HEARTBEAT_DEFAULT_INTERVAL = {seconds}
flower_{name}()
"""
_SETTINGS: Final = """\
[project]
name = "peer"
version = "1.0.0"
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "benchmark"

[tool.flwr.app.components]
serverapp = "peer_app.flower_app:server"
clientapp = "peer_app.flower_app:client"

[tool.flwr.app.config]
folder = "{folder}"
place = "{place}"
"""
_CONNECTION: Final = """\
[superlink]
default = "here"

[superlink.here]
address = "127.0.0.1:{port}"
insecure = true
"""


def flower(task: Task, folder: Path, environments: Path) -> Outcome:
    """Both courses of Flower.

    Raises:
        NotInstalled: where it cannot be installed, or does not start.
    """
    python = environment(environments, "flwr")
    courses = [asyncio.run(_course(python, task, folder, kill=kill)) for kill in (False, True)]
    notes = (
        "Flower starts a process, which loads torch, for each round of each client",
        "its server was told to go on with one client (by default it waits for two)",
        f"a process of its may take {START_SECONDS_MOST:.0f} s to start, where Flower allows 30 s",
    )
    return Outcome(f"Flower {version(python, 'flwr')}", courses[0], courses[1], notes)


async def _course(python: Path, task: Task, folder: Path, *, kill: bool) -> Course:
    place = folder / ("flower-killed" if kill else "flower")
    port = _free_port()
    _write_app(folder, place, port)
    with ended_programs() as groups:
        async with wire(port) as between:
            server = ["--insecure", "--host", "127.0.0.1", "--port", str(port)]
            server += ["--disable-runtime-dependency-installation"]
            groups.append(_start(python, place, "superlink", patient("superlink", server)))
            await _listens(port, groups)
            for index in range(CONTRIBUTORS):
                node = ["--insecure", "--superlink", f"127.0.0.1:{between.port}"]
                node += ["--host", "127.0.0.1", "--port", str(_free_port()), "--node-config", f"index={index}"]
                groups.append(_start(python, place, f"supernode-{index}", patient("supernode", node)))
            await _joined(place, groups)
            began, before = time.time(), between.up + between.down
            groups.append(
                _start(python, place, "run", [str(python.parent / "flwr"), "run", str(place / "app"), "here"])
            )
            killed_at = await _killed(groups[CONTRIBUTORS], place, task, began) if kill else None
            ended = await _until_ended(place / "said-server", task, began)
            seconds, moved = time.time() - began, between.up + between.down - before
    steps = [steps_told(place / f"said-{index}") for index in range(CONTRIBUTORS)]
    # What a client trains becomes part of an average once its round is whole.
    averaged = sum(len(each) // task.inner_steps * task.inner_steps for each in steps)
    weights = place / "weights.safetensors"
    return Course(
        tokens=averaged * STEP_TOKENS,
        loss=held_out_loss(folder, weights) if weights.exists() else None,
        moved_bytes=moved,
        seconds=seconds,
        pause_seconds=None
        if killed_at is None
        else longest_pause([step.at for step in steps[0]], killed_at, began + seconds),
        unended=why_unended(killed_at, seconds, kill=kill, ended=ended),
        averages=str(averages_told(place / "said-server")),
    )


def _write_app(folder: Path, place: Path, port: int) -> None:
    code = place / "app" / _APP
    code.mkdir(parents=True)
    (code / "__init__.py").touch()
    for name in ("flower_app.py", "small_model.py"):
        shutil.copy(Path(__file__).with_name(name), code / name)
    (place / "app" / "pyproject.toml").write_text(_SETTINGS.format(folder=folder, place=place), encoding="utf-8")
    (place / "home").mkdir()
    (place / "home" / "config.toml").write_text(_CONNECTION.format(port=port), encoding="utf-8")


def patient(name: str, arguments: list[str]) -> list[str]:
    """A command of Flower's with another limit: work that is claimed must be begun in time, or nobody does it.

    On a busy computer a process that loads torch needs longer than Flower's 30 s to begin. How long a silent node is
    waited for stays as it is.
    """
    return ["-c", _PATIENT.format(seconds=round(START_SECONDS_MOST), name=name), *arguments]


def _start(python: Path, place: Path, name: str, arguments: list[str]) -> "subprocess.Popen[bytes]":
    """A program of Flower's that leads a group, with its home in `place` and no word to its makers."""
    surroundings = {
        **os.environ,
        "FLWR_HOME": str(place / "home"),
        "FLWR_TELEMETRY_ENABLED": "0",
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = [str(python), *arguments]
    with (place / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, cwd=place, env=surroundings, stdout=log, stderr=log, start_new_session=True)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def _listens(port: int, groups: "list[subprocess.Popen[bytes]]") -> None:
    until = time.monotonic() + START_SECONDS_MOST
    while time.monotonic() < until and all(each.poll() is None for each in groups):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(_LOOK_SECONDS)
        else:
            writer.close()
            return
    raise NotInstalled("its server did not start")


async def _joined(place: Path, groups: "list[subprocess.Popen[bytes]]") -> None:
    """Until the server has heard of every client."""
    until = time.monotonic() + START_SECONDS_MOST
    while time.monotonic() < until and all(each.poll() is None for each in groups):
        said = (place / "superlink.log").read_text(encoding="utf-8", errors="replace")
        if nodes_told(said) >= CONTRIBUTORS:
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise NotInstalled("its clients did not reach its server")


def nodes_told(said: str) -> int:
    """How many clients a server's log says have come."""
    return sum("ActivateNode" in line for line in said.splitlines())


async def _killed(client: "subprocess.Popen[bytes]", place: Path, task: Task, began: float) -> float | None:
    """When the last client was killed, in the first inner step after half of the averages; None if it never came."""
    while time.time() - began < task.seconds_most:
        if len(steps_told(place / f"said-{CONTRIBUTORS - 1}")) >= task.kill_steps:
            end(client)
            return time.time()
        await asyncio.sleep(_LOOK_SECONDS)
    return None


def averages_told(said: Path) -> int:
    """How many averages a server has told of; the first weights are none."""
    lines = said.read_text(encoding="utf-8").splitlines() if said.exists() else []
    return max((json.loads(line).get("average", 0) for line in lines if line.endswith("}")), default=0)


async def _until_ended(said: Path, task: Task, began: float) -> bool:
    """Whether the server came to its end in time."""
    while time.time() - began < task.seconds_most:
        if await asyncio.to_thread(_told_end, said):
            return True
        await asyncio.sleep(_LOOK_SECONDS)
    return False


def _told_end(said: Path) -> bool:
    return said.exists() and '"ended"' in said.read_text(encoding="utf-8")
