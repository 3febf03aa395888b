"""Answers of a session on their way to the one who asked."""

import asyncio
from collections import deque

from sparewatt.session import events as event


class Inbox:
    """A queue for one reader."""

    def __init__(self) -> None:
        self._told: deque[event.Event] = deque()
        self._here: asyncio.Future[None] | None = None

    def put(self, told: event.Event) -> None:
        self._told.append(told)
        if self._here is not None and not self._here.done():
            self._here.set_result(None)

    async def get(self) -> event.Event:
        """The next answer."""
        if not self._told:
            self._here = asyncio.get_running_loop().create_future()
            try:
                await self._here
            finally:
                self._here = None
        return self._told.popleft()
