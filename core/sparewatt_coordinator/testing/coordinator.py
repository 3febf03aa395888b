"""A whole coordinator in this process: real sockets, store and files; merges and measurements are made up."""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import Clock
from sparewatt.signing import Signed, digest, sign, verify
from sparewatt.wire import messages as wire
from sparewatt.wire.codec import decode_coordinator, encode, encode_chunk
from sparewatt.wire.messages import FRAME_BYTES_MOST, SUBPROTOCOL
from sparewatt.work.manifest import MANIFEST_KIND, Manifest
from sparewatt.work.receipt import ANNOUNCEMENT_KIND, Announcement
from sparewatt.work.version import BlobRef
from sparewatt_coordinator.server.coordinator import Settings, run_coordinator
from sparewatt_coordinator.server.establish import establish_run
from sparewatt_coordinator.server.folder import DataFolder, Running
from sparewatt_coordinator.server.ports import Aggregator
from sparewatt_coordinator.store.base import RunRecord
from sparewatt_coordinator.testing.aggregator import FakeAggregator
from sparewatt_coordinator.testing.engine import hello, prove
from sparewatt_coordinator.testing.runs import RUN_KEY, manifest

SHARD_BYTES = (1024, 512, 520)


@dataclass(frozen=True)
class RunningCoordinator:
    """Attributes:
    online_public: the key that signs what it says.
    task: ends with the coordinator.
    """

    folder: DataFolder
    manifest: Manifest
    running: Running
    aggregator: FakeAggregator
    online_public: str
    task: asyncio.Task[None]


def establish(root: Path, **changes: int) -> tuple[DataFolder, Manifest]:
    """A data folder with a small run whose blobs are really there."""
    folder = DataFolder(root)
    folder.make()
    blobs = BlobFolder(folder.blobs)
    shards = tuple(blobs.add_bytes(bytes([number]) * size) for number, size in enumerate(SHARD_BYTES))
    of = with_blobs(manifest(SHARD_BYTES), blobs, **changes)
    establish_run(folder, of, sign(MANIFEST_KIND, of, RUN_KEY), shards, RUN_KEY, 1_000_000)
    return folder, of


def with_blobs(of: Manifest, blobs: BlobFolder, **changes: int) -> Manifest:
    """`of` with a keyframe and held-out data that exist, and other numbers in its rounds."""
    return msgspec.structs.replace(
        of,
        start_keyframe=blobs.add_bytes(b"keyframe 0"),
        data=msgspec.structs.replace(of.data, held_out=blobs.add_bytes(b"held out")),
        rounds=msgspec.structs.replace(of.rounds, **changes),
    )


def accept_everything(path: Path, of: Manifest) -> None:
    """A validation that only looks whether the payload is there."""
    assert path.stat().st_size <= of.costs.upload_bytes_per_update


@contextlib.asynccontextmanager
async def coordinator(
    folder: DataFolder,
    of: Manifest,
    clock: Clock,
    settings: Settings | None = None,
    validate: Callable[[Path, Manifest], None] = accept_everything,
) -> AsyncIterator[RunningCoordinator]:
    """Runs until the block ends; on a free port of the loopback where `settings` say nothing else."""
    used = settings or Settings(folder.root, (("127.0.0.1", 0),))
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    made: list[FakeAggregator] = []

    def make_aggregator(_: RunRecord, place: DataFolder) -> Aggregator:
        made.append(FakeAggregator(BlobFolder(place.blobs)))
        return made[0]

    task = asyncio.create_task(
        run_coordinator(
            used,
            clock,
            make_aggregator,
            validate,
            ready.set_result,
            logging.getLogger("test"),
        )
    )
    try:
        await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        online = folder.read_online_key().public_key().public_bytes_raw().hex()
        yield RunningCoordinator(folder, of, ready.result(), made[0], online, task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Engine:
    """One session over a real websocket, message by message; use `session` to have one."""

    def __init__(self, socket: ClientConnection, of: RunningCoordinator, key: Ed25519PrivateKey) -> None:
        self.socket = socket
        self.key = key
        self._of = of
        self._announced: list[Signed] = []

    async def say(self, message: wire.Message) -> None:
        await self.socket.send(encode(message))

    async def hear(self) -> wire.CoordinatorMessage:
        """The next message that is no announcement; those are kept for `hear_announcement`."""
        while True:
            frame = await self.socket.recv()
            assert isinstance(frame, str)
            message = decode_coordinator(frame)
            if not isinstance(message, wire.Announce):
                return message
            self._announced.append(message.announcement)

    async def hear_announcement(self, fits: Callable[[Announcement], bool]) -> Announcement:
        """The next announcement that `fits`; everything else until then is dropped."""
        while True:
            while self._announced:
                found = verify(self._announced.pop(0), ANNOUNCEMENT_KIND, self._of.online_public, Announcement)
                if fits(found):
                    return found
            frame = await self.socket.recv()
            assert isinstance(frame, str)
            message = decode_coordinator(frame)
            if isinstance(message, wire.Announce):
                self._announced.append(message.announcement)

    async def greet(self, secret: str | None) -> wire.CoordinatorMessage:
        """The answer to a whole handshake."""
        run = digest(self._of.manifest)
        await self.say(hello(run, self.key))
        challenge = await self.hear()
        assert isinstance(challenge, wire.Challenge)
        await self.say(prove(challenge, self._of.online_public, run, self.key, secret))
        return await self.hear()

    async def upload(self, transfer: int, signed: Signed, assignment_id: str, data: bytes) -> wire.CoordinatorMessage:
        """Offers an update with a payload of one chunk and commits it; answers the decision."""
        await self.say(wire.OfferUpdate(transfer=transfer, update=signed))
        answer = await self.hear()
        if not isinstance(answer, wire.Missing):
            return answer
        if answer.missing:
            await self.socket.send(encode_chunk(wire.Chunk(transfer, 0, data)))
            assert isinstance(await self.hear(), wire.Ack)
        await self.say(wire.Commit(transfer=transfer, assignment_id=assignment_id))
        return await self.hear()


@contextlib.asynccontextmanager
async def session(of: RunningCoordinator, key: Ed25519PrivateKey) -> AsyncIterator[Engine]:
    async with connect(
        of.running.url,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        compression=None,
        max_size=FRAME_BYTES_MOST,
        proxy=None,
    ) as socket:
        yield Engine(socket, of, key)


def payload_of(data: bytes) -> BlobRef:
    return BlobRef(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
