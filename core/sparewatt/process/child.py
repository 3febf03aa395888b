"""The parent's side of a child process: started bare, spoken to in frames, ended within bounded time."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sparewatt.errors import ProtocolError, UnavailableError
from sparewatt.process.frames import FrameReader, frame

# What a child may know of its parent's environment; everything else (tokens, proxies, display) stays here.
_KEPT: Final = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "PYTHONPATH",
)
_READ_BYTES: Final = 1 << 16
_FRAMES_WAITING_MOST: Final = 64
_LOG_LINES_KEPT: Final = 50
_LOG_LINE_BYTES_MOST: Final = 2_000
_SEND_SECONDS_MOST: Final = 10.0
_LAST_WORDS_SECONDS_MOST: Final = 2.0


@dataclass(frozen=True)
class ChildCommand:
    """How a child is started.

    Attributes:
        arguments: the program and its arguments.
        environment: the whole environment of the child, see `environment_for`.
        descriptors: stay open in the child under the same numbers; not on Windows.
        background: run at the lowest priority of the system.
        with_group: what it has started itself ends with it; not on Windows.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()
    background: bool = False
    with_group: bool = False


@dataclass(frozen=True)
class ChildExit:
    """How a child ended.

    Attributes:
        code: exit code; negative for a signal, as `subprocess` has it.
        last_words: the last lines it wrote to standard error.
    """

    code: int
    last_words: tuple[str, ...]


def environment_for(inherited: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a child: what is kept of `inherited`, then `added`."""
    kept = {name: inherited[name] for name in _KEPT if name in inherited}
    # Text on pipes is UTF-8 whatever the person's locale says.
    return kept | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"} | dict(added)


def restart_delay_seconds(failures_in_a_row: int, longest_seconds: float = 300.0) -> float:
    """How long to wait before a child is started again: 1, 2, 4 … seconds after failures in a row, 0 after none."""
    if failures_in_a_row < 1:
        return 0.0
    return min(longest_seconds, 2.0 ** min(failures_in_a_row - 1, 16))


class Child:
    """A running child process; made by `start`.

    Frames are read in the background into a bounded queue; a child that is not listened to blocks in its next write.

    Args:
        with_group: as `ChildCommand.with_group`.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, log: Callable[[str], None], *, with_group: bool = False
    ) -> None:
        self._process = process
        self._with_group = with_group
        self._log = log
        self._last_words: deque[str] = deque(maxlen=_LOG_LINES_KEPT)
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(_FRAMES_WAITING_MOST)
        self._broken: ProtocolError | None = None
        self._reading = asyncio.create_task(self._read_frames())
        self._hearing = asyncio.create_task(self._read_last_words())

    @property
    def pid(self) -> int:
        return self._process.pid

    async def send(self, payload: bytes) -> None:
        """Send one frame.

        Raises:
            ProtocolError: ``pipe.closed`` when the child is gone, ``pipe.stuck`` when it reads nothing for 10 s.
        """
        writer = self._process.stdin
        if writer is None or writer.is_closing():
            raise ProtocolError("pipe.closed")
        try:
            writer.write(frame(payload))
            await asyncio.wait_for(writer.drain(), _SEND_SECONDS_MOST)
        except TimeoutError as error:
            raise ProtocolError("pipe.stuck") from error
        except OSError as error:
            raise ProtocolError("pipe.closed") from error

    def close_input(self) -> None:
        """Close the child's input, by which `process.channel` knows that its parent wants no more of it."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def frames(self) -> AsyncIterator[bytes]:
        """The child's frames until it closes its pipe; for one reader.

        Raises:
            ProtocolError: what the child did wrong.
        """
        while not (self._reading.done() and self._frames.empty()):
            next_frame = asyncio.ensure_future(self._frames.get())
            try:
                await asyncio.wait((next_frame, self._reading), return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not next_frame.done():
                    next_frame.cancel()
            if next_frame.done() and not next_frame.cancelled():
                yield next_frame.result()
        if self._broken is not None:
            raise self._broken

    async def wait(self) -> ChildExit:
        """Wait until the process has ended."""
        code = await self._process.wait()
        if self._with_group:
            # Once, for its number may soon be another's.
            self._with_group = False
            _end_group(self.pid)
        # A grandchild may hold the pipe open; what it would still say is not waited for.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._hearing), _LAST_WORDS_SECONDS_MOST)
        return ChildExit(code=code, last_words=tuple(self._last_words))

    async def stop(
        self, *, by_itself_seconds: float, terminate_seconds: float = 1.0, close_input: bool = True
    ) -> ChildExit:
        """End the process: close its input, then terminate it, then kill it, each after its time.

        With 0 for both times it is killed at once. `close_input` is False for a child that was told to end by a frame
        and takes the end of its input for the death of its parent.
        """
        if close_input:
            self.close_input()
        if not await self._ended_within(by_itself_seconds) and terminate_seconds > 0:
            self._signal(self._process.terminate)
            await self._ended_within(terminate_seconds)
        if self._process.returncode is None:
            self._signal(self._process.kill)
        self.close_input()
        ended = await self.wait()
        await self._close()
        return ended

    async def _ended_within(self, seconds: float) -> bool:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._process.wait()), seconds)
        return self._process.returncode is not None

    def _signal(self, send: Callable[[], None]) -> None:
        with contextlib.suppress(ProcessLookupError):
            send()

    async def _close(self) -> None:
        """End the readers; what the child wrote before it ended is read first, unless nobody takes it."""
        tasks = (self._reading, self._hearing)
        await asyncio.wait(tasks, timeout=_LAST_WORDS_SECONDS_MOST)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_frames(self) -> None:
        assert self._process.stdout is not None
        reader = FrameReader()
        while data := await self._process.stdout.read(_READ_BYTES):
            try:
                complete = reader.receive(data)
            except ProtocolError as error:
                self._broken = error
                return
            for payload in complete:
                await self._frames.put(payload)

    async def _read_last_words(self) -> None:
        assert self._process.stderr is not None
        rest = b""
        while data := await self._process.stderr.read(_READ_BYTES):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._hear(line)
            if len(rest) > _LOG_LINE_BYTES_MOST:
                self._hear(rest)
                rest = b""
        if rest:
            self._hear(rest)

    def _hear(self, line: bytes) -> None:
        words = line[:_LOG_LINE_BYTES_MOST].decode(errors="replace").rstrip()
        if words:
            self._last_words.append(words)
            self._log(words)


async def start(command: ChildCommand, log: Callable[[str], None]) -> Child:
    """Start a child with pipes for its standard streams and no other open files than the command names.

    Raises:
        UnavailableError: ``child.start`` when the system does not start it.
    """
    try:
        process = await _spawn(command)
    except OSError as error:
        raise UnavailableError("child.start", program=str(command.arguments[0]), number=error.errno or 0) from error
    return Child(process, log, with_group=command.with_group)


def _end_group(pid: int) -> None:
    """End what a child that is gone has left behind: each was started as the leader of a group of its own."""
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


async def _spawn(command: ChildCommand) -> asyncio.subprocess.Process:
    if sys.platform == "win32":
        priority = subprocess.IDLE_PRIORITY_CLASS if command.background else 0
        return await asyncio.create_subprocess_exec(
            *command.arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(command.environment),
            close_fds=True,
            creationflags=subprocess.CREATE_NO_WINDOW | priority,
        )
    process = await asyncio.create_subprocess_exec(
        *command.arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(command.environment),
        close_fds=True,
        pass_fds=command.descriptors,
        # A Ctrl-C in the terminal is for the parent, which stops its children in its own order.
        start_new_session=True,
    )
    if command.background:
        with contextlib.suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, process.pid, 19)
    return process
