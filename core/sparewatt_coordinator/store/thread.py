"""A store from an event loop: one thread owns it, calls queue up behind one another."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sparewatt_coordinator.store.base import Store

T = TypeVar("T")


class StoreThread:
    """Made by `open_in_thread`. A call that was begun is finished even when its caller is cancelled."""

    def __init__(self, store: Store, executor: ThreadPoolExecutor) -> None:
        self._store = store
        self._executor = executor

    async def call(self, function: Callable[[Store], T]) -> T:
        """``await store.call(lambda store: store.status())``; raises what the method raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, self._store)

    async def close(self) -> None:
        """After every call that was begun."""
        await self.call(lambda store: store.close())
        self._executor.shutdown(wait=True)


async def open_in_thread(open_store: Callable[[], Store]) -> StoreThread:
    """The store that `open_store` opens, in a thread of its own; raises like it."""
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
    try:
        store = await asyncio.get_running_loop().run_in_executor(executor, open_store)
    except BaseException:
        executor.shutdown(wait=False)
        raise
    return StoreThread(store, executor)
