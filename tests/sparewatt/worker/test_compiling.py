"""A real worker that compiles its model, held in as strongly as it can be, and one that is not let."""

import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from sparewatt.numeric.weights import as_floats
from sparewatt.process.child import environment_for
from sparewatt.testing.worker_bench import Bench, Hearing
from sparewatt.training.compiling import missing_program
from sparewatt.work.model import ModelSpec
from sparewatt.worker.areas import TRAINABLE_HEADER_BYTES
from sparewatt.worker.messages import Applied, Progress, Ready, Trained, Uncompiled
from sparewatt.worker.port import WorkerDevice, WorkerEvent, WorkerExited
from sparewatt.worker.supervisor import WorkerProcess, WorkerSupervisor

pytestmark = [
    pytest.mark.processes,
    # A compiler takes as long as it takes; what it makes is judged, not how fast.
    pytest.mark.timeout(900),
    pytest.mark.skipif(missing_program("cpu") is not None, reason="no C++ compiler"),
]

SMALL = ModelSpec("llama", 256, 32, 64, 1, 2, 2, 64)
STEPS = 2
COMPILING_SECONDS_MOST = 600.0


async def trained(real: WorkerSupervisor, bench: Bench, *, let: bool, wanted: bool) -> list[WorkerEvent]:
    """All that a worker says from its start to its end."""
    heard: list[WorkerEvent] = []
    bench.permit.compute()
    hearing = Hearing(await real.start(WorkerDevice("cpu", compile=let), bench.areas, bench.folders))
    await hearing.worker.send(msgspec.structs.replace(bench.configure(), compile=wanted))
    await hearing.worker.send(bench.apply())
    await hearing.worker.send(bench.train(inner_steps=STEPS))
    while not isinstance(heard[-1] if heard else None, Trained):
        heard.append(await hearing.next(COMPILING_SECONDS_MOST))
    await hearing.worker.stop("relaxed")
    return [*heard, *await hearing.rest()]


def outcome(real: WorkerSupervisor, folder: Path, *, let: bool, wanted: bool) -> tuple[list[WorkerEvent], np.ndarray]:
    folder.mkdir()
    bench = Bench(folder, SMALL)
    try:
        events = asyncio.run(trained(real, bench, let=let, wanted=wanted))
        return events, as_floats(bench.areas.trainable.view[TRAINABLE_HEADER_BYTES:]).copy()
    finally:
        bench.close()


def losses(events: list[WorkerEvent]) -> list[float]:
    return [event.loss_micro / 1e6 for event in events if isinstance(event, Progress)]


def test_a_compiled_model_learns_what_the_plain_one_does(real: WorkerSupervisor, tmp_path: Path) -> None:
    plain_events, plain = outcome(real, tmp_path / "plain", let=False, wanted=False)
    events, weights = outcome(real, tmp_path / "compiled", let=True, wanted=True)
    assert [event for event in events if isinstance(event, Uncompiled)] == []
    assert list((tmp_path / "compiled").glob("*/*.so")), "nothing was compiled"
    assert not list((tmp_path / "plain").glob("*/*.so"))
    assert losses(events) == pytest.approx(losses(plain_events), abs=1e-4)
    assert np.abs(weights - plain).max() < 1e-4
    assert [event.compiled for event in events if isinstance(event, Progress)] == [True, False]
    assert [event.reason for event in events if isinstance(event, WorkerExited)] == ["stopped"]
    if sys.platform == "linux":
        held = [set(event.isolation) for event in (*plain_events, *events) if isinstance(event, Ready)]
        assert held[0] - held[1] <= {"programs"}, "only starting programs was given back"


@pytest.mark.skipif(sys.platform != "linux", reason="only there a worker is kept from starting programs and tested")
def test_a_worker_that_may_start_nothing_says_so_once_and_trains_as_usual(
    real: WorkerSupervisor, tmp_path: Path
) -> None:
    plain_events, plain = outcome(real, tmp_path / "plain", let=False, wanted=False)
    events, weights = outcome(real, tmp_path / "held", let=False, wanted=True)
    told = [event for event in events if isinstance(event, Uncompiled)]
    assert [event.error_id for event in told] == ["compile.failed"]
    assert told[0].parameters["reason"]
    assert losses(events) == losses(plain_events)
    assert (weights == plain).all()


@pytest.mark.skipif(sys.platform == "win32", reason="groups of processes")
def test_a_compiler_does_not_outlive_its_worker(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    bench = Bench(folder, SMALL)
    # What a worker imports from, it may also start.
    compilers = tmp_path / "compilers"
    compilers.mkdir()
    for name in ("g++", "clang++"):
        (compilers / name).write_text("#!/bin/sh\nexec sleep 600\n")
        (compilers / name).chmod(0o755)
    environment = environment_for(os.environ, {"PYTHONPATH": str(compilers)})
    environment["PATH"] = f"{compilers}{os.pathsep}{environment['PATH']}"

    async def scenario() -> list[psutil.Process]:
        bench.permit.compute()
        starter = WorkerSupervisor(environment, print)
        hearing = Hearing(await starter.start(WorkerDevice("cpu", compile=True), bench.areas, bench.folders))
        await hearing.worker.send(msgspec.structs.replace(bench.configure(), compile=True))
        await hearing.worker.send(bench.apply())
        await hearing.worker.send(bench.train(inner_steps=STEPS))
        await hearing.until(Applied)
        assert isinstance(hearing.worker, WorkerProcess)
        worker = psutil.Process(hearing.worker.pid)
        until = time.monotonic() + COMPILING_SECONDS_MOST
        while not (started := worker.children(recursive=True)):
            assert time.monotonic() < until, "no compiler was started"
            await asyncio.sleep(0.01)
        await hearing.worker.stop("urgent")
        await hearing.rest()
        return started

    try:
        left = asyncio.run(scenario())
        _, alive = psutil.wait_procs(left, timeout=60)
        assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    finally:
        bench.close()
