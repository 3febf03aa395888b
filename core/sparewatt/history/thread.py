"""The account from an event loop: one thread owns it, calls queue up behind one another."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sparewatt.history.store import HistoryStore, open_history

P = ParamSpec("P")
T = TypeVar("T")


class HistoryThread:
    """Made by `open_in_thread`. A call that was begun is finished even when its caller is cancelled."""

    def __init__(self, store: HistoryStore, executor: ThreadPoolExecutor) -> None:
        self._store = store
        self._executor = executor

    async def call(self, method: Callable[Concatenate[HistoryStore, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``await history.call(HistoryStore.energy, day, "month")``; raises what the method raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: method(self._store, *args, **kwargs))

    async def close(self) -> None:
        """After every call that was begun."""
        await self.call(HistoryStore.close)
        self._executor.shutdown(wait=True)


async def open_in_thread(folder: Path) -> HistoryThread:
    """`store.open_history` in a thread of its own; raises like it."""
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")
    try:
        store = await asyncio.get_running_loop().run_in_executor(executor, open_history, folder)
    except BaseException:
        executor.shutdown(wait=False)
        raise
    return HistoryThread(store, executor)
