"""A joined run without a coordinator: real weights and versions, work for as long as it lasts."""

from pathlib import Path

import numpy as np

from sparewatt.engine.run_link import NothingToDo
from sparewatt.engine.version_chain import Step, VersionChain
from sparewatt.errors import SparewattError, StorageError
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.numeric.version_hash import version_sha256
from sparewatt.testing.run import FakeRun
from sparewatt.wire.messages import DeviceOffer
from sparewatt.work.assignment import Assignment, Range
from sparewatt.work.manifest import Manifest
from sparewatt.work.model import parameter_count
from sparewatt.work.version import BlobRef, VersionId
from sparewatt.worker.messages import FrozenFile, Trained


class FakeRunLink:
    """See `engine.run_link.RunLink`.

    Args:
        folder: for the blobs.
        work: how many assignments there are.

    Attributes:
        delivered, given_back: what came back, in order.
        refusal: raised by everything that needs the coordinator, when set.
        storage: raised instead of taking an update in, when set.
        left: assignments of an earlier engine, by their ids.
        lost: ids of assignments that others have.
        wrong_hash: publish versions under hashes that they do not have.
    """

    def __init__(self, run: FakeRun, folder: Path, work: int = 3) -> None:
        self.manifest: Manifest = run.manifest
        self.run = run.run
        self.connected = True
        self.frozen: FrozenFile | None = None
        self.delivered: list[tuple[Assignment, Trained]] = []
        self.given_back: list[Assignment] = []
        self.left: dict[str, Assignment] = {}
        self.lost: set[str] = set()
        self.mistrusted = 0
        self.refusal: SparewattError | None = None
        self.storage: StorageError | None = None
        self.work = work
        self._folder = folder
        self._handed_out = 0
        weights = np.full(parameter_count(run.manifest.model), 0.5, dtype="<f4")
        keyframe = folder / f"{0:064x}"
        with keyframe.open("wb") as sink:
            write_keyframe(run.manifest.model, weights, sink)
        blob = BlobRef(sha256=keyframe.name, size=keyframe.stat().st_size)
        self.start = VersionId(0, 0, version_sha256(run.manifest.model, weights.data))
        self.chain = VersionChain(steps=(Step(self.start, blob, keyframe=True),), fetched=1)

    def pretend_hash(self, sha256: str) -> None:
        """Say that the version has another hash than its blob leads to."""
        step = self.chain.steps[0]
        wrong = VersionId(0, 0, sha256)
        self.chain = VersionChain(steps=(Step(wrong, step.blob, keyframe=True),), fetched=1)

    def device_name(self, device: str) -> str:  # noqa: ARG002 - one name for every device
        return "cd" * 16

    @property
    def blob_folder(self) -> Path:
        return self._folder

    def blob_path(self, blob: BlobRef) -> Path:
        return self._folder / blob.sha256

    async def ask_for_work(self, offer: DeviceOffer) -> Assignment | NothingToDo:
        if self.refusal is not None:
            raise self.refusal
        if self._handed_out >= self.work:
            return NothingToDo("run.all_handed_out", 60.0)
        self._handed_out += 1
        inner = self.manifest.inner
        tokens = inner.inner_steps * inner.batch_sequences * self.manifest.data.sequence_length
        return Assignment(
            assignment_id=f"{self._handed_out:032x}",
            run=self.run,
            contributor="ee" * 32,
            device=offer.device,
            kind="train",
            base=self.start,
            ranges=(Range(0, 0, BlobRef("aa" * 32, tokens), 0, tokens),),
            token_budget=tokens,
            inner_steps=inner.inner_steps,
            seed=1,
            rate_first_nano=1,
            rate_last_nano=1,
            fence=1,
            ttl_s=600,
        )

    async def fetch_data(self, assignment: Assignment) -> None:  # noqa: ARG002 - its data are not read by fakes
        if self.refusal is not None:
            raise self.refusal

    async def deliver(self, assignment: Assignment, trained: Trained, payload: Path) -> None:
        assert _size(payload) == trained.payload.size
        if self.storage is not None:
            raise self.storage
        self.delivered.append((assignment, trained))

    async def give_back(self, assignment: Assignment) -> None:
        self.given_back.append(assignment)

    async def left_over(self, assignment_id: str) -> Assignment | None:
        return self.left.get(assignment_id)

    async def claim(self, assignment: Assignment) -> bool:
        if self.refusal is not None:
            raise self.refusal
        return assignment.assignment_id not in self.lost

    async def mistrust(self) -> None:
        self.mistrusted += 1


def _size(path: Path) -> int:
    return path.stat().st_size
