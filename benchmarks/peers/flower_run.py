"""Flower's server and two of its clients, of which one may be killed half way."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from benchmarks.metered import wire
from benchmarks.peers.environment import NotInstalled, environment, version
from benchmarks.peers.outcome import Course, Outcome, longest_pause, steps_told
from benchmarks.peers.programs import end, ended_programs
from benchmarks.peers.task import CONTRIBUTORS, Task, held_out_loss

START_SECONDS_MOST: Final = 300.0
COURSE_SECONDS_MOST: Final = 900.0
_LOOK_SECONDS: Final = 0.2
_APP: Final = "peer_app"
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
    )
    return Outcome(f"Flower {version(python, 'flwr')}", courses[0], courses[1], notes)


async def _course(python: Path, task: Task, folder: Path, *, kill: bool) -> Course:
    place = folder / ("flower-killed" if kill else "flower")
    port = _free_port()
    _write_app(folder, place, port)
    programs = python.parent
    with ended_programs() as groups:
        async with wire(port) as between:
            server = ["flower-superlink", "--insecure", "--host", "127.0.0.1", "--port", str(port)]
            groups.append(_start(programs, place, "superlink", [*server, "--disable-runtime-dependency-installation"]))
            await _listens(port, groups)
            for index in range(CONTRIBUTORS):
                node = ["flower-supernode", "--insecure", "--superlink", f"127.0.0.1:{between.port}"]
                node += ["--host", "127.0.0.1", "--port", str(_free_port()), "--node-config", f"index={index}"]
                groups.append(_start(programs, place, f"supernode-{index}", node))
            await _joined(place, groups)
            began, before = time.time(), between.up + between.down
            groups.append(_start(programs, place, "run", ["flwr", "run", str(place / "app"), "here"]))
            killed_at = None
            if kill:
                killed_at = await _until_half(place / f"said-{CONTRIBUTORS - 1}", task, began)
                end(groups[CONTRIBUTORS])
            ended = await _until_ended(place / "said-server", began)
            seconds, moved = time.time() - began, between.up + between.down - before
    steps = [steps_told(place / f"said-{index}") for index in range(CONTRIBUTORS)]
    alive = steps[:1] if kill else steps
    weights = place / "weights.safetensors"
    return Course(
        tokens=sum(len(each) for each in alive) * task.step_tokens,
        loss=held_out_loss(folder, weights) if weights.exists() else None,
        moved_bytes=moved,
        seconds=seconds,
        pause_seconds=None
        if killed_at is None
        else longest_pause([step.at for step in steps[0]], killed_at, began + seconds),
        ended=ended,
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


def _start(programs: Path, place: Path, name: str, arguments: list[str]) -> "subprocess.Popen[bytes]":
    """A program of Flower's that leads a group, with its home in `place` and no word to its makers."""
    surroundings = {
        **os.environ,
        "FLWR_HOME": str(place / "home"),
        "FLWR_TELEMETRY_ENABLED": "0",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    command = [str(programs / arguments[0]), *arguments[1:]]
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


async def _until_half(said: Path, task: Task, began: float) -> float:
    """When the contributor had made half of its steps and the first of the next round."""
    while len(steps_told(said)) <= task.steps_each // 2 and time.time() - began < COURSE_SECONDS_MOST:
        await asyncio.sleep(_LOOK_SECONDS)
    return time.time()


async def _until_ended(said: Path, began: float) -> bool:
    """Whether the server came to its end in time."""
    while time.time() - began < COURSE_SECONDS_MOST:
        if await asyncio.to_thread(_told_end, said):
            return True
        await asyncio.sleep(_LOOK_SECONDS)
    return False


def _told_end(said: Path) -> bool:
    return said.exists() and '"ended"' in said.read_text(encoding="utf-8")
