"""Aggregator children: one merges, one scores, so that loading torch or measuring a loss never delays a version."""

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from sparewatt.errors import ProtocolError, SparewattError, UnavailableError, told_error
from sparewatt.process.child import Child, ChildCommand, environment_for, start
from sparewatt_coordinator.aggregate.messages import (
    Answer,
    Evaluate,
    Evaluated,
    Failed,
    Merge,
    Merged,
    Request,
    Sample,
    Sampled,
)

STOP_SECONDS: Final = 1.0
Wanted = TypeVar("Wanted", bound=msgspec.Struct)

log = logging.getLogger("sparewatt.coordinator.aggregator")


class Aggregator:
    """One child, started when it is first needed and again after it died; asked one thing at a time.

    Args:
        threads: for the math libraries of the child, which read it before anything else.
    """

    def __init__(self, blobs: Path, *, threads: int, background: bool) -> None:
        self._command = ChildCommand(
            arguments=(sys.executable, "-P", "-m", "sparewatt_coordinator.aggregate", str(blobs)),
            environment=environment_for(
                os.environ,
                {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""},
            ),
            background=background,
        )
        self.threads = threads
        self._child: Child | None = None
        self._last_id = 0
        self._asking = asyncio.Lock()

    async def merge(self, request: Merge) -> Merged:
        """Raises as `ask`."""
        return await self._ask(request, Merged)

    async def evaluate(self, request: Evaluate) -> Evaluated:
        """Raises as `ask`."""
        return await self._ask(request, Evaluated)

    async def sample(self, request: Sample) -> Sampled:
        """Raises as `ask`."""
        return await self._ask(request, Sampled)

    def next_id(self) -> int:
        """A fresh id for a request."""
        self._last_id += 1
        return self._last_id

    async def close(self) -> None:
        """End the child; what it was doing is not needed."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop(by_itself_seconds=STOP_SECONDS)

    async def _ask(self, request: Request, wanted: type[Wanted]) -> Wanted:
        """Ask and wait.

        Raises:
            SparewattError: what the aggregator answered, in its own class.
            UnavailableError: ``aggregator.died`` or ``child.start``.
        """
        async with self._asking:
            try:
                if self._child is None:
                    self._child = await start(self._command, log.info)
                await self._child.send(msgspec.json.encode(request))
                async for payload in self._child.frames():
                    answer: Answer = msgspec.json.decode(payload, type=Answer)
                    if answer.reply_to == request.id:
                        return _wanted(answer, wanted)
            except (ProtocolError, msgspec.MsgspecError) as error:
                await self.close()
                raise UnavailableError("aggregator.died") from error
            except asyncio.CancelledError:
                # Its answer would be taken for that of the next request.
                await self.close()
                raise
            await self.close()
            raise UnavailableError("aggregator.died")


def _wanted(answer: Answer, wanted: type[Wanted]) -> Wanted:
    if isinstance(answer, Failed):
        error: SparewattError = told_error(answer.kind, answer.error_id, answer.parameters)
        raise error
    if not isinstance(answer, wanted):
        raise ProtocolError("aggregator.answer")
    return answer
