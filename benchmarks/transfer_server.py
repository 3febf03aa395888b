"""A coordinator over TLS, and beside it in the same process a bare websocket that sends the same bytes.

``python -m benchmarks.transfer_server FOLDER`` prints a line of JSON and serves until its standard input ends.
"""

import asyncio
import os
import sys
from pathlib import Path

import msgspec
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.measurement import settle_heap
from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import SystemClock
from sparewatt.signing import sign
from sparewatt.wire.messages import CHUNK_BYTES
from sparewatt.work.manifest import MANIFEST_KIND, Manifest
from sparewatt.work.version import BlobRef
from sparewatt_coordinator.gateway import admin
from sparewatt_coordinator.gateway.admin_client import AdminClient
from sparewatt_coordinator.server.coordinator import Settings
from sparewatt_coordinator.server.encryption import Wanted, encryption
from sparewatt_coordinator.server.establish import establish_run
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.testing.coordinator import coordinator, with_blobs
from sparewatt_coordinator.testing.runs import RUN_KEY, manifest

SHARD_BYTES = 64 * 2**20


class Served(msgspec.Struct, frozen=True):
    """Attributes:
    bare: address of the bare websocket, with the coordinator's certificate.
    """

    invite: str
    bare: str
    shard: BlobRef


def establish(root: Path) -> tuple[DataFolder, Manifest, BlobRef]:
    """A run whose only shard is large and cannot be compressed."""
    folder = DataFolder(root)
    folder.make()
    blobs = BlobFolder(folder.blobs)
    shard = blobs.add_bytes(os.urandom(SHARD_BYTES))
    of = with_blobs(manifest((SHARD_BYTES,)), blobs)
    establish_run(folder, of, sign(MANIFEST_KIND, of, RUN_KEY), (shard,), RUN_KEY, 1_000_000)
    return folder, of, shard


async def main(root: Path) -> None:
    folder, of, shard = establish(root)
    settle_heap()
    wanted = Wanted(own=True)
    path = BlobFolder(folder.blobs).path(shard.sha256)

    async def send_all(socket: ServerConnection) -> None:
        with path.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                await socket.send(data)

    settings = Settings(folder.root, (("127.0.0.1", 0),), wanted=wanted)
    async with coordinator(folder, of, SystemClock(), settings) as one:
        context = encryption(wanted, "own", folder).context
        async with serve(send_all, "127.0.0.1", 0, ssl=context, compression=None) as bare:
            invite = await asyncio.to_thread(_invite, Path(one.running.admin))
            port = bare.sockets[0].getsockname()[1]
            served = Served(invite, f"wss://127.0.0.1:{port}", shard)
            sys.stdout.write(msgspec.json.encode(served).decode() + "\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)


def _invite(path: Path) -> str:
    with AdminClient(path) as client:
        return client.ask(admin.CreateInvite(uses=1, trusted=True), admin.InviteReply).invite


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
