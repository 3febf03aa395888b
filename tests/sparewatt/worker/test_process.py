"""What only a real worker process can show."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from sparewatt.process.child import environment_for
from sparewatt.testing.worker_bench import BATCH, LENGTH, SPEC, Bench, Hearing, begin
from sparewatt.work.memory import TrainingPass, least_bytes, memory_need, taken_bytes
from sparewatt.work.model import ModelSpec
from sparewatt.worker.areas import read_mark
from sparewatt.worker.messages import Applied, ApplyVersion, Failed, Progress, Ready, Trained
from sparewatt.worker.port import WorkerDevice, WorkerExited
from sparewatt.worker.remembered import FILE, Remembered
from sparewatt.worker.supervisor import WorkerProcess, WorkerSupervisor

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
]

# An engine in small: starts a worker that trains for a long time, says its process id and waits to be killed.
_ENGINE = """
import asyncio, os, sys
from pathlib import Path
from sparewatt.process.child import environment_for
from sparewatt.testing.worker_bench import BATCH, LENGTH, Bench, Hearing, begin
from sparewatt.work.model import ModelSpec
from sparewatt.worker.messages import Progress
from sparewatt.worker.supervisor import WorkerSupervisor

async def main():
    bench = Bench(Path(sys.argv[1]))
    bench.permit.compute()
    hearing = await begin(WorkerSupervisor(environment_for(os.environ, {}), lambda line: None), bench)
    await hearing.worker.send(bench.train(inner_steps=1000))
    await hearing.until(Progress)
    print(hearing.worker.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


# The real worker on a device whose memory holds not one sequence.
_CRAMPED = """
import os, sys
from sparewatt.worker.__main__ import main

def serve(started):
    import torch
    from sparewatt.training import inner
    from sparewatt.worker.loop import WorkerLoop

    def full(model, sequences):
        raise torch.OutOfMemoryError("out of memory")

    inner.next_token_loss = full
    return WorkerLoop(started.channel, started.areas, started.watch, started.leaving, ()).run()

os._exit(main(sys.argv[1:], serve=serve))
"""


def running(pid: int) -> bool:
    """Whether process `pid` still runs; one that nobody waits for is over all the same."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_killed_worker_is_replaced_and_the_areas_are_still_there(real: WorkerSupervisor, bench: Bench) -> None:
    async def scenario() -> None:
        bench.permit.compute()
        killed = await begin(real, bench)
        assert isinstance(killed.worker, WorkerProcess)
        await killed.worker.send(bench.train(inner_steps=1000))
        for _ in range(20):
            await killed.until(Progress)
        os.kill(killed.worker.pid, signal.SIGKILL)
        exited = await killed.until(WorkerExited)
        assert (exited.reason, exited.code) == ("killed", -signal.SIGKILL)
        mark = read_mark(bench.areas.trainable.view)
        assert mark is None or mark.inner_steps >= 1
        assert not bench.payload.exists()

        again = await begin(real, bench, from_keyframe=False)
        await again.worker.send(bench.train(inner_steps=2))
        assert (await again.until(Trained)).outcome == "finished"
        await again.worker.stop("urgent")
        await again.until(WorkerExited)

    asyncio.run(scenario())


def test_a_worker_is_gone_three_seconds_after_its_engine(tmp_path: Path) -> None:
    engine = subprocess.Popen(
        [sys.executable, "-c", _ENGINE, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment_for(os.environ, {}),
    )
    assert engine.stdout is not None
    with engine.stdout:
        worker = int(engine.stdout.readline())
    assert running(worker)
    engine.kill()
    engine.wait()
    killed_at = time.monotonic()
    while running(worker) and time.monotonic() < killed_at + 3.0:
        pass
    assert not running(worker)


def test_frames_in_an_impossible_order_end_the_worker(real: WorkerSupervisor, bench: Bench) -> None:
    async def scenario() -> None:
        hearing = await begin(real, bench)
        await hearing.worker.send(bench.configure())
        failed = await hearing.until(Failed)
        assert (failed.error_id, failed.fatal) == ("worker.order", True)
        assert (await hearing.until(WorkerExited)).reason == "protocol"

    asyncio.run(scenario())


def test_what_concerns_one_assignment_does_not_end_the_worker(real: WorkerSupervisor, bench: Bench) -> None:
    async def scenario() -> None:
        hearing = await begin(real, bench)
        bench.permit.compute()
        for train, error_id in (
            (bench.train(name="../outside"), "worker.path"),
            (bench.train(inner_steps=40_000), "data.range"),
        ):
            await hearing.worker.send(train)
            assert (await hearing.until(Failed)).error_id == error_id
        await hearing.worker.send(ApplyVersion(bench.version, str(bench.folder / "gone"), ()))
        assert (await hearing.until(Failed)).error_id == "blob.unreadable"
        await hearing.worker.send(bench.apply())
        await hearing.until(Applied)
        await hearing.worker.stop("urgent")
        await hearing.until(WorkerExited)

    asyncio.run(scenario())


def test_a_worker_without_its_areas_says_so(real: WorkerSupervisor, bench: Bench) -> None:
    async def scenario() -> None:
        handle = bench.areas.base.handle
        bench.areas.base.handle = "descriptor:9999:4"
        worker = await real.start(WorkerDevice("cpu"), bench.areas, bench.folders)
        bench.areas.base.handle = handle
        events = [event async for event in worker.events()]
        assert [event.reason for event in events if isinstance(event, WorkerExited)] == ["arguments"]

    asyncio.run(scenario())


@pytest.mark.skipif(sys.platform != "linux", reason="a limit on memory by prlimit")
def test_a_model_that_does_not_fit_is_said_in_words_and_not_a_crash(bench: Bench) -> None:
    async def scenario() -> None:
        limited = ("prlimit", f"--as={16 * 2**30}", sys.executable, "-P", "-m", "sparewatt.worker")
        supervisor = WorkerSupervisor(environment_for(os.environ, {}), print, limited)
        hearing = Hearing(await supervisor.start(WorkerDevice("cpu"), bench.areas, bench.folders))
        # 5 G parameters take 20 GB, more than the process may have whatever the computer has.
        huge = ModelSpec("llama", 256, 4096, 16384, 18, 32, 32, 64)
        await hearing.worker.send(msgspec.structs.replace(bench.configure(), model=huge))
        failed = await hearing.until(Failed)
        assert (failed.error_id, failed.fatal) == ("device.memory", True)
        assert (await hearing.until(WorkerExited)).reason == "unavailable"

    asyncio.run(scenario())


def test_a_worker_whose_permit_stops_advancing_ends_by_itself(real: WorkerSupervisor, bench: Bench) -> None:
    async def scenario() -> None:
        bench.permit.compute()
        hearing = await begin(real, bench)
        await hearing.worker.send(bench.train(inner_steps=100_000 // BATCH // LENGTH))
        await hearing.until(Progress)
        bench.permit.end()
        assert (await hearing.until(WorkerExited)).reason == "permit_expired"

    asyncio.run(scenario())


def configured(bench: Bench, folder: Path, free_bytes: int | None) -> list[object]:
    """What a new worker says when it is told how much memory it may take."""

    async def scenario() -> list[object]:
        starter = WorkerSupervisor(environment_for(os.environ, {}), print)
        hearing = Hearing(await starter.start(WorkerDevice("cpu"), bench.areas, bench.folders))
        await hearing.worker.send(msgspec.structs.replace(bench.configure(), memory_free_bytes=free_bytes))
        first = await hearing.next()
        await hearing.worker.stop("relaxed")
        return [first, *await hearing.rest()]

    return asyncio.run(scenario())


def test_a_worker_takes_no_more_memory_than_there_is_and_says_what_it_would_need(bench: Bench, tmp_path: Path) -> None:
    least = least_bytes(SPEC, LENGTH, "fp32", card=False)
    one = memory_need(SPEC, TrainingPass(LENGTH, 1), card=False)
    ready = configured(bench, tmp_path, taken_bytes(one, card=False))[0]
    assert isinstance(ready, Ready)
    assert (ready.micro_batch_sequences, ready.checkpointing, ready.compute) == (1, False, "fp32")
    small = configured(bench, tmp_path, least)[0]
    assert isinstance(small, Ready)
    assert (small.micro_batch_sequences, small.checkpointing) == (1, True)
    failed, *_, exited = configured(bench, tmp_path, least - 1)
    assert isinstance(failed, Failed)
    assert (failed.error_id, failed.fatal) == ("device.memory_needed", True)
    assert failed.parameters == {"needed_bytes": least, "free_bytes": least - 1}
    assert isinstance(exited, WorkerExited)
    assert exited.reason == "unavailable"


def test_the_next_worker_begins_with_the_micro_batch_that_the_last_one_ended_with(bench: Bench) -> None:
    async def scenario() -> None:
        starter = WorkerSupervisor(environment_for(os.environ, {}), print)
        hearing = await begin(starter, bench)
        bench.permit.compute()
        await hearing.worker.send(bench.train(inner_steps=1))
        await hearing.until(Trained)
        await hearing.worker.stop("relaxed")
        await hearing.rest()
        (found,) = msgspec.json.decode((bench.folder / FILE).read_bytes(), type=list[Remembered])
        assert (found.sequences, found.sequences_most) == (BATCH, BATCH)
        (bench.folder / FILE).write_bytes(msgspec.json.encode([Remembered(found.key, 1, 2)]))
        again = Hearing(await starter.start(WorkerDevice("cpu"), bench.areas, bench.folders))
        await again.worker.send(bench.configure())
        ready = await again.next()
        await again.worker.stop("relaxed")
        await again.rest()
        assert isinstance(ready, Ready)
        assert ready.micro_batch_sequences == 1
        grown = await begin(starter, bench)
        await grown.worker.send(bench.train(inner_steps=2))
        await grown.until(Trained)
        await grown.worker.stop("relaxed")
        await grown.rest()
        (kept,) = msgspec.json.decode((bench.folder / FILE).read_bytes(), type=list[Remembered])
        assert kept.sequences_most == 2, "what ran out of memory once is not tried again"

    asyncio.run(scenario())


def test_a_worker_that_ran_out_of_memory_leaves_word_of_it_for_the_next(bench: Bench) -> None:
    async def scenario() -> None:
        cramped = WorkerSupervisor(environment_for(os.environ, {}), print, (sys.executable, "-P", "-c", _CRAMPED))
        hearing = await begin(cramped, bench)
        bench.permit.compute()
        await hearing.worker.send(bench.train(inner_steps=1))
        failed = await hearing.until(Failed)
        assert (failed.error_id, failed.parameters, failed.fatal) == ("device.out_of_memory", {"sequences": 1}, True)
        await hearing.until(WorkerExited)
        (kept,) = msgspec.json.decode((bench.folder / FILE).read_bytes(), type=list[Remembered])
        assert (kept.sequences, kept.sequences_most) == (1, 1)

    asyncio.run(scenario())


def test_a_run_whose_optimiser_only_cards_have_is_refused_before_anything_is_built(bench: Bench) -> None:
    async def scenario() -> None:
        starter = WorkerSupervisor(environment_for(os.environ, {}), print)
        hearing = Hearing(await starter.start(WorkerDevice("cpu"), bench.areas, bench.folders))
        configure = bench.configure()
        optimiser = msgspec.structs.replace(configure.optimiser, name="adamw-8bit")
        await hearing.worker.send(msgspec.structs.replace(configure, optimiser=optimiser))
        failed = await hearing.until(Failed)
        assert (failed.error_id, failed.fatal) == ("optimiser.device", True)
        assert failed.parameters == {"device": "CPU (1 thread)"}
        assert (await hearing.until(WorkerExited)).reason == "unavailable"

    asyncio.run(scenario())
