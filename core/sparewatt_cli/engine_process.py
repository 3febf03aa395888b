"""Starting and stopping the engine of a data folder."""

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final

from sparewatt.control.messages import GetSnapshot, Reply, Shutdown, SnapshotFrame
from sparewatt.engine.options import refuse_group
from sparewatt.errors import ConflictError, StorageError, UnavailableError
from sparewatt.host.lock import engine_lock
from sparewatt_cli.engine_link import ask, engine_answers
from sparewatt_cli.log_file import last_words
from sparewatt_cli.surroundings import Surroundings

START_SECONDS_MOST: Final = 30.0
STOP_SECONDS_MOST: Final = 30.0
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True)
class EngineArguments:
    """What an engine is started with besides its folder; see ``python -m sparewatt.engine --help``."""

    devices: tuple[str, ...] = ()
    threads: int | None = None
    on_battery: bool = False

    def __post_init__(self) -> None:
        """Raises InputError ``device.group``."""
        for device in self.devices:
            refuse_group(device)

    def command(self, place: Surroundings) -> list[str]:
        """The whole command line."""
        command = [sys.executable, "-m", "sparewatt.engine", "--data-folder", str(place.data_folder)]
        for device in self.devices:
            command += ["--device", device]
        if self.threads is not None:
            command += ["--threads", str(self.threads)]
        if self.on_battery:
            command.append("--on-battery")
        return command


def start_detached(place: Surroundings, options: EngineArguments) -> bool:
    """Start an engine that outlives this command, and wait until it answers; False when one answered already.

    Raises:
        UnavailableError: ``engine.start_failed`` when it ended at once, ``engine.start_slow`` after thirty seconds.
        StorageError: ``file.unwritable`` for what it says.
    """
    if engine_answers(place):
        return False
    # The engine keeps its own log; here goes only what is said before that is open, or when it crashes.
    log = place.start_log
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = log.open("wb")
    except OSError as error:
        raise StorageError("file.unwritable", path=str(log), reason=error.strerror or "") from error
    with opened:
        engine = subprocess.Popen(
            options.command(place),
            stdin=subprocess.DEVNULL,
            stdout=opened,
            stderr=opened,
            start_new_session=sys.platform != "win32",
            creationflags=_detached_flags(),
        )
    deadline = time.monotonic() + START_SECONDS_MOST
    while time.monotonic() < deadline:
        if engine_answers(place) and _knows_its_key(place):
            return True
        if engine.poll() is not None:
            # Two commands may start one at the same time: the lock lets one engine in, and either answer is fine.
            if engine_answers(place):
                return False
            raise UnavailableError("engine.start_failed", detail=last_words(log))
        time.sleep(_LOOK_SECONDS)
    raise UnavailableError("engine.start_slow", seconds=int(START_SECONDS_MOST))


def _knows_its_key(place: Surroundings) -> bool:
    """Whether the engine has looked for its key; one that waits for a keyring has, and says so in its state."""
    return ask(place, GetSnapshot(id=1), SnapshotFrame).snapshot.key_store != "unknown"


def run_in_foreground(place: Surroundings, options: EngineArguments) -> int:
    """Run an engine on this terminal until it ends, and return its exit code. Ctrl-C reaches it directly."""
    engine = subprocess.Popen(options.command(place))
    while True:
        try:
            return engine.wait()
        except KeyboardInterrupt:
            # The terminal sent it to the engine, too, which is now stopping its workers; every further one reaches it.
            continue


def stop(place: Surroundings) -> None:
    """Stop the engine and wait until it is gone.

    Raises:
        NoEngineError: ``engine.not_running``.
        UnavailableError: ``engine.stop_slow`` after thirty seconds.
    """
    ask(place, Shutdown(id=1), Reply)
    deadline = time.monotonic() + STOP_SECONDS_MOST
    while time.monotonic() < deadline:
        try:
            engine_lock(place.data_folder).release()
        except ConflictError:
            # The lock ends with the process that holds it, so it says more than a socket that no longer answers.
            time.sleep(_LOOK_SECONDS)
        else:
            return
    raise UnavailableError("engine.stop_slow", seconds=int(STOP_SECONDS_MOST))


def _detached_flags() -> int:
    if sys.platform != "win32":
        return 0
    return subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
