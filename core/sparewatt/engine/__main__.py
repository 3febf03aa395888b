"""``python -m sparewatt.engine``: put the parts together, run until asked to stop."""

import asyncio
import importlib.metadata
import logging
import logging.handlers
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from platformdirs import user_data_path

from sparewatt.clock import SystemClock
from sparewatt.control.address import folder_digest
from sparewatt.control.local_socket import control_address, listen
from sparewatt.engine.engine import Engine, EngineParts
from sparewatt.engine.options import EngineOptions, parse_options
from sparewatt.errors import SparewattError
from sparewatt.history.thread import open_in_thread as open_history
from sparewatt.host.lock import engine_lock
from sparewatt.host.logon import LogonEntry, commands_for, system_entry
from sparewatt.process.stop_signals import stop_on_signals
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
    address = control_address(options.data_folder, os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir())
    outbox, recovery = await open_in_thread(options.data_folder / "outbox")
    log.info("outbox opened: %s", recovery)
    try:
        engine = Engine(
            EngineParts(
                options=options,
                version=importlib.metadata.version("sparewatt"),
                clock=SystemClock(),
                settings=SettingsStore(options.data_folder, hold_newer=True),
                intents=IntentsStore(options.data_folder),
                outbox=outbox,
                starter=WorkerSupervisor(dict(os.environ), logging.getLogger("sparewatt.worker").info),
                started_unix_s=round(time.time()),
                open_history=lambda: open_history(options.data_folder / "history"),
                logon=_logon_entry(options),
            )
        )
        stop_on_signals(engine.stop)
        if options.parent_pipe:
            _stop_with_parent(engine.stop)
        listener = listen(address)
        try:
            await engine.run(listener)
        finally:
            listener.close()
    finally:
        await outbox.close()


def _logon_entry(options: EngineOptions) -> LogonEntry | None:
    """None for an engine that ends with its parent: it is a trial's, and must leave no trace."""
    if options.parent_pipe:
        return None
    commands = commands_for(
        data_folder=options.data_folder,
        default_folder=user_data_path("sparewatt", appauthor=False),
        executable=Path(sys.executable).absolute(),
        digest=folder_digest(options.data_folder),
    )
    home = Path("~").expanduser() if "HOME" in os.environ or sys.platform == "win32" else None
    return None if home is None else system_entry(commands, os.environ, home)


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
