"""What all sessions together may move now: the person's limits of speed, and the policy's word about transfers.

A chunk is the smallest thing that is held back: the next chunk of a download is asked for, and the next chunk of an
upload is handed over, only when the ones before it are made up for. So the connection itself never stands still, and
heartbeats, receipts and announcements, which are small, pass at any speed.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from sparewatt.clock import Clock
from sparewatt.session.bandwidth import Bucket, spent, wait_seconds

Transfers = Literal["allowed", "essential", "none"]
# A limit that the person changes counts within so long.
LOOK_SECONDS: Final = 1.0


class Limits(msgspec.Struct, frozen=True):
    """Bytes per second; 0 is no limit."""

    up_bytes_per_s: int = 0
    down_bytes_per_s: int = 0


class Traffic:
    """Shared by all runs of an engine.

    Args:
        limits: as they are now; asked again while something waits.
        transfers: what the policy says at first.
    """

    def __init__(self, clock: Clock, limits: Callable[[], Limits], transfers: Transfers = "essential") -> None:
        self._clock = clock
        self._limits = limits
        self._transfers: Transfers = transfers
        self._changed = asyncio.Event()
        self._up = Bucket()
        self._down = Bucket()

    @property
    def may_download(self) -> bool:
        """Whether data and weights may be fetched, so that it makes sense to ask for work."""
        return self._transfers == "allowed"

    @property
    def downloads_freely(self) -> bool:
        """Whether a download has nothing to wait for: it is allowed and has no limit, and what came needs no count."""
        return self._transfers == "allowed" and not self._limits().down_bytes_per_s

    def permit(self, transfers: Transfers) -> None:
        """The policy's newest word: ``essential`` lets finished results go and nothing come, ``none`` neither."""
        if transfers != self._transfers:
            self._transfers = transfers
            self._changed.set()
            self._changed = asyncio.Event()

    async def until_download(self) -> None:
        """Waits until a download may begin or go on."""
        while (wait := self._wait_down() if self._transfers == "allowed" else None) != 0:
            await self._pause(wait)

    async def downloaded(self, size_bytes: int) -> None:
        """Counts what came, and waits until more may come."""
        limit = self._limits().down_bytes_per_s
        self._down = spent(self._down, size_bytes, limit, self._clock.monotonic())
        await self.until_download()

    async def until_upload(self) -> None:
        """Waits until an upload may begin or go on."""
        while (wait := self._wait_up() if self._transfers != "none" else None) != 0:
            await self._pause(wait)

    async def upload(self, size_bytes: int) -> None:
        """Waits until these bytes may go, and counts them."""
        await self.until_upload()
        self._up = spent(self._up, size_bytes, self._limits().up_bytes_per_s, self._clock.monotonic())

    def _wait_down(self) -> float:
        return wait_seconds(self._down, self._limits().down_bytes_per_s, self._clock.monotonic())

    def _wait_up(self) -> float:
        return wait_seconds(self._up, self._limits().up_bytes_per_s, self._clock.monotonic())

    async def _pause(self, seconds: float | None) -> None:
        """Until the policy says something else, or a wait is over; None waits for the policy alone."""
        changed = self._changed
        try:
            async with asyncio.timeout(None if seconds is None else min(seconds, LOOK_SECONDS)):
                await changed.wait()
        except TimeoutError:
            pass
