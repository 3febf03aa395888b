"""Children of a trial end with it, whatever happens. The children here are programs of one line."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from sparewatt.errors import ProtocolError, UnavailableError
from sparewatt_cli.trial.processes import Children

pytestmark = pytest.mark.processes

OBEDIENT = 'import sys; print(\'{"ready": true, "url": "ws://127.0.0.1:1"}\', flush=True); sys.stdin.read()'
DEAF = 'import signal, sys; print(\'{"ready": true, "url": ""}\', flush=True); sys.stdin.read(); signal.pause()'
DYING = "raise SystemExit('the disk is full')"
STRANGE = "import sys; print('hello', flush=True); sys.stdin.read()"
Program = Callable[[str], str]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Writes a program and gives the name by which ``python -m`` finds it."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def write(source: str) -> str:
        (tmp_path / "child_of_a_trial.py").write_text(source)
        return "child_of_a_trial"

    return write


def gone(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


def test_a_child_says_when_it_is_ready_and_ends_when_it_is_let_go(program: Program, tmp_path: Path) -> None:
    async def course() -> int:
        async with Children(tmp_path / "logs") as children:
            child = await children.start("coordinator", [program(OBEDIENT)], says_ready=True)
            assert (await child.ready()).url == "ws://127.0.0.1:1"
            children.check()
            return child.pid

    assert gone(asyncio.run(course()))


def test_a_child_that_does_not_end_by_itself_is_killed(program: Program, tmp_path: Path) -> None:
    async def course() -> int:
        async with Children(tmp_path / "logs", end_seconds=0.01) as children:
            child = await children.start("engine", [program(DEAF)], says_ready=True)
            await child.ready()
            return child.pid

    assert gone(asyncio.run(course()))


def test_a_failure_within_ends_the_children_too(program: Program, tmp_path: Path) -> None:
    pids: list[int] = []

    async def course() -> None:
        async with Children(tmp_path / "logs") as children:
            child = await children.start("coordinator", [program(OBEDIENT)], says_ready=True)
            pids.append(child.pid)
            raise UnavailableError("trial.stuck", name="engine", seconds=1)

    with pytest.raises(UnavailableError):
        asyncio.run(course())
    assert all(gone(pid) for pid in pids)


def test_a_child_that_dies_first_is_reported_with_its_last_words(program: Program, tmp_path: Path) -> None:
    async def course() -> None:
        async with Children(tmp_path / "logs") as children:
            await (await children.start("coordinator", [program(DYING)], says_ready=True)).ready()

    with pytest.raises(UnavailableError) as caught:
        asyncio.run(course())
    assert caught.value.error_id == "trial.child_ended"
    assert caught.value.parameters == {"name": "coordinator", "detail": "the disk is full"}


def test_a_child_that_says_something_else_is_not_believed(program: Program, tmp_path: Path) -> None:
    async def course() -> None:
        async with Children(tmp_path / "logs") as children:
            await (await children.start("coordinator", [program(STRANGE)], says_ready=True)).ready()

    with pytest.raises(ProtocolError):
        asyncio.run(course())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_trial_that_is_killed_takes_its_children_with_it(program: Program, tmp_path: Path) -> None:
    name = program(OBEDIENT)
    script = (
        "import asyncio, pathlib, sys\n"
        "from sparewatt_cli.trial.processes import Children\n"
        "async def course():\n"
        f"    async with Children(pathlib.Path({str(tmp_path / 'logs')!r})) as children:\n"
        f"        child = await children.start('coordinator', [{name!r}], says_ready=True)\n"
        "        await child.ready()\n"
        "        print(child.pid, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(course())\n"
    )
    paths = os.pathsep.join([str(tmp_path), *(path for path in sys.path if path)])
    trial = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths}
    )
    with trial:
        assert trial.stdout is not None
        pid = int(trial.stdout.readline())
        trial.send_signal(signal.SIGKILL)
        # The child holds no end of the trial's output, so it cannot be waited for through it: look at the process.
        assert ended_within(pid, seconds=20)


def ended_within(pid: int, seconds: float) -> bool:
    """Whether the process ends in time; waits for it through its descriptor, without looking again and again."""
    import select

    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)
