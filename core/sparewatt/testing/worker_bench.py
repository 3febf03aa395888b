"""What an engine has around one worker, small: a run on disk, areas, and a permit that a thread keeps fresh."""

import asyncio
import hashlib
import threading
from pathlib import Path
from typing import TypeVar

import numpy as np

from sparewatt.numeric.initial import initial_weights
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.numeric.moment_layout import moment_numbers
from sparewatt.numeric.version_hash import version_sha256
from sparewatt.numeric.weights import as_bytes
from sparewatt.permit import HOLD, Grant, PermitKind, PermitWriter
from sparewatt.work.manifest import CodecSpec, DataSpec, InnerSpec, OptimiserSpec, OuterSpec
from sparewatt.work.model import ModelSpec, base_of
from sparewatt.work.version import BlobRef, VersionId
from sparewatt.worker.areas import WorkerAreas, create_areas
from sparewatt.worker.messages import (
    Applied,
    ApplyVersion,
    CheckpointPlace,
    Configure,
    Encode,
    FrozenFile,
    Ready,
    TokenRange,
    Train,
)
from sparewatt.worker.port import Worker, WorkerDevice, WorkerEvent, WorkerFolders, WorkerStarter

SPEC = ModelSpec("llama", 256, 64, 128, 2, 4, 4, 64)
LENGTH, BATCH = 32, 4
NOBODY = BlobRef("0" * 64, 0)
Event = TypeVar("Event")

EVENT_SECONDS_MOST = 60.0


class Pump:
    """Advances a permit five times a second with the grant that a test sets."""

    def __init__(self, memory: memoryview) -> None:
        self.grant: Grant = HOLD
        self._writer = PermitWriter(memory)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            self._writer.advance(self.grant)

    def compute(self, duty: float = 1.0) -> None:
        self.grant = Grant(PermitKind.COMPUTE, duty)

    def encode_only(self) -> None:
        self.grant = Grant(PermitKind.ENCODE)

    def hold(self) -> None:
        self.grant = HOLD

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


DENSE = CodecSpec("int8", "none")
PLAIN = OuterSpec("sgd", 1_000_000, 0, staleness_most=1, keyframe_every=10)
FRESH = InnerSpec(4, BATCH, "fresh")
SHARED = InnerSpec(4, BATCH, "fresh-shared-v")
KEPT = InnerSpec(4, BATCH, "kept")


class Bench:
    """Everything an engine would have around one worker.

    Args:
        folder: blobs lie in it, and workers may write to it.
        inner: what an assignment is.
        spec: with an adapter the bench also has what it stands on.
    """

    def __init__(
        self, folder: Path, spec: ModelSpec = SPEC, codec: CodecSpec = DENSE, inner: InnerSpec = FRESH
    ) -> None:
        self.folder = folder
        self.spec = spec
        self.codec = codec
        self.inner = inner
        self.folders = WorkerFolders(folder)
        self.areas: WorkerAreas = create_areas(spec, codec)
        self.permit = Pump(self.areas.permit.view)
        weights = initial_weights(spec, seed=3)
        self.keyframe = folder / "keyframe"
        with self.keyframe.open("wb") as sink:
            write_keyframe(spec, weights, sink)
        self.version = VersionId(branch=0, number=0, sha256=version_sha256(spec, as_bytes(weights)))
        self.frozen = None if spec.adapter is None else self._frozen(base_of(spec))
        self.shard = folder / "shard"
        np.tile(np.arange(LENGTH, dtype=np.uint8), 4096).tofile(self.shard)

    def configure(self) -> Configure:
        return Configure(
            model=self.spec,
            data=DataSpec("bytes", "u8", 256, "nats_per_byte", LENGTH, 1, 4096 * LENGTH, NOBODY, NOBODY, 1, ""),
            optimiser=OptimiserSpec("adamw", 900_000, 950_000, 10_000, 100_000, 1_000, 3_000_000, 100_000, 0, 200_000),
            inner=self.inner,
            codec=self.codec,
            outer=PLAIN,
            device="cpu",
            threads=1,
            work_folder=str(self.folder),
            frozen=self.frozen,
        )

    def _frozen(self, base: ModelSpec) -> FrozenFile:
        weights = initial_weights(base, seed=5)
        path = self.folder / "frozen"
        with path.open("wb") as sink:
            write_keyframe(base, weights, sink)
        return FrozenFile(path=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())

    def apply(self, *, from_keyframe: bool = True) -> ApplyVersion:
        return ApplyVersion(self.version, str(self.keyframe) if from_keyframe else None, ())

    def train(
        self,
        inner_steps: int = 4,
        name: str = "update",
        assignment: str = "ab" * 16,
        *,
        moments: Path | None = None,
        resume: bool = False,
    ) -> Train:
        return Train(
            assignment_id=assignment,
            base=self.version,
            ranges=(TokenRange(str(self.shard), 0, inner_steps * BATCH * LENGTH),),
            inner_steps=inner_steps,
            seed=1,
            rate_first_nano=3_000_000,
            rate_last_nano=3_000_000,
            payload_path=str(self.folder / name),
            checkpoint=CheckpointPlace(str(self.checkpoint), "cc" * 32, "cpu", (BlobRef("dd" * 32, 10),)),
            resume=resume,
            moments=None if moments is None else str(moments),
        )

    def encode(self, inner_steps: int = 1000, name: str = "update", assignment: str = "ab" * 16) -> Encode:
        return Encode(
            assignment_id=assignment,
            base=self.version,
            inner_steps=inner_steps,
            codec=self.codec,
            work_folder=str(self.folder),
            payload_path=str(self.folder / name),
            moment_numbers=moment_numbers(self.spec) if self.inner.shares_moments else 0,
        )

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint"

    @property
    def payload(self) -> Path:
        return self.folder / "update"

    def payload_sha256(self) -> str:
        return hashlib.sha256(self.payload.read_bytes()).hexdigest()

    def close(self) -> None:
        self.permit.end()
        self.areas.close()


class Hearing:
    """Hears all of a worker's events; none is waited for longer than a minute."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._heard: asyncio.Queue[WorkerEvent] = asyncio.Queue()
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self.worker.events():
            self._heard.put_nowait(event)

    async def next(self, seconds: float = EVENT_SECONDS_MOST) -> WorkerEvent:
        """The next event.

        Raises:
            TimeoutError: none came in `seconds`.
        """
        return await asyncio.wait_for(self._heard.get(), seconds)

    async def until(self, kind: type[Event]) -> Event:
        """The next event of `kind`; those before it are dropped."""
        while not isinstance(event := await self.next(), kind):
            pass
        return event

    async def rest(self) -> list[WorkerEvent]:
        """All events that are still to come, when the worker has ended."""
        await asyncio.wait_for(self._listening, EVENT_SECONDS_MOST)
        return [self._heard.get_nowait() for _ in range(self._heard.qsize())]


async def begin(starter: WorkerStarter, bench: Bench, *, from_keyframe: bool = True) -> Hearing:
    """A worker that has the bench's version."""
    hearing = Hearing(await starter.start(WorkerDevice("cpu"), bench.areas, bench.folders))
    await hearing.worker.send(bench.configure())
    await hearing.worker.send(bench.apply(from_keyframe=from_keyframe))
    assert isinstance(await hearing.next(), Ready)
    assert await hearing.next() == Applied(bench.version)
    return hearing
