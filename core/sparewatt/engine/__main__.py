"""``python -m sparewatt.engine``: put the parts together, run until asked to stop."""

import asyncio
import importlib.metadata
import logging
import logging.handlers
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sparewatt.clock import SystemClock
from sparewatt.control.address import socket_address
from sparewatt.control.local_socket import check_peer, listen
from sparewatt.engine.engine import Engine, EngineParts
from sparewatt.engine.options import EngineOptions, parse_options
from sparewatt.errors import SparewattError
from sparewatt.history.thread import open_in_thread as open_history
from sparewatt.host.lock import engine_lock
from sparewatt.host.user import user_number
from sparewatt.session.outbox_thread import open_in_thread
from sparewatt.settings.intents_store import IntentsStore
from sparewatt.settings.store import SettingsStore
from sparewatt.worker.supervisor import WorkerSupervisor

LOG_BYTES_MOST: Final = 1_000_000
LOG_FILES: Final = 3

log = logging.getLogger("sparewatt.engine")


def main(arguments: list[str]) -> int:
    """The exit code: 0 after a stop that was asked for, else that of the error (`docs/exit-codes.md`)."""
    options = parse_options(arguments)
    options = EngineOptions(**{**vars(options), "data_folder": options.data_folder.expanduser().absolute()})
    try:
        with engine_lock(options.data_folder):
            _log_to(options.data_folder / "engine.log")
            asyncio.run(_run(options))
    except SparewattError as error:
        from sparewatt.wording.errors import sentence

        if logging.getLogger().handlers:
            # Before the log file is open, the sentence below is all there is to say.
            log.error("%s", error)
        print(sentence(error), file=sys.stderr)
        return error.exit_code
    return 0


async def _run(options: EngineOptions) -> None:
    address = socket_address(
        options.data_folder, os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), user_number()
    )
    outbox, recovery = await open_in_thread(options.data_folder / "outbox")
    log.info("outbox opened: %s", recovery)
    try:
        engine = Engine(
            EngineParts(
                options=options,
                version=importlib.metadata.version("sparewatt"),
                clock=SystemClock(),
                settings=SettingsStore(options.data_folder),
                intents=IntentsStore(options.data_folder),
                outbox=outbox,
                starter=WorkerSupervisor(dict(os.environ), logging.getLogger("sparewatt.worker").info),
                check_peer=check_peer,
                started_unix_s=round(time.time()),
                open_history=lambda: open_history(options.data_folder / "history"),
            )
        )
        _stop_on_signals(engine.stop)
        if options.parent_pipe:
            _stop_with_parent(engine.stop)
        listening = listen(address)
        try:
            await engine.run(listening)
        finally:
            address.path.unlink(missing_ok=True)
    finally:
        await outbox.close()


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


def _log_to(path: Path) -> None:
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES_MOST, backupCount=LOG_FILES)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
