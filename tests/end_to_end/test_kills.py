"""Processes are killed in the middle of uploads, and nothing that was acknowledged is lost."""

import sys
import sysconfig
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest

from sparewatt.work.manifest import InnerSpec, RoundSpec
from sparewatt.work.model import ModelSpec
from sparewatt_coordinator.create.profile import Profile, run_profile
from sparewatt_coordinator.testing.processes import RealRun, real_run

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

TEXT = Path(sysconfig.get_path("stdlib")) / "email"


def large_upload() -> Profile:
    """10 M parameters and hardly any training: uploads of 40 chunks, one after the other."""
    profile = run_profile("tiny", contributors=2, tokens=10_000_000)
    return replace(
        profile,
        model=ModelSpec(
            architecture="llama",
            vocabulary_size=256,
            hidden_size=384,
            intermediate_size=1024,
            layers=6,
            heads=6,
            key_value_heads=6,
            context_length=64,
        ),
        sequence_length=16,
        inner=InnerSpec(inner_steps=4, batch_sequences=1, state="fresh"),
        optimiser=msgspec.structs.replace(profile.optimiser, peak_rate_nano=100_000, warmup_tokens=0),
        rounds=RoundSpec(
            tokens_target=64,
            grace_milliseconds=0,
            seconds_most=5,
            next_version_wait_milliseconds=0,
            tokens_total=10_000_000,
            seconds_total=0,
        ),
    )


def test_the_run_goes_on_and_every_accepted_update_has_one_credit_row(tmp_path: Path) -> None:
    with real_run(tmp_path, large_upload(), TEXT) as run:
        first, second = run.add_engine(), run.add_engine()
        run.until(lambda: run.status().status.updates_accepted >= 2, 180)
        kill_coordinator_mid_upload(run)
        before = run.status().status.updates_accepted
        run.until(lambda: run.status().status.updates_accepted >= before + 3)

        run.until(lambda: run.arriving and first.unsent > 0)
        first.process.kill()
        known = run.status().status.updates_accepted
        first.start_again()
        run.until(lambda: run.status().status.updates_accepted >= known + 4)
        run.until(lambda: len(first.receipts(run.created.run)) > 0)

        receipts = {
            receipt.assignment_id: receipt for engine in (first, second) for receipt in engine.receipts(run.created.run)
        }
        for engine in (first, second):
            assert engine.process.end() == 0
        assert run.coordinator.end() == 0
        books = run.books()

    assert len(books.updates) == len(set(books.updates)) >= 9
    assert sorted(assignment for assignment, _ in books.credits) == sorted(books.updates)
    assert sorted(sequence for _, sequence in books.credits) == list(range(1, len(books.credits) + 1))
    entered = dict(books.credits)
    assert {assignment: entered.get(assignment) for assignment in receipts} == {
        assignment: receipt.sequence for assignment, receipt in receipts.items()
    }, "what an engine holds a receipt for stands in the books under the same number"


def kill_coordinator_mid_upload(run: RealRun) -> None:
    accepted = run.status().status.updates_accepted
    run.until(lambda: run.arriving)
    run.coordinator.kill()
    run.serve_again()
    assert run.status().status.updates_accepted >= accepted


@pytest.mark.skipif(sys.platform != "linux", reason="reads from /proc what each process has mapped")
def test_each_program_loads_only_what_it_may_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """By the libraries that are mapped into each process while it works, whatever was imported when."""
    with real_run(tmp_path, large_upload(), TEXT) as run:
        engine = run.add_engine()
        run.until(lambda: run.status().status.updates_accepted >= 1, 180)
        programs = {"engine": engine.process.pid, "coordinator": run.coordinator.pid}
        for child in psutil.Process(engine.process.pid).children(recursive=True):
            programs["worker" if "sparewatt.worker" in child.cmdline() else "sensors"] = child.pid
        mapped = {name: libraries(pid) for name, pid in programs.items()}
        assert "torch" in mapped["worker"]
        assert not mapped["worker"] & {"cryptography", "websockets"}
        assert not mapped["engine"] & {"torch", "numpy", "safetensors"}
        assert not mapped["sensors"] & {"torch", "numpy", "cryptography", "websockets"}
        assert not mapped["coordinator"] & {"torch", "safetensors", "tokenizers"}
        pids = [*programs.values(), *(child.pid for child in psutil.Process(run.coordinator.pid).children())]
    run.until(lambda: not any(psutil.pid_exists(pid) for pid in pids), 10)


def libraries(pid: int) -> set[str]:
    """Packages of site-packages with a shared object in the process."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    paths = (line.split("/site-packages/")[1] for line in lines if "/site-packages/" in line)
    return {path.split("/")[0] for path in paths}


def test_a_dead_engine_leaves_no_worker_and_no_sensors(tmp_path: Path) -> None:
    with real_run(tmp_path, large_upload(), TEXT) as run:
        engine = run.add_engine()
        run.until(lambda: any(device.worker == "training" for device in engine.snapshot().devices), 180)
        children = psutil.Process(engine.process.pid).children(recursive=True)
        assert len(children) == 2
        engine.process.kill()
        _, alive = psutil.wait_procs(children, timeout=3)
        assert alive == []
