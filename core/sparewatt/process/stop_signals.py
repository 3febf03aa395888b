"""How a program of ours is asked to end from outside."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call `stop` in the running loop when the system or a person asks this process to end; from the main thread.

    SIGINT and SIGTERM. On Windows SIGINT and SIGBREAK, which also comes as the console closes, at log-off and at
    shutdown; nothing else can be heard there before a process is ended.
    """
    loop = asyncio.get_running_loop()
    if sys.platform == "win32":
        hear_in_loop(loop, (signal.SIGINT, signal.SIGBREAK), stop)
    else:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)


def hear_in_loop(loop: asyncio.AbstractEventLoop, numbers: Sequence[signal.Signals], stop: Callable[[], None]) -> None:
    """The same where a loop has no `add_signal_handler`: Python's handler runs between two bytecodes of the main
    thread, and the loop's wake-up descriptor sees to it that the loop gets there."""

    def heard(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        with contextlib.suppress(RuntimeError):  # the loop was closed: the process is ending already
            loop.call_soon_threadsafe(stop)

    for number in numbers:
        signal.signal(number, heard)
