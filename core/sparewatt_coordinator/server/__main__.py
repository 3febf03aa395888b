"""``python -m sparewatt_coordinator.server --data DIR [--listen HOST:PORT] [--parent-pipe]``."""

import argparse
import asyncio
import json
import logging
import os
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import SystemClock
from sparewatt.control.address import socket_address
from sparewatt.durable import replace_file, storage_errors
from sparewatt.errors import InputError, SparewattError, UnavailableError
from sparewatt.signing import Signed, sign
from sparewatt_coordinator.gateway.admin import AdminServer
from sparewatt_coordinator.gateway.admin_client import PRESENCE_FILE, Presence
from sparewatt_coordinator.gateway.server import GatewayServer, GatewayTools
from sparewatt_coordinator.server.aggregators import Aggregator
from sparewatt_coordinator.server.coordinator import Coordinator, CoordinatorParts
from sparewatt_coordinator.server.folder import RunFolder, read_online_key
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.store.thread import open_in_thread

LISTEN: Final = "127.0.0.1:0"

log = logging.getLogger("sparewatt.coordinator")


@dataclass(frozen=True)
class ServerOptions:
    """Attributes:
    parent_pipe: end when standard input ends, so that a coordinator cannot outlive the program that started it.
    """

    folder: RunFolder
    host: str
    port: int
    parent_pipe: bool


def main(arguments: list[str]) -> int:
    """The exit code: 0 after a stop that was asked for, else that of the error (`docs/exit-codes.md`)."""
    try:
        options = _options(arguments)
        _log(options.folder.root)
        with options.folder.lock():
            asyncio.run(_serve(options))
    except SparewattError as error:
        from sparewatt.wording.errors import sentence

        log.error("%s", error)
        print(sentence(error), file=sys.stderr)
        return error.exit_code
    return 0


def _options(arguments: list[str]) -> ServerOptions:
    parser = argparse.ArgumentParser(prog="python -m sparewatt_coordinator.server", description="Serve a run.")
    parser.add_argument("--data", type=Path, required=True, help="the run's data folder")
    parser.add_argument("--listen", default=LISTEN, metavar="HOST:PORT", help="loopback only; port 0 takes a free one")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input ends")
    parsed = parser.parse_args(arguments)
    host, colon, port = parsed.listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise InputError("coordinator.listen", listen=parsed.listen[:80])
    root = parsed.data.expanduser().absolute()
    if not root.is_dir():
        raise UnavailableError("run.missing", folder=str(root))
    return ServerOptions(RunFolder(root), host.strip("[]"), int(port), parsed.parent_pipe)


async def _serve(options: ServerOptions) -> None:
    if sys.platform == "win32":
        raise UnavailableError("control.platform")
    folder = options.folder
    key = read_online_key(folder.online_key)

    def sign_with_key(kind: str, value: object) -> Signed:
        return sign(kind, value, key)

    store = await open_in_thread(lambda: sqlite.open(folder.store))
    merger = Aggregator(folder.blobs, threads=1, background=False)
    scorer = Aggregator(folder.blobs, threads=max(1, (os.cpu_count() or 2) // 2), background=True)
    try:
        record = await store.call(lambda store: store.run())
        blobs = BlobFolder(folder.blobs)
        clock = SystemClock()
        coordinator = Coordinator(CoordinatorParts(store, blobs, clock, sign_with_key, merger, scorer), record)
        tools = GatewayTools(
            clock=clock, random_bytes=secrets.token_bytes, sign=sign_with_key, online_key=record.online_key
        )
        gateway = GatewayServer(
            record, store, blobs, folder.parts, tools, coordinator.accepted, coordinator.leases_changed
        )
        url = await gateway.start(options.host, options.port)
        try:
            await _serve_both(options, coordinator, gateway, url)
        finally:
            await gateway.close()
    finally:
        await asyncio.gather(merger.close(), scorer.close())
        await store.close()


async def _serve_both(options: ServerOptions, coordinator: Coordinator, gateway: GatewayServer, url: str) -> None:
    from sparewatt.control.socket_unix import check_peer, listen

    address = socket_address(options.folder.root, os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), os.getuid())
    admin = AdminServer(coordinator, check_peer)
    await admin.start(listen(address))
    presence = options.folder.root / PRESENCE_FILE
    _stop_on_signals(coordinator.stop)
    if options.parent_pipe:
        _stop_with_parent(coordinator.stop)

    def ready() -> None:
        with storage_errors(options.folder.root):
            replace_file(presence, msgspec.json.encode(Presence(os.getpid(), url, str(address.path))))
        print(json.dumps({"ready": True, "url": url}), flush=True)

    try:
        await coordinator.serve(gateway, ready)
    finally:
        await admin.close()
        presence.unlink(missing_ok=True)
        address.path.unlink(missing_ok=True)


def _stop_on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


def _stop_with_parent(stop: Callable[[], None]) -> None:
    """Stop when standard input ends; a thread, because the read blocks."""
    loop = asyncio.get_running_loop()

    def wait_for_end() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop)

    threading.Thread(target=wait_for_end, name="parent", daemon=True).start()


def _log(root: Path) -> None:
    logging.basicConfig(
        level=logging.INFO,
        filename=root / "coordinator.log",
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
