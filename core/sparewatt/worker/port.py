"""A worker as the engine sees it; `worker.supervisor` is the real one, `testing.worker` one without torch."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from sparewatt.worker.areas import WorkerAreas
from sparewatt.worker.messages import EngineFrame, WorkerFrame

ExitReason = Literal[
    "stopped", "crashed", "killed", "arguments", "unavailable", "protocol", "permit_expired", "parent_gone"
]


StopHow = Literal["relaxed", "resumable", "urgent"]


@dataclass(frozen=True)
class WorkerDevice:
    """What a worker computes with.

    Attributes:
        cuda_uuid: NVML's name of the card (``GPU-…``): CUDA's own numbering may differ and change.
        driver_version: of the card's driver; None where it could not be told.
        compile: its worker may start the system's compiler.
    """

    kind: Literal["cpu", "cuda", "xpu", "mps"]
    threads: int = 1
    cuda_uuid: str | None = None
    driver_version: str | None = None
    compile: bool = False


@dataclass(frozen=True)
class WorkerFolders:
    """The only files of the person that a worker can reach.

    Attributes:
        work: it may write here; must exist.
        read: it may read these.
    """

    work: Path
    read: tuple[Path, ...] = ()


@dataclass(frozen=True)
class WorkerExited:
    """The last event of a worker.

    Attributes:
        code: exit code; negative for a signal.
        last_words: the last lines it wrote to standard error.
    """

    reason: ExitReason
    code: int
    last_words: tuple[str, ...] = ()


WorkerEvent = WorkerFrame | WorkerExited


class Worker(Protocol):
    """One started worker process."""

    async def send(self, frame: EngineFrame) -> None:
        """Send `frame`. To a worker that has ended or does not read it is lost; `WorkerExited` tells."""
        ...

    def events(self) -> AsyncIterator[WorkerEvent]:
        """Everything the worker says, `WorkerExited` last; for one reader, who must keep reading."""
        ...

    async def stop(self, how: StopHow) -> None:
        """Return when the process is gone.

        `relaxed` leaves it time to write the update of the inner steps it has completed, `resumable` a checkpoint of
        them; at `urgent` it leaves at once and is killed after 0.5 s, so that its memory is free within a second; what
        it completed is then in the trainable area. Repeated and later calls are harmless.
        """
        ...


class WorkerStarter(Protocol):
    """Starts workers."""

    async def start(self, device: WorkerDevice, areas: WorkerAreas, folders: WorkerFolders) -> Worker:
        """Start a worker on `areas`, which stay the caller's and survive it.

        Raises:
            UnavailableError: ``child.start``.
        """
        ...

    async def start_encoder(self, areas: WorkerAreas, folders: WorkerFolders) -> Worker:
        """Start a worker that touches no device and answers `Encode` only.

        Raises:
            UnavailableError: ``child.start``.
        """
        ...
