"""Aggregators as child processes: one merges, one measures, each started when it is first needed."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from sparewatt.errors import ProtocolError, UnavailableError, told_error
from sparewatt.plain_json import Unreadable, decoded_by
from sparewatt.process.child import Child, ChildCommand, environment_for, start
from sparewatt.work.manifest import Manifest
from sparewatt.work.receipt import Evaluation
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.aggregate import messages
from sparewatt_coordinator.rounds import MERGE_LEASE_MILLISECONDS
from sparewatt_coordinator.store.base import MergeTask, Publication

MERGE_SECONDS_MOST: Final = MERGE_LEASE_MILLISECONDS / 1000
EVALUATE_SECONDS_MOST: Final = 600.0
QUIT_SECONDS: Final = 2.0

A = TypeVar("A", messages.Merged, messages.Evaluated)
_ANSWERS: Final[msgspec.json.Decoder[messages.Answer]] = msgspec.json.Decoder(messages.Answer)


class AggregatorChild:
    """One child, one request at a time; a child that ended or was in the way is replaced by the next request.

    Args:
        log: told every line that the child says.
    """

    def __init__(self, command: ChildCommand, log: Callable[[str], None]) -> None:
        self._command = command
        self._log = log
        self._child: Child | None = None
        self._frames: AsyncIterator[bytes] | None = None
        self._turn = asyncio.Lock()
        self._number = 0

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    async def ask(self, make: Callable[[int], messages.Request], answer: type[A], seconds_most: float) -> A:
        """The answer of type `answer`.

        Args:
            make: the request with the number that it is given.

        Raises:
            SparewattError: what the aggregator failed with, of its own class.
            UnavailableError: ``aggregate.ended`` when it died over it, ``aggregate.slow``, ``child.start``.
            ProtocolError: when it answered something else.
        """
        async with self._turn:
            self._number += 1
            try:
                async with asyncio.timeout(seconds_most):
                    found = await self._exchange(make(self._number))
            except TimeoutError as error:
                await self._end()
                raise UnavailableError("aggregate.slow", seconds=int(seconds_most)) from error
            except (asyncio.CancelledError, ProtocolError, UnavailableError):
                # The next answer would be to this request: only a new child is known to be in step.
                await self._end()
                raise
        if isinstance(found, messages.Failed):
            raise told_error(found.kind, found.error_id, found.parameters)
        if not isinstance(found, answer) or found.reply_to != self._number:
            raise ProtocolError("aggregate.answer", type=type(found).__name__)
        return found

    async def stop(self) -> None:
        """Whatever it does is lost; the plan of a merge is not."""
        if self._child is not None:
            with contextlib.suppress(ProtocolError):
                await self._child.send(msgspec.json.encode(messages.Quit(id=self._number + 1)))
            self._child.close_input()
            await self._child.stop(by_itself_seconds=QUIT_SECONDS)
            self._child = None

    async def _exchange(self, request: messages.Request) -> messages.Answer:
        if self._child is None:
            self._child = await start(self._command, self._log)
            self._frames = self._child.frames()
        assert self._frames is not None
        await self._child.send(msgspec.json.encode(request))
        try:
            payload = await anext(self._frames)
        except StopAsyncIteration as error:
            raise UnavailableError("aggregate.ended") from error
        try:
            return decoded_by(_ANSWERS, payload)
        except Unreadable as error:
            raise ProtocolError("aggregate.answer", type="malformed") from error

    async def _end(self) -> None:
        child, self._child, self._frames = self._child, None, None
        if child is not None:
            await child.stop(by_itself_seconds=0, terminate_seconds=0)


class ChildAggregators:
    """`server.ports.Aggregator` over two children, so that no merge waits for a measurement.

    Args:
        environment: of this process; the children get the little that they need of it.
        threads: that a measurement may compute with.
    """

    def __init__(
        self,
        manifest: Manifest,
        blobs_folder: Path,
        environment: dict[str, str],
        threads: int,
        log: Callable[[str], None],
    ) -> None:
        self._manifest = manifest
        self._threads = threads
        arguments = (sys.executable, "-P", "-m", "sparewatt_coordinator.aggregate", str(blobs_folder))
        bare = environment_for(environment, {})
        self._merger = AggregatorChild(ChildCommand(arguments, bare), log)
        # Measuring is of use to people only; training on the same computer goes first.
        self._measurer = AggregatorChild(ChildCommand(arguments, bare, background=True), log)

    @property
    def pid(self) -> int | None:
        return self._merger.pid

    async def merge(self, task: MergeTask) -> Publication:
        def make(number: int) -> messages.Request:
            return messages.Merge(
                id=number,
                model=self._manifest.model,
                plan=task.plan,
                start_keyframe=self._manifest.start_keyframe,
                keyframe=task.keyframe,
            )

        merged = await self._merger.ask(make, messages.Merged, MERGE_SECONDS_MOST)
        return Publication(
            plan_digest=merged.plan_digest,
            fence=task.fence,
            version=merged.version,
            patch=merged.patch,
            outer_state=merged.outer_state,
            keyframe=merged.keyframe,
            moments=merged.moments,
        )

    async def evaluate(self, version: VersionId, outer_state: BlobRef | None, tokens: int) -> Evaluation:
        def make(number: int) -> messages.Request:
            return messages.Evaluate(
                id=number,
                model=self._manifest.model,
                data=self._manifest.data,
                weights=messages.Weights(
                    version=version,
                    outer_state=outer_state,
                    keyframe=self._manifest.start_keyframe,
                    frozen=self._manifest.frozen,
                ),
                tokens=tokens,
                threads=self._threads,
            )

        found = await self._measurer.ask(make, messages.Evaluated, EVALUATE_SECONDS_MOST)
        return Evaluation(version=found.version.number, loss_micro=found.loss_micro, tokens=found.tokens)

    async def stop(self) -> None:
        await self._merger.stop()
        await self._measurer.stop()


def half_of_the_processors() -> int:
    """Threads for measuring."""
    return max(1, (os.cpu_count() or 1) // 2)
