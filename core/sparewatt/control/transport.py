"""What the control channel needs of a system's local connections, whichever they are."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeAlias

Accept: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]
"""Takes over a connection of a client that may connect; returns at once."""

STREAM_BYTES: int = 1 << 16


class Listener(Protocol):
    """A place that was made for this user's clients alone, and is held until `close`."""

    async def serve(self, accept: Accept) -> None:
        """Hand every client of this user, or of the system itself, to `accept`; close all others. Called once."""
        ...

    def close(self) -> None:
        """Accept nobody any more and give the place up; connections stand. Harmless when done twice."""
        ...

    async def wait_closed(self) -> None:
        """Wait until nothing of `serve` is under way."""
        ...
