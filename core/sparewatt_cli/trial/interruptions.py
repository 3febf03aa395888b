"""Ctrl-C in a trial: the first ends the training, the second stops at once, every further one changes nothing."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruptions:
    """Counts what was asked for, from whatever thread a signal arrives in.

    Attributes:
        once: set at the first Ctrl-C.
    """

    def __init__(self) -> None:
        self.once = asyncio.Event()
        self._count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[object] | None = None

    def attach(self) -> None:
        """Take the running task as the one to cancel; what was asked for before counts."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._apply()

    def ask(self, times: int = 1) -> None:
        """Ask `times` more times for the end."""
        before, self._count = self._count, self._count + times
        if self._loop is not None and before < 2:
            self._loop.call_soon_threadsafe(self._apply)

    def _apply(self) -> None:
        if self._count >= 1:
            self.once.set()
        if self._count >= 2 and self._task is not None:
            # Forgotten, so that the clean-up that follows the cancellation is not itself cancelled.
            task, self._task = self._task, None
            task.cancel()


@contextmanager
def listening(interruptions: Interruptions) -> Iterator[None]:
    """Pass Ctrl-C on to `interruptions`; a request to terminate, or a closed terminal, counts as two."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        interruptions.ask()

    def terminate(_number: int, _frame: FrameType | None) -> None:
        interruptions.ask(2)

    handlers = {signal.SIGINT: interrupt, signal.SIGTERM: terminate}
    if sys.platform != "win32":
        handlers[signal.SIGHUP] = terminate
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
