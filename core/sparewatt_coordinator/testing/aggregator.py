"""An aggregator that answers from numbers alone."""

from sparewatt.blobs.folder import BlobFolder
from sparewatt.errors import SparewattError, UnavailableError
from sparewatt.work.receipt import Evaluation
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.store.base import MergeTask, Publication
from sparewatt_coordinator.testing.runs import sha256


class FakeAggregator:
    """Results are real blobs with made-up bytes, the same for the same plan.

    Attributes:
        failures: errors that the next merges end with.
        merged, evaluated: what was asked for, in order.
    """

    def __init__(self, blobs: BlobFolder) -> None:
        self._blobs = blobs
        self.failures: list[SparewattError] = []
        self.merged: list[MergeTask] = []
        self.evaluated: list[tuple[VersionId, BlobRef | None, int]] = []

    @property
    def pid(self) -> int | None:
        return None

    async def merge(self, task: MergeTask) -> Publication:
        self.merged.append(task)
        if self.failures:
            raise self.failures.pop(0)
        for update in task.plan.updates:
            if not self._blobs.has(update.payload.sha256):
                raise UnavailableError("storage.blob_missing", blob=update.payload.sha256)
        number = task.plan.base.number + 1
        shares = task.plan.inner_state == "fresh-shared-v"
        return Publication(
            plan_digest=task.plan_digest,
            fence=task.fence,
            version=VersionId(branch=0, number=number, sha256=sha256(task.plan_digest)),
            patch=self._blobs.add_bytes(f"patch {task.plan_digest}".encode()),
            outer_state=self._blobs.add_bytes(f"state {task.plan_digest}".encode()),
            keyframe=self._blobs.add_bytes(f"keyframe {task.plan_digest}".encode()) if task.keyframe else None,
            moments=self._blobs.add_bytes(f"moments {task.plan_digest}".encode()) if shares else None,
        )

    async def evaluate(self, version: VersionId, outer_state: BlobRef | None, tokens: int) -> Evaluation:
        self.evaluated.append((version, outer_state, tokens))
        return Evaluation(version=version.number, loss_micro=5_000_000 - version.number, tokens=tokens)

    async def stop(self) -> None:
        """Nothing runs."""
