"""A whole system of real processes, for proofs that kill them: one coordinator, any number of engines."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.blobs.folder import BlobFolder
from sparewatt.control.address import Address
from sparewatt.control.client import ControlClient, connect
from sparewatt.control.local_socket import control_address
from sparewatt.control.messages import (
    InspectInvite,
    JoinRun,
    ManifestReply,
    ReceiptsAfter,
    ReceiptsReply,
    SetSetting,
)
from sparewatt.errors import UnavailableError
from sparewatt.snapshot import Snapshot
from sparewatt.work.receipt import Receipt
from sparewatt_coordinator.create.checkpoint import Checkpoint
from sparewatt_coordinator.create.profile import Profile
from sparewatt_coordinator.create.run import CreatedRun, RunOptions, create_run
from sparewatt_coordinator.create.tokens import ByteTokens, Tokens
from sparewatt_coordinator.gateway import admin
from sparewatt_coordinator.gateway.admin_client import AdminClient
from sparewatt_coordinator.server.establish import establish_run
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.testing.own_locks import own_locks

LOOK_SECONDS: Final = 0.02
ANSWER_SECONDS: Final = 60.0
END_SECONDS: Final = 20.0

# A test neither waits until whoever sits at the computer is away, nor holds back.
EAGER: Final = MappingProxyType({"when_to_run": "always", "speed_limit_percent": "100"})
A = TypeVar("A", bound=msgspec.Struct)


@dataclass(frozen=True)
class Books:
    """What a stopped coordinator has in its store."""

    updates: tuple[str, ...]
    credits: tuple[tuple[str, int], ...]


class RealProcess:
    """One program with its own session, so that what it starts can be killed with it.

    Args:
        prefix: what runs it elsewhere, such as in another network namespace.
    """

    def __init__(self, arguments: list[str], log: Path, prefix: tuple[str, ...] = ()) -> None:
        with log.open("ab") as opened:
            self._process = subprocess.Popen(
                [*prefix, sys.executable, "-P", "-m", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=opened,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def line(self) -> str:
        """The next line of its standard output."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode()

    def kill(self) -> None:
        """As a power cut would end it: this process alone, its children have to notice by themselves."""
        self._process.kill()
        self._process.wait()
        self._close()

    def end(self) -> int:
        """Ask it to end and wait; killed after 20 s. Its exit code."""
        if self.running:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        if self.running:
            self._process.kill()
        code = self._process.wait()
        self._close()
        return code

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


class RealEngine:
    """An engine on a data folder; may be killed and started again."""

    def __init__(self, folder: Path, threads: int, prefix: tuple[str, ...] = ()) -> None:
        self._prefix = prefix
        self.folder = folder
        self._threads = threads
        self.process = self._start()

    def _start(self) -> RealProcess:
        self.folder.mkdir(parents=True, exist_ok=True)
        options = ["--data-folder", str(self.folder), "--key-store", "file", "--device", "cpu", "--on-battery"]
        log = self.folder.parent / f"{self.folder.name}.log"
        return RealProcess(["sparewatt.engine", *options, "--threads", str(self._threads)], log, self._prefix)

    def start_again(self) -> None:
        self.process = self._start()

    def snapshot(self) -> Snapshot:
        """Its state now; waits until it answers."""
        return asyncio.run(self._snapshot())

    def join(self, invite: str) -> None:
        asyncio.run(self._join(invite))

    def receipts(self, run: str) -> tuple[Receipt, ...]:
        """Every receipt that it has stored."""
        reply = asyncio.run(self._receipts(run))
        return tuple(msgspec.json.decode(signed.body, type=Receipt) for signed in reply.receipts)

    @property
    def unsent(self) -> int:
        """Finished updates whose receipts are not stored."""
        return len(list((self.folder / "outbox" / "updates").glob("*.update")))

    def _address(self) -> Address:
        return control_address(self.folder, os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir())

    async def _snapshot(self) -> Snapshot:
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                async with await connect(self._address()) as client:
                    return await client.snapshot()
            except UnavailableError:
                if time.monotonic() > deadline or not self.process.running:
                    raise
                await asyncio.sleep(LOOK_SECONDS)

    async def _join(self, invite: str) -> None:
        while (await self._snapshot()).key_store in ("unknown", "waiting"):
            await asyncio.sleep(LOOK_SECONDS)
        async with await connect(self._address()) as client:
            found = await client.ask(lambda number: InspectInvite(id=number, invite=invite), ManifestReply)
            for key, value in EAGER.items():
                await _set(client, key, value)
            await client.command(lambda number: JoinRun(id=number, invite=invite, consent=found.run))

    async def _receipts(self, run: str) -> ReceiptsReply:
        async with await connect(self._address()) as client:
            return await client.ask(
                lambda number: ReceiptsAfter(id=number, run=run, sequence=0, limit=500), ReceiptsReply
            )


class RealRun:
    """A run in a folder, its coordinator, and the engines that joined it, which share the computer with no others.

    Args:
        text: what to train on.
        listen: HOST:PORT; options: more of the coordinator's, for connections from elsewhere.
        prefix: what runs the coordinator elsewhere.
        start, tokens: a model that is brought along, and its tokens, as of `create.run.RunOptions`.
    """

    def __init__(
        self,
        folder: Path,
        profile: Profile,
        text: Path,
        seed: int = 1,
        listen: str = "127.0.0.1:0",
        options: tuple[str, ...] = (),
        prefix: tuple[str, ...] = (),
        start: Checkpoint | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        self._folder = folder
        self._start_from = start
        self._tokens = tokens if tokens is not None else ByteTokens()
        self._options = options
        self._prefix = prefix
        self.data = DataFolder(folder / "run")
        self.engines: list[RealEngine] = []
        self._listen = listen
        self.created = self._create(profile, text, seed)
        self.coordinator = self._serve()

    def _create(self, profile: Profile, text: Path, seed: int) -> CreatedRun:
        self.data.make()
        key = Ed25519PrivateKey.generate()
        options = RunOptions(
            title="A proof",
            purpose="To be killed",
            organiser="Tests",
            licence="PSF-2.0",
            description="text",
            text=text,
            profile=profile,
            seed=seed,
            start=self._start_from,
            tokens=self._tokens,
        )
        now = time.time()
        created = create_run(options, BlobFolder(self.data.blobs), key, int(now))
        establish_run(self.data, created.manifest, created.signed, created.shards, key, int(1000 * now))
        return created

    def _serve(self) -> RealProcess:
        serving = ["--data", str(self.data.root), "--listen", self._listen, *self._options]
        log = self._folder / "coordinator.log"
        process = RealProcess(["sparewatt_coordinator.server", *serving], log, self._prefix)
        ready = json.loads(process.line())
        assert ready["ready"], ready
        self._listen = ready["listening"][0]
        return process

    def serve_again(self) -> None:
        """On the same port, as after a crash."""
        self.coordinator = self._serve()

    def add_engine(self, threads: int = 1) -> RealEngine:
        """A new engine that joins by a trusted invite of its own."""
        engine = self.start_engine(threads)
        engine.join(self.invite())
        return engine

    def start_engine(self, threads: int = 1, prefix: tuple[str, ...] = ()) -> RealEngine:
        """A new engine that has joined nothing.

        Args:
            prefix: what runs it elsewhere.
        """
        alone = (*prefix, *own_locks(self._folder / "locks"))
        engine = RealEngine(self._folder / f"engine-{len(self.engines) + 1}", threads, alone)
        self.engines.append(engine)
        return engine

    def invite(self, uses: int = 1, address: str = "") -> str:
        """A trusted invite for an hour."""
        request = admin.CreateInvite(uses=uses, lifetime_s=3600, trusted=True, address=address)
        return self.ask(request, admin.InviteReply).invite

    def status(self) -> admin.StatusReply:
        return self.ask(admin.GetStatus(), admin.StatusReply)

    def ask(self, request: admin.Request, answer: type[A]) -> A:
        """The coordinator's answer to its organiser."""
        with self._admin() as client:
            return client.ask(request, answer)

    def finish(self) -> None:
        """Merge, measure and close; returns when the run is closed."""
        self.ask(admin.Finish("The proof is done."), admin.Reply)
        self.until(lambda: self.status().status.state == "closed")

    def until(self, reached: Callable[[], bool], seconds: float = 120.0) -> None:
        """Wait for something, at most `seconds`; fails with the logs' last lines."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < deadline, self._last_words()
            time.sleep(LOOK_SECONDS)

    @property
    def port(self) -> int:
        """Where the coordinator listens."""
        return int(self._listen.rpartition(":")[2])

    @property
    def arriving(self) -> bool:
        """Whether a payload is on its way in."""
        return any(part.suffix == ".part" for part in (self.data.blobs / "incoming").iterdir())

    def books(self) -> Books:
        """Of a coordinator that has ended."""
        assert not self.coordinator.running
        store = sqlite3.connect(self.data.database)
        try:
            updates = tuple(row[0] for row in store.execute("SELECT assignment_id FROM updates"))
            entered = tuple(store.execute("SELECT assignment_id, sequence FROM credits"))
        finally:
            store.close()
        return Books(updates, entered)

    def end(self) -> None:
        for engine in self.engines:
            engine.process.end()
        if self.coordinator.running:
            self.coordinator.end()

    def _admin(self) -> AdminClient:
        return AdminClient(Path(self.data.read_running().admin))

    def _last_words(self) -> str:
        logs = sorted([*self._folder.glob("*.log"), *self._folder.glob("*/engine.log")])
        return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in logs)


async def _set(client: ControlClient, key: str, value: str) -> None:
    revision = (await client.snapshot()).settings_revision
    await client.command(lambda number: SetSetting(id=number, revision=revision, key=key, value=value))


@contextmanager
def real_run(folder: Path, profile: Profile, text: Path) -> Iterator[RealRun]:
    """A run whose processes are gone afterwards, whatever happened."""
    run = RealRun(folder, profile, text)
    try:
        yield run
    finally:
        run.end()
