"""A disk that fills up under a real engine, and under a real coordinator.

Started by `test_full_disk` in a mount namespace of its own, so that the small disk is gone with this process, however
it ends: ``python full_disk.py SCENARIO FOLDER``.
"""

import asyncio
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sparewatt.control.client import connect
from sparewatt.control.local_socket import control_address
from sparewatt.control.messages import SetSetting
from sparewatt.work.manifest import InnerSpec, RoundSpec
from sparewatt.work.model import ModelSpec
from sparewatt.worker import remembered
from sparewatt_coordinator.create.profile import Profile, run_profile
from sparewatt_coordinator.testing.processes import RealEngine, RealProcess, RealRun, real_run

TEXT = Path(sysconfig.get_path("stdlib")) / "email"
DISK_MB = 96


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own for a folder."""
    folder.mkdir(parents=True, mode=0o700)
    options = f"size={DISK_MB}m,mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "small", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """A file that leaves not one free block."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            pass
    assert os.statvfs(folder).f_bavail == 0
    return filler


def quick() -> Profile:
    """A model of 0.1 M parameters and four inner steps an assignment: quick on any computer, and a round for each."""
    profile = run_profile("tiny", contributors=1, tokens=10_000_000)
    return replace(
        profile,
        model=ModelSpec(
            architecture="llama",
            vocabulary_size=256,
            hidden_size=64,
            intermediate_size=128,
            layers=2,
            heads=2,
            key_value_heads=2,
            context_length=64,
        ),
        sequence_length=16,
        inner=InnerSpec(inner_steps=4, batch_sequences=1, state="fresh"),
        rounds=RoundSpec(
            tokens_target=64,
            grace_milliseconds=0,
            seconds_most=60,
            next_version_wait_milliseconds=500,
            tokens_total=10_000_000,
            seconds_total=0,
        ),
    )


def accepted(run: RealRun) -> int:
    return run.status().status.updates_accepted


def let_it_fill_its_disk(engine: RealEngine) -> None:
    """Without this the policy stops the workers long before a disk of this size is full."""
    set_setting(engine, "disk_free_min_mb", "0")


def set_setting(engine: RealEngine, key: str, value: str) -> None:
    async def work() -> None:
        address = control_address(engine.folder, os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir())
        async with await connect(address) as client:
            revision = (await client.snapshot()).settings_revision
            await client.command(lambda number: SetSetting(id=number, revision=revision, key=key, value=value))

    asyncio.run(work())


def said(engine: RealEngine) -> set[str]:
    """Ids of every error that the engine shows now."""
    snapshot = engine.snapshot()
    return {device.error.error_id for device in snapshot.devices if device.error is not None} | {
        run.connection.error.error_id for run in snapshot.runs if run.connection.error is not None
    }


def started_in_vain(start: Callable[[], RealProcess], log: Path) -> str:
    """What a program says that cannot start on a full disk."""
    said_before = len(log.read_text())
    process = start()
    deadline = time.monotonic() + 60
    while process.running:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert process.end() == 5, "a storage error's exit code"
    return log.read_text()[said_before:]


def under_an_engine(folder: Path) -> None:
    with small_disk(folder / "engine-1") as disk, real_run(folder, quick(), TEXT) as run:
        engine = run.add_engine()
        let_it_fill_its_disk(engine)
        run.until(lambda: accepted(run) >= 2, 180)

        filler = fill(disk)
        run.until(lambda: "storage.full" in said(engine))
        assert engine.process.running

        filler.unlink()
        known = accepted(run)
        run.until(lambda: accepted(run) >= known + 3)
        run.until(lambda: not said(engine))
        assert "Traceback" not in (disk / "engine.log").read_text()

        engine.process.kill()
        filler = fill(disk)

        engine.start_again()
        run.until(lambda: "storage.full" in said(engine))
        assert engine.process.running, "what is there can be read, so it runs and waits for room"

        filler.unlink()
        known = accepted(run)
        run.until(lambda: accepted(run) >= known + 2)
        run.until(lambda: len(engine.receipts(run.created.run)) >= known + 2)
        finish(run, engine)


def under_a_coordinator(folder: Path) -> None:
    log = folder / "coordinator.log"
    with small_disk(folder / "run") as disk, real_run(folder, quick(), TEXT) as run:
        engine = run.add_engine()
        run.until(lambda: accepted(run) >= 2, 180)

        filler = fill(disk)
        run.until(lambda: "is full" in log.read_text())
        assert run.coordinator.running

        filler.unlink()
        known = accepted(run)
        assert known >= 2
        run.until(lambda: accepted(run) >= known + 3)
        assert log.read_text().count("is full") == 1, "it is said once"

        assert run.coordinator.end() == 0
        filler = fill(disk)
        serve = ["sparewatt_coordinator.server", "--data", str(disk), "--listen", "127.0.0.1:0"]
        words = started_in_vain(lambda: RealProcess(serve, log), log)
        assert "is full" in words
        assert len(words.splitlines()) == 1, words

        filler.unlink()
        run.serve_again()
        assert accepted(run) >= known + 3
        run.until(lambda: accepted(run) >= known + 6)
        run.until(lambda: len(engine.receipts(run.created.run)) >= known + 6)
        assert "Traceback" not in log.read_text()
        finish(run, engine)


def pausable() -> Profile:
    """A model of 1.6 M parameters whose checkpoint takes 19 MB and whose update 1.6 MB, and long assignments."""
    profile = quick()
    return replace(
        profile,
        model=ModelSpec(
            architecture="llama",
            vocabulary_size=256,
            hidden_size=160,
            intermediate_size=448,
            layers=5,
            heads=4,
            key_value_heads=4,
            context_length=64,
        ),
        inner=InnerSpec(inner_steps=100, batch_sequences=2, state="fresh"),
        rounds=RoundSpec(
            tokens_target=100 * 32,
            grace_milliseconds=0,
            seconds_most=300,
            next_version_wait_milliseconds=500,
            tokens_total=10_000_000,
            seconds_total=0,
        ),
    )


def training(engine: RealEngine) -> bool:
    return any(
        device.worker == "training" and device.current is not None and device.current.inner_steps >= 2
        for device in engine.snapshot().devices
    )


def under_a_checkpoint(folder: Path) -> None:
    """What is free takes an update but no checkpoint: the work that was done is brought home all the same."""
    with small_disk(folder / "engine-1") as disk, real_run(folder, pausable(), TEXT) as run:
        engine = run.add_engine()
        set_setting(engine, "disk_free_min_mb", "0")
        run.until(lambda: training(engine), 180)

        filler = fill(disk)
        with filler.open("rb+") as file:
            file.truncate(filler.stat().st_size - 9_000_000)
        set_setting(engine, "when_to_run", "never")
        run.until(lambda: accepted(run) == 1, 180)
        log = (disk / "engine.log").read_text()
        assert "no checkpoint of" in log
        assert "storage.full" in log
        assert "Traceback" not in log
        left = {path.name for path in disk.glob("work/*/*")}
        assert left <= {remembered.FILE}, "and nothing that was begun is left behind"

        filler.unlink()
        set_setting(engine, "when_to_run", "always")
        run.until(lambda: accepted(run) >= 2, 240)
        run.until(lambda: len(engine.receipts(run.created.run)) >= 2)
        first, *_ = engine.receipts(run.created.run)
        assert 0 < first.tokens < 100 * 32
        finish(run, engine)


def finish(run: RealRun, engine: RealEngine) -> None:
    """What the engine holds a receipt for stands in the books, and everything accepted is credited once."""
    receipts = {each.assignment_id: each.sequence for each in engine.receipts(run.created.run)}
    assert engine.process.end() == 0
    assert run.coordinator.end() == 0
    books = run.books()
    entered = dict(books.credits)
    assert len(entered) == len(books.credits)
    assert sorted(entered) == sorted(books.updates)
    assert receipts.items() <= entered.items()


if __name__ == "__main__":
    scenarios = {"engine": under_an_engine, "coordinator": under_a_coordinator, "checkpoint": under_a_checkpoint}
    scenarios[sys.argv[1]](Path(sys.argv[2]))
