"""Chunks are acknowledged together where they arrive, and wait for nobody but the disk and the person's limits."""

import asyncio
import hashlib
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from sparewatt.blobs.folder import BlobFolder
from sparewatt.blobs.partial import PartialBlob
from sparewatt.clock import SystemClock
from sparewatt.session import events as event
from sparewatt.session.chunk_writer import UNWRITTEN_CHUNKS_MOST, ChunkWriter
from sparewatt.session.intake import CHUNKS_TOGETHER, Intake
from sparewatt.session.traffic import Limits, Traffic
from sparewatt.wire.messages import CHUNK_BYTES
from sparewatt.work.version import BlobRef

CHUNKS = 21
DATA = b"".join(bytes([each]) * CHUNK_BYTES for each in range(CHUNKS))
BLOB = BlobRef(sha256=hashlib.sha256(DATA).hexdigest(), size=len(DATA))


def chunk(index: int) -> event.ChunkReceived:
    data = memoryview(DATA)[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]
    return event.ChunkReceived(transfer=1, blob=BLOB, index=index, data=data, new=True)


class SlowDisk(PartialBlob):
    """A blob whose chunks are written when `go_on` is set."""

    def __init__(self, folder: Path) -> None:
        blobs = BlobFolder(folder)
        super().__init__(BLOB, folder / "incoming", blobs.path(BLOB.sha256))
        self.go_on = threading.Event()

    def write(self, index: int, data: bytes | memoryview, *, sync: bool = True) -> None:
        assert self.go_on.wait(20)
        super().write(index, data, sync=sync)


class Acknowledged:
    """What a session would say to the other side."""

    def __init__(self) -> None:
        self.told: list[list[int]] = []

    def acknowledge(self, transfer: int, indices: Sequence[int]) -> None:
        assert transfer == 1
        self.told.append(list(indices))


def with_intake(
    folder: Path, test: Callable[[Intake, Acknowledged, SlowDisk, Traffic], Awaitable[None]], slow: bool = False
) -> None:
    async def run() -> None:
        disk, said = SlowDisk(folder), Acknowledged()
        if not slow:
            disk.go_on.set()
        writer, traffic = ChunkWriter(disk), Traffic(SystemClock(), Limits, "allowed")
        async with asyncio.timeout(20):
            try:
                await test(Intake(said, writer, traffic, CHUNKS), said, disk, traffic)
            finally:
                disk.go_on.set()
                await writer.end()
        disk.close()

    asyncio.run(run())


def test_chunks_that_come_together_share_an_acknowledgement(tmp_path: Path) -> None:
    async def test(intake: Intake, said: Acknowledged, disk: SlowDisk, traffic: Traffic) -> None:
        del disk, traffic
        assert intake.take(chunk(0))
        assert said.told == []
        assert intake.take(chunk(1))
        assert said.told == [[0, 1]]

    with_intake(tmp_path, test)


def test_a_chunk_that_stays_alone_is_acknowledged_alone(tmp_path: Path) -> None:
    async def test(intake: Intake, said: Acknowledged, disk: SlowDisk, traffic: Traffic) -> None:
        del disk, traffic
        assert intake.take(chunk(5))
        while not said.told:
            await asyncio.sleep(0)
        assert said.told == [[5]]

    with_intake(tmp_path, test)


def test_the_last_chunk_waits_for_no_other(tmp_path: Path) -> None:
    async def test(intake: Intake, said: Acknowledged, disk: SlowDisk, traffic: Traffic) -> None:
        del disk, traffic
        for index in range(CHUNKS):
            if not intake.take(chunk(index)):
                await intake.wait_and_take(chunk(index))
        assert CHUNKS % CHUNKS_TOGETHER == 1
        assert sorted(index for told in said.told for index in told) == list(range(CHUNKS))

    with_intake(tmp_path, test)


def test_what_the_disk_has_no_room_for_is_left_and_acknowledged_later(tmp_path: Path) -> None:
    async def test(intake: Intake, said: Acknowledged, disk: SlowDisk, traffic: Traffic) -> None:
        del traffic
        assert all(intake.take(chunk(index)) for index in range(UNWRITTEN_CHUNKS_MOST))
        assert not intake.take(chunk(UNWRITTEN_CHUNKS_MOST))
        taking = asyncio.ensure_future(intake.wait_and_take(chunk(UNWRITTEN_CHUNKS_MOST)))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not taking.done()
        assert said.told == [[0, 1], [2, 3]]
        disk.go_on.set()
        await taking
        assert said.told == [[0, 1], [2, 3], [4]]

    with_intake(tmp_path, test, slow=True)


def test_what_the_policy_holds_back_is_left_but_not_what_was_taken_before(tmp_path: Path) -> None:
    async def test(intake: Intake, said: Acknowledged, disk: SlowDisk, traffic: Traffic) -> None:
        del disk
        assert intake.take(chunk(0))
        traffic.permit("essential")
        assert not intake.take(chunk(1))
        assert said.told == [[0]]
        taking = asyncio.ensure_future(intake.wait_and_take(chunk(1)))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not taking.done()
        traffic.permit("allowed")
        await taking
        assert said.told == [[0], [1]]

    with_intake(tmp_path, test)
