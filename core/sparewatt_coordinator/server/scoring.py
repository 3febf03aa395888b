"""Measures held-out loss, little and rarely, and samples text; never before the run has earned its first update."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from sparewatt.errors import SparewattError
from sparewatt.work.receipt import Evaluation
from sparewatt.work.version import VersionId
from sparewatt_coordinator.aggregate import messages as aggregator
from sparewatt_coordinator.gateway.admin_messages import Sample
from sparewatt_coordinator.store.base import RunRecord

if TYPE_CHECKING:
    from sparewatt_coordinator.server.coordinator import CoordinatorParts

FIRST_AND_LAST_TOKENS: Final = 128 * 1024
BETWEEN_TOKENS: Final = 16 * 1024
APART_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 30.0

log = logging.getLogger("sparewatt.coordinator.scoring")


class Scoring:
    """Evaluations of a run's versions.

    Attributes:
        record: the run as it stands; whoever refreshes it says so here.
    """

    def __init__(
        self,
        parts: "CoordinatorParts",
        record: RunRecord,
        publish: Callable[[Evaluation], Awaitable[None]],
    ) -> None:
        self.record = record
        self._parts = parts
        self._publish = publish
        self._wanted = asyncio.Event()

    def wanted(self) -> None:
        """An update was accepted: from now on versions are worth measuring."""
        self._wanted.set()

    async def run(self) -> None:
        """Measure version 0, then the newest version every ten seconds, until cancelled."""
        await self._wanted.wait()
        manifest = self.record.manifest
        measured: VersionId | None = None
        if (await self._parts.store.call(lambda store: store.status())).evaluations == ():
            start = aggregator.Weights(manifest.start, outer_state=None, keyframe=manifest.start_keyframe)
            await self._try(start, FIRST_AND_LAST_TOKENS)
            measured = manifest.start
        while True:
            await asyncio.sleep(APART_SECONDS)
            if self.record.version != measured and self.record.state == "open":
                measured = self.record.version
                await self._try(await self._newest(), BETWEEN_TOKENS)

    async def measure_last(self, record: RunRecord) -> None:
        """Measure the newest version over the whole 128 KiB.

        Raises:
            SparewattError: as the aggregator.
        """
        self.record = record
        await self._measure(await self._newest(), FIRST_AND_LAST_TOKENS)

    async def sample(self, request: Sample) -> str:
        """Text from the newest version; raises SparewattError as the aggregator."""
        answer = await self._parts.scorer.sample(
            aggregator.Sample(
                id=self._parts.scorer.next_id(),
                model=self.record.manifest.model,
                weights=await self._newest(),
                prompt=request.prompt,
                tokens=request.tokens,
                temperature_milli=request.temperature_milli,
                seed=request.seed,
                threads=self._parts.scorer.threads,
            )
        )
        return answer.text

    async def _newest(self) -> aggregator.Weights:
        status = await self._parts.store.call(lambda store: store.status())
        return aggregator.Weights(
            status.version, outer_state=status.outer_state, keyframe=self.record.manifest.start_keyframe
        )

    async def _try(self, weights: aggregator.Weights, tokens: int) -> None:
        try:
            await self._measure(weights, tokens)
        except SparewattError as error:
            log.warning("version %d could not be measured: %s", weights.version.number, error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _measure(self, weights: aggregator.Weights, tokens: int) -> None:
        manifest = self.record.manifest
        answer = await self._parts.scorer.evaluate(
            aggregator.Evaluate(
                id=self._parts.scorer.next_id(),
                model=manifest.model,
                data=manifest.data,
                weights=weights,
                tokens=min(tokens, manifest.data.held_out_tokens),
                threads=self._parts.scorer.threads,
            )
        )
        await self._publish(Evaluation(answer.version.number, answer.loss_micro, answer.tokens))
