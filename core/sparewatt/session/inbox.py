"""Answers of a session on their way to the one who asked."""

import asyncio
from collections import deque

from sparewatt.session import events as event


class Inbox:
    """A queue for one reader, who may say that he would rather have several at once."""

    def __init__(self) -> None:
        self._told: deque[event.Event] = deque()
        self._wanted = 0
        self._enough: asyncio.Future[None] | None = None

    def put(self, told: event.Event) -> None:
        self._told.append(told)
        if len(self._told) >= self._wanted:
            self._wake()

    async def get(self) -> event.Event:
        """The next answer."""
        await self._until(1, None)
        return self._told.popleft()

    async def take(self, wanted: int, patience_seconds: float) -> list[event.Event]:
        """The next answers: all that are here, at least one; waits so long for as many as are `wanted`."""
        await self._until(1, None)
        if len(self._told) < wanted:
            await self._until(wanted, patience_seconds)
        told = list(self._told)
        self._told.clear()
        return told

    async def _until(self, wanted: int, seconds: float | None) -> None:
        if len(self._told) >= wanted:
            return
        loop = asyncio.get_running_loop()
        self._wanted, self._enough = wanted, loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self._wake)
        try:
            await self._enough
        finally:
            self._enough = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._enough is not None and not self._enough.done():
            self._enough.set_result(None)
