"""A worker process that tries to get out: the real entry, real files, real listeners; nothing stands for anything."""

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from sparewatt.process.child import environment_for
from sparewatt.process.isolation.apply import available
from sparewatt.testing.escaping_worker import ALLOWED, FORBIDDEN_BY, Targets
from sparewatt.testing.worker_bench import Bench, Hearing
from sparewatt.worker.messages import Failed, Ready
from sparewatt.worker.port import WorkerDevice, WorkerExited, WorkerFolders
from sparewatt.worker.supervisor import WorkerSupervisor

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="isolation by Landlock and seccomp is Linux's"),
]


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[Targets]:
    """Things that can be reached while nobody forbids it."""
    work, blobs = tmp_path / "work", tmp_path / "blobs"
    work.mkdir()
    blobs.mkdir()
    (blobs / "blob").write_bytes(b"tokens")
    home_file = Path.home() / f".sparewatt-test-{secrets.token_hex(8)}"
    home_file.write_bytes(b"private")
    # Paths of sockets are short, those of test folders are not.
    unix_path = Path(f"/tmp/sparewatt-test-{secrets.token_hex(8)}")
    with ExitStack() as open_sockets:
        tcp = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = open_sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        unix = open_sockets.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(str(unix_path))
        unix.listen()
        found = Targets(
            home_file=str(home_file),
            outside_file=str(tmp_path / "outside"),
            blob=str(blobs / "blob"),
            tcp_port=tcp.getsockname()[1],
            udp_port=udp.getsockname()[1],
            unix_path=str(unix_path),
            engine=os.getpid(),
        )
        (work / "targets.json").write_bytes(msgspec.json.encode(found))
        yield found
    home_file.unlink()
    unix_path.unlink()


def tried(bench: Bench, folder: Path, *flags: str) -> dict[str, str | int]:
    """Attempt → 0 when it succeeded, else the error number."""

    async def scenario() -> dict[str, str | int]:
        program = (sys.executable, "-P", "-m", "sparewatt.testing.escaping_worker", *flags)
        supervisor = WorkerSupervisor(environment_for(os.environ, {}), print, program)
        folders = WorkerFolders(folder / "work", read=(folder / "blobs",))
        hearing = Hearing(await supervisor.start(WorkerDevice("cpu"), bench.areas, folders))
        outcome = await hearing.until(Failed)
        assert (await hearing.until(WorkerExited)).reason == "stopped"
        return outcome.parameters

    return asyncio.run(scenario())


def test_a_worker_gets_nowhere(
    bench: Bench, targets: Targets, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    outcome = tried(bench, tmp_path)
    in_force = str(outcome["in_force"]).split()
    record_property("isolation_layers_in_force", " ".join(in_force))
    print("layers in force on this machine:", *in_force)
    assert set(in_force) == set(available().in_force), "what the system offers is what a worker gets"
    assert {"connections", "programs", "privileges"} <= set(in_force), "every Linux that is tested on has seccomp"
    forbidden = {name for name, layer in FORBIDDEN_BY.items() if layer in in_force}
    assert {name for name in forbidden if outcome[name] == 0} == set()
    assert {name: outcome[name] for name in ALLOWED} == dict.fromkeys(ALLOWED, 0)
    if "files" in in_force:
        assert not Path(targets.outside_file).exists()


def test_the_same_attempts_succeed_when_nothing_forbids_them(bench: Bench, targets: Targets, tmp_path: Path) -> None:
    outcome = tried(bench, tmp_path, "--unbound")
    assert outcome.pop("in_force") == ""
    assert outcome == dict.fromkeys([*FORBIDDEN_BY, *ALLOWED], 0)


def test_a_worker_that_trains_says_what_holds_it(real: WorkerSupervisor, bench: Bench) -> None:
    async def scenario() -> None:
        hearing = Hearing(await real.start(WorkerDevice("cpu"), bench.areas, bench.folders))
        await hearing.worker.send(bench.configure())
        ready = await hearing.until(Ready)
        assert set(ready.isolation) == set(available().in_force)
        await hearing.worker.stop("urgent")
        await hearing.until(WorkerExited)

    asyncio.run(scenario())
