"""Moving a shard as an engine does it, against a bare websocket between the same two processes, and against one whose
receiver keeps what comes."""

import asyncio
import contextlib
import hashlib
import os
import secrets
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import connect

from benchmarks.measurement import settle_heap
from benchmarks.transfer_server import Served
from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import SystemClock
from sparewatt.credit.keychain import KeyChain
from sparewatt.session import events as event
from sparewatt.session.connection import WebsocketDial
from sparewatt.session.flow import download
from sparewatt.session.link import Link
from sparewatt.session.protocol import SessionProtocol, SessionTerms
from sparewatt.session.traffic import Limits, Traffic
from sparewatt.work.invite import Invite, parse_invite

ROOT = Path(__file__).resolve().parent.parent
MEBIBYTE = 2**20
END_SECONDS = 20.0


@dataclass(frozen=True)
class Moved:
    """Attributes:
    first_byte_milliseconds: from dialling, TLS and the proofs of both sides included, to the first chunk in hand.
    downloads: MiB/s of whole downloads (written, hashed, durable).
    bare: of a bare websocket that forgets what it receives, right after each.
    kept: of a bare websocket whose receiver writes, hashes and makes durable as plainly as can be, right after that.
    processor_seconds: of both processes together, for all of each of the three.
    """

    first_byte_milliseconds: tuple[float, ...]
    downloads: tuple[float, ...]
    bare: tuple[float, ...]
    kept: tuple[float, ...]
    processor_seconds: tuple[float, float, float]


async def measured(repetitions: int) -> Moved:
    """All of it, with a server in a process of its own."""
    settle_heap()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with _server(folder / "run") as served:
            invite, key = parse_invite(served.invite), Ed25519PrivateKey.generate()
            # The first session uses the invite and warms both processes.
            await _first_byte(served, invite, key)
            first = [await _first_byte(served, invite, key) for _ in range(repetitions)]
            found: list[tuple[float, float, float]] = []
            spent: list[tuple[float, float, float]] = []
            for number in range(repetitions + 1):
                began = _processor_seconds()
                whole = await _download(served, invite, key, folder / "blobs")
                downloaded = _processor_seconds()
                bare = await _bare(served)
                forgotten = _processor_seconds()
                kept = await _bare_kept(served, folder / "kept")
                # The first round warms both: what the memory of a virtual machine costs at its first touch is no
                # transfer's, and for the same reason each copy goes before the next one comes.
                if number:
                    found.append((whole, bare, kept))
                    spent.append((downloaded - began, forgotten - downloaded, _processor_seconds() - forgotten))
    downloads, bares, keeps = zip(*found, strict=True)
    ours, forgetting, keeping = (sum(each) for each in zip(*spent, strict=True))
    return Moved(tuple(first), downloads, bares, keeps, (ours, forgetting, keeping))


def _processor_seconds() -> float:
    """Of this process and its server."""
    processes = (psutil.Process(), *psutil.Process().children())
    return sum(times.user + times.system for times in (each.cpu_times() for each in processes))


async def _first_byte(served: Served, invite: Invite, key: Ed25519PrivateKey) -> float:
    began = time.perf_counter()
    async with _session(invite, key) as link:
        with link.fetching(served.shard, b"\0" * 32) as inbox:
            told = await inbox.get()
            assert isinstance(told, event.ChunkReceived)
            return 1_000 * (time.perf_counter() - began)


async def _download(served: Served, invite: Invite, key: Ed25519PrivateKey, folder: Path) -> float:
    blobs = BlobFolder(folder)
    traffic = Traffic(SystemClock(), Limits, "allowed")
    async with _session(invite, key) as link:
        began = time.perf_counter()
        await download(link, blobs, served.shard, traffic)
        took = time.perf_counter() - began
    blobs.remove(served.shard.sha256)
    return served.shard.size / MEBIBYTE / took


async def _bare(served: Served) -> float:
    async with connect(served.bare, ssl=_any_certificate(), compression=None, proxy=None) as socket:
        began, size = time.perf_counter(), 0
        while size < served.shard.size:
            size += len(await socket.recv())
        return size / MEBIBYTE / (time.perf_counter() - began)


async def _bare_kept(served: Served, path: Path) -> float:
    digest = hashlib.sha256()
    async with connect(served.bare, ssl=_any_certificate(), compression=None, proxy=None) as socket:
        began, size = time.perf_counter(), 0
        with path.open("wb", buffering=0) as file:
            while size < served.shard.size:
                data = await socket.recv(decode=False)
                file.write(data)
                digest.update(data)
                size += len(data)
            await asyncio.to_thread(os.fsync, file.fileno())
        took = time.perf_counter() - began
    assert digest.hexdigest() == served.shard.sha256
    await asyncio.to_thread(path.unlink)
    return size / MEBIBYTE / took


def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.asynccontextmanager
async def _session(invite: Invite, key: Ed25519PrivateKey) -> AsyncIterator[Link]:
    """A session that stands."""
    terms = SessionTerms(
        run=invite.run,
        run_key_sha256=invite.run_key_sha256,
        purpose="work",
        invite_secret=invite.secret,
        chain=KeyChain(invite.run, invite.run_key_sha256),
        highest=None,
        software="benchmark",
    )
    clock = SystemClock()
    transport = await WebsocketDial()(invite.url, invite.pin)
    link = Link(transport, SessionProtocol(terms, key, secrets.token_hex(32), clock.monotonic()), clock)
    standing = asyncio.Event()

    async def hear(told: event.Event) -> None:
        if isinstance(told, event.Connected):
            standing.set()

    serving = asyncio.create_task(link.serve(hear))
    try:
        await standing.wait()
        yield link
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@contextlib.asynccontextmanager
async def _server(folder: Path) -> AsyncIterator[Served]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.transfer_server", str(folder),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert process.stdin is not None, "it was asked for"
    assert process.stdout is not None, "it was asked for"
    try:
        yield msgspec.json.decode(await process.stdout.readline(), type=Served)
    finally:
        process.stdin.close()
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
