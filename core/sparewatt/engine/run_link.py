"""What a device needs of the run that it works for; `run_driver` is the real one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sparewatt.engine.version_chain import VersionChain
from sparewatt.wire.messages import DeviceOffer
from sparewatt.work.assignment import Assignment
from sparewatt.work.manifest import Manifest
from sparewatt.work.version import BlobRef
from sparewatt.worker.messages import FrozenFile, Trained


@dataclass(frozen=True)
class NothingToDo:
    """No assignment now; `reason` is an id with words."""

    reason: str
    retry_after_s: float


class RunLink(Protocol):
    """One joined run, as its devices see it. Every coroutine may raise `SparewattError`."""

    @property
    def run(self) -> str: ...

    @property
    def manifest(self) -> Manifest: ...

    @property
    def connected(self) -> bool:
        """Whether work can be asked for now."""
        ...

    @property
    def chain(self) -> VersionChain:
        """Versions that can be reached; `chain.ready` is the newest that can be built."""
        ...

    @property
    def frozen(self) -> FrozenFile | None:
        """The weights that the run's adapter stands on; None where it has none, or they are not here yet."""
        ...

    def device_name(self, device: str) -> str:
        """The device's name on this run's wire."""
        ...

    @property
    def blob_folder(self) -> Path:
        """Holds every blob of the run; all that its workers may read."""
        ...

    def blob_path(self, blob: BlobRef) -> Path: ...

    async def ask_for_work(self, offer: DeviceOffer) -> Assignment | NothingToDo: ...

    async def fetch_data(self, assignment: Assignment) -> None:
        """Return when every shard of the assignment is on this computer and was checked."""
        ...

    async def deliver(self, assignment: Assignment, trained: Trained, payload: Path) -> None:
        """Return when the update is durable in the outbox; it is sent in the background."""
        ...

    async def give_back(self, assignment: Assignment) -> None: ...

    async def left_over(self, assignment_id: str) -> Assignment | None:
        """An assignment that an earlier engine was given and that is still open; None when there is no such."""
        ...

    async def claim(self, assignment: Assignment) -> bool:
        """Renew the lease of an assignment now; False when others have it or it is over."""
        ...

    async def mistrust(self) -> None:
        """A version did not have the hash it should have: find the way to it anew, from a keyframe."""
        ...
