"""``python -m sparewatt.testing.escaping_worker``: the real worker's entry, which then tries what a worker must not.

With ``--unbound`` as its first argument it does the same without being held in, so that a test can see that each
attempt succeeds when nothing forbids it. What to try it on stands in ``targets.json`` in its work folder; what came of
it goes to the engine in one frame.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from sparewatt.process.isolation.apply import isolate
from sparewatt.process.isolation.layers import Isolation, LayerName, nothing
from sparewatt.worker.__main__ import Started, main
from sparewatt.worker.exits import WorkerExit
from sparewatt.worker.messages import Failed

assert sys.platform != "win32", "its attempts are those of Unix"

# Attempt → the layer that forbids it.
FORBIDDEN_BY: Final[Mapping[str, LayerName]] = {
    "read_home": "files",
    "list_home": "files",
    "write_outside": "files",
    "read_engines_environment": "files",
    "tcp": "connections",
    "udp": "connections",
    "unix": "connections",
    "program": "programs",
    "fork": "programs",
    "signal_engine": "programs",
    "change_mode": "programs",
}
# What it needs and must keep.
ALLOWED: Final = ("write_work", "read_blob", "thread", "signal_itself")


class Targets(msgspec.Struct, frozen=True):
    """What there is to reach: real files, real listeners on this computer, the engine's process."""

    home_file: str
    outside_file: str
    blob: str
    tcp_port: int
    udp_port: int
    unix_path: str
    engine: int


def attempts(targets: Targets) -> dict[str, Callable[[], object]]:
    """Each raises OSError when it is refused."""
    return {
        "read_home": lambda: Path(targets.home_file).read_bytes(),
        "list_home": lambda: list(Path(targets.home_file).parent.iterdir()),
        "write_outside": lambda: Path(targets.outside_file).write_bytes(b"here"),
        "read_engines_environment": lambda: Path(f"/proc/{targets.engine}/environ").read_bytes(),
        "change_mode": lambda: Path(targets.blob).chmod(0o600),
        "tcp": lambda: socket.create_connection(("127.0.0.1", targets.tcp_port), 5).close(),
        "udp": lambda: _send_udp(targets.udp_port),
        "unix": lambda: _connect_unix(targets.unix_path),
        "program": lambda: subprocess.run([sys.executable, "-I", "-c", ""], check=True),
        "fork": _fork,
        "signal_engine": lambda: os.kill(targets.engine, 0),
        "write_work": lambda: Path("written").write_bytes(b"here"),
        "read_blob": lambda: Path(targets.blob).read_bytes(),
        "thread": _thread,
        "signal_itself": lambda: os.kill(os.getpid(), 0),
    }


def _send_udp(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.sendto(b"here", ("127.0.0.1", port))


def _connect_unix(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.connect(path)


def _fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _thread() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def try_everything(started: Started) -> WorkerExit:
    """Try all, and tell: 0 when it was done, else the system's error number."""
    targets = msgspec.json.decode(Path("targets.json").read_bytes(), type=Targets)
    outcomes: dict[str, str | int] = {}
    for name, attempt in attempts(targets).items():
        try:
            attempt()
            outcomes[name] = 0
        except OSError as error:
            outcomes[name] = error.errno or -1
    outcomes["in_force"] = " ".join(started.isolation.in_force)
    started.channel.send(Failed(error_id="escape.tried", parameters=outcomes, fatal=True))
    return WorkerExit.STOPPED


def unbound(_: object) -> Isolation:
    """Holds nothing in."""
    return nothing("a test left it out")


if __name__ == "__main__":
    given = sys.argv[1:]
    free = given[:1] == ["--unbound"]
    code = main(given[1:] if free else given, hold_in=unbound if free else isolate, serve=try_everything)
    os._exit(code)
