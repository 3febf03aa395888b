"""Children of a trial: none outlives it, however it ends.

Each child is given one end of a pipe as its standard input and promises to end when that closes (``--parent-pipe``):
so even ``kill -9`` of the trial ends them. Each has a session of its own, so that Ctrl-C in the terminal reaches the
trial alone, which then decides in what order things stop.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sparewatt.errors import ProtocolError, UnavailableError
from sparewatt.plain_json import Unreadable, decoded
from sparewatt_cli.coordinator_process import Ready
from sparewatt_cli.log_file import last_words

READY_SECONDS_MOST: Final = 30.0
END_SECONDS: Final = 12.0
HURRIED_END_SECONDS: Final = 3.0
_KILL_SECONDS: Final = 5.0


class Child:
    """One running program."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def ready(self) -> Ready:
        """The line that the child prints when it can be used.

        Raises:
            UnavailableError: ``trial.child_ended`` when it ended first, ``trial.child_silent`` after thirty seconds.
            ProtocolError: ``trial.child_line`` for a line that says something else.
        """
        assert self._process.stdout is not None, "only a child with a ready line is asked for it"
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), READY_SECONDS_MOST)
        except TimeoutError as error:
            raise UnavailableError("trial.child_silent", name=self.name) from error
        if not line:
            raise self.ended_error()
        try:
            return decoded(line, Ready)
        except Unreadable as error:
            raise ProtocolError("trial.child_line", name=self.name) from error

    def ended_error(self) -> UnavailableError:
        """That this child ended although it was needed, with the last line it wrote."""
        return UnavailableError("trial.child_ended", name=self.name, detail=last_words(self.log))

    def let_go(self) -> None:
        """Close the child's standard input, which asks it to end."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def ended(self, seconds: float) -> bool:
        """Whether it ended within `seconds`."""
        try:
            await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def kill(self) -> None:
        """End it and, where the system has process groups, everything it started in its own."""
        if not self.running:
            return
        if sys.platform == "win32":
            self._process.kill()
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # It ended between the look and the signal.


class Children:
    """All children of a trial; leaving the context ends them, last started first.

    Args:
        folder: for their logs.
        end_seconds: how long a child may take to end by itself; a cancelled trial grants `hurried_end_seconds`.
    """

    def __init__(
        self, folder: Path, end_seconds: float = END_SECONDS, hurried_end_seconds: float = HURRIED_END_SECONDS
    ) -> None:
        self._folder = folder
        self._end_seconds = end_seconds
        self._hurried_end_seconds = hurried_end_seconds
        self._children: list[Child] = []

    async def start(self, name: str, arguments: Sequence[str], *, says_ready: bool = False) -> Child:
        """Start ``python -m ARGUMENTS…``; what it prints goes to a file named after it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / f"{name.replace(' ', '-')}.log"
        with log.open("ab") as opened:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE if says_ready else opened,
                stderr=opened,
                start_new_session=sys.platform != "win32",
                creationflags=_own_group(),
            )  # fmt: skip
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def check(self) -> None:
        """Raise that a child ended, if one did.

        Raises:
            UnavailableError: ``trial.child_ended``.
        """
        for child in self._children:
            if not child.running:
                raise child.ended_error()

    async def end(self, children: Sequence[Child] | None = None, *, hurried: bool = False) -> None:
        """End `children` (all by default) and wait until they are gone."""
        chosen = list(self._children if children is None else children)
        for child in reversed(chosen):
            child.let_go()
        patience = self._hurried_end_seconds if hurried else self._end_seconds
        await asyncio.gather(*(self._see_off(child, patience) for child in chosen))
        self._children = [child for child in self._children if child not in chosen]

    async def _see_off(self, child: Child, patience: float) -> None:
        if not await child.ended(patience):
            child.kill()
            await child.ended(_KILL_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.end(hurried=kind is not None and issubclass(kind, asyncio.CancelledError))


def _own_group() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NEW_PROCESS_GROUP
    return 0
