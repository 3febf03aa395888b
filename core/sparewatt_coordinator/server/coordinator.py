"""The composition root: a data folder becomes a running coordinator."""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import Clock
from sparewatt.control.address import server_name
from sparewatt.errors import IntegrityError, UnavailableError
from sparewatt.process.stop_signals import stop_on_signals
from sparewatt.signing import Signed, public_key_hex, sign
from sparewatt.work.manifest import Manifest, OnlineKey
from sparewatt_coordinator import schedule
from sparewatt_coordinator.gateway.admin import AdminServer
from sparewatt_coordinator.gateway.admin_transport import listen
from sparewatt_coordinator.gateway.books import Books
from sparewatt_coordinator.gateway.carrier import Carrier
from sparewatt_coordinator.gateway.protocol import Terms, why_no_work_untrusted
from sparewatt_coordinator.gateway.server import GatewayServer
from sparewatt_coordinator.server.conductor import Conductor
from sparewatt_coordinator.server.encryption import Encryption, Wanted, check_wanted, encryption, invited_url
from sparewatt_coordinator.server.establish import settle_online_key
from sparewatt_coordinator.server.folder import DataFolder, Running
from sparewatt_coordinator.server.organiser import Organiser
from sparewatt_coordinator.server.ports import Aggregator
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.store.base import RunRecord, Store


class Settings(msgspec.Struct, frozen=True):
    """Attributes:
    listen: hosts and ports; port 0 takes a free one.
    parent_pipe: end when standard input is closed.
    address: HOST or HOST:PORT under which contributors reach it; empty for a guess.
    origins: web origins whose pages may connect; programs that are no browser send none.
    """

    data: Path
    listen: tuple[tuple[str, int], ...]
    parent_pipe: bool = False
    wanted: Wanted = Wanted()
    address: str = ""
    origins: tuple[str, ...] = ()


async def run_coordinator(
    settings: Settings,
    clock: Clock,
    make_aggregator: Callable[[RunRecord, DataFolder], Aggregator],
    validate: Callable[[Path, Manifest], None],
    ready: Callable[[Running], None],
    log: logging.Logger,
) -> None:
    """Serve the run in ``settings.data`` until a signal that ends a program, or cancellation.

    Args:
        ready: called once, when contributors can connect.

    Raises:
        SparewattError: why it cannot start or go on, each class with its own exit code.
    """
    protection = check_wanted(settings.wanted, tuple(host for host, _ in settings.listen), settings.address)
    stopping = _stopped_by_signals(settings.parent_pipe)
    folder = DataFolder(settings.data)
    if not folder.database.is_file():
        raise UnavailableError("run.missing", folder=str(folder.root))
    async with contextlib.AsyncExitStack() as stack:
        folder.make()
        lock = folder.lock()
        stack.callback(lock.release)
        store: Store = sqlite.open(folder.database)
        stack.callback(store.close)
        settle_online_key(folder, store)
        key = folder.read_online_key()
        books = Books(store, lambda kind, value: sign(kind, value, key))
        stack.push_async_callback(asyncio.to_thread, books.close)
        record = await books.call(lambda store: store.run())
        terms = terms_of(record, public_key_hex(key))
        blobs = BlobFolder(folder.blobs)
        await asyncio.to_thread(blobs.clean)
        encrypted = await asyncio.to_thread(encryption, settings.wanted, protection, folder)
        aggregator = make_aggregator(record, folder)
        stack.push_async_callback(aggregator.stop)
        await _serve(
            settings, encrypted, folder, books, blobs, record, terms, aggregator, clock, validate, ready, stopping, log
        )


async def _serve(
    settings: Settings,
    encrypted: Encryption,
    folder: DataFolder,
    books: Books,
    blobs: BlobFolder,
    record: RunRecord,
    terms: Terms,
    aggregator: Aggregator,
    clock: Clock,
    validate: Callable[[Path, Manifest], None],
    ready: Callable[[Running], None],
    stopping: asyncio.Event,
    log: logging.Logger,
) -> None:
    """From listening to the end."""
    hub = _Hub()
    conductor = Conductor(books, blobs, aggregator, clock, hub.announce, log)
    carrier = Carrier(books, blobs, record.manifest, clock, validate, conductor.joined)
    gateway = GatewayServer(terms, books, carrier, clock, frozenset(settings.origins))
    hub.gateway = gateway
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, carrier.close)
        stack.push_async_callback(gateway.stop)
        bound = await gateway.start(settings.listen, encrypted.context)
        url = invited_url(encrypted, settings.address, bound[0])
        organiser = Organiser(
            folder,
            books,
            conductor,
            aggregator,
            clock,
            gateway,
            lambda address: invited_url(encrypted, address or settings.address, bound[0]),
            encrypted.pin,
        )
        admin = folder.admin_address()
        channel = AdminServer(listen(admin), organiser.answer)
        stack.push_async_callback(channel.stop)
        await channel.start()
        running = Running(
            pid=os.getpid(),
            url=url,
            run=record.run,
            admin=server_name(admin),
            listening=tuple(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in bound),
            protection=encrypted.protection,
        )
        folder.say_running(running)
        stack.callback(lambda: folder.running.unlink(missing_ok=True))
        ready(running)
        await _until_stopped(conductor, stopping)


def _stopped_by_signals(parent_pipe: bool) -> asyncio.Event:
    """Set by the signals that end a program, and by the end of the parent's pipe."""
    stopping = asyncio.Event()
    stop_on_signals(stopping.set)
    if parent_pipe:
        _watch_parent(asyncio.get_running_loop(), stopping)
    return stopping


async def _until_stopped(conductor: Conductor, stopping: asyncio.Event) -> None:
    """Raises what ends the conductor."""
    conducting = asyncio.create_task(conductor.run())
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((conducting, waiting), return_when=asyncio.FIRST_COMPLETED)
        if conducting.done():
            conducting.result()
    finally:
        for task in (conducting, waiting):
            task.cancel()
        await asyncio.gather(conducting, waiting, return_exceptions=True)


def _watch_parent(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """Stops when standard input ends, which the system closes when the parent dies."""

    def wait() -> None:
        # os.read and not sys.stdin: a reader's lock that is held at the interpreter's end is fatal.
        while os.read(0, 1024):
            continue
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stopping.set)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def terms_of(record: RunRecord, online_public: str) -> Terms:
    """What every session of the run has in common.

    Raises:
        IntegrityError: ``key.other`` when the folder's online key is not the one that the organiser stated.
    """
    stated = msgspec.json.decode(record.online_keys[-1].body, type=OnlineKey)
    if stated.key != online_public:
        raise IntegrityError("key.other")
    return Terms(
        run=record.run,
        manifest=record.manifest_signed,
        online_keys=record.online_keys,
        online_public=online_public,
        upload_bytes_most=record.manifest.costs.upload_bytes_per_update,
        heartbeat_s=schedule.heartbeat_seconds(record.manifest),
        ttl_s=schedule.lease_seconds(record.manifest),
        untrusted=why_no_work_untrusted(record.manifest),
    )


class _Hub:
    """Leads announcements to the gateway, which is made after those who announce."""

    def __init__(self) -> None:
        self.gateway: GatewayServer | None = None

    def announce(self, announcement: Signed) -> None:
        if self.gateway is not None:
            self.gateway.announce(announcement)
