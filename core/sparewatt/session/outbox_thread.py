"""The outbox from an event loop: one thread owns it, calls queue up behind one another."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sparewatt.session.outbox import Outbox, Recovery, open_outbox

P = ParamSpec("P")
T = TypeVar("T")


class OutboxThread:
    """Made by `open_in_thread`. A call that was begun is finished even when its caller is cancelled."""

    def __init__(self, outbox: Outbox, executor: ThreadPoolExecutor) -> None:
        self._outbox = outbox
        self._executor = executor

    async def call(self, method: Callable[Concatenate[Outbox, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``await outbox.call(Outbox.pending, run)``; raises what the method raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: method(self._outbox, *args, **kwargs))

    async def close(self) -> None:
        """After every call that was begun."""
        await self.call(Outbox.close)
        self._executor.shutdown(wait=True)


async def open_in_thread(folder: Path) -> tuple[OutboxThread, Recovery]:
    """`outbox.open_outbox` in a thread of its own; raises like it."""
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox")
    try:
        outbox, recovery = await asyncio.get_running_loop().run_in_executor(executor, open_outbox, folder)
    except BaseException:
        executor.shutdown(wait=False)
        raise
    return OutboxThread(outbox, executor), recovery
