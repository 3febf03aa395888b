"""A store that answers from a thread of its own, so that the event loop never waits for a disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sparewatt.signing import Signed
from sparewatt_coordinator.store.base import Sign, Store

T = TypeVar("T")


class Books:
    """All calls run one after the other, in the order in which they were made.

    Args:
        sign: with the run's online key.
    """

    def __init__(self, store: Store, sign: Sign) -> None:
        self._store = store
        self._sign = sign
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def call(self, transaction: Callable[[Store], T]) -> T:
        """The outcome of one transaction."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, transaction, self._store)

    def sign(self, kind: str, value: object) -> Signed:
        """Handed to transactions that sign what they decide."""
        return self._sign(kind, value)

    def close(self) -> None:
        """Finish what is under way and close the store; blocks."""
        self._thread.submit(self._store.close).result()
        self._thread.shutdown()
