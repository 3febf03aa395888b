"""What the coordinator needs of whoever merges and measures."""

from typing import Protocol

from sparewatt.work.receipt import Evaluation
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.store.base import MergeTask, Publication


class Aggregator(Protocol):
    """Merges rounds and measures versions, outside the gateway's process."""

    @property
    def pid(self) -> int | None:
        """Of the process that does it; None while none runs."""
        ...

    async def merge(self, task: MergeTask) -> Publication:
        """Carry out the plan; every blob of the result is durable.

        Raises:
            SparewattError: why it cannot be done now.
        """
        ...

    async def evaluate(self, version: VersionId, outer_state: BlobRef | None, tokens: int) -> Evaluation:
        """Mean loss of `version` over the first `tokens` held-out tokens.

        Args:
            outer_state: after `version`; None for the version that the run starts from.

        Raises:
            SparewattError: why it cannot be done now.
        """
        ...

    async def stop(self) -> None: ...
