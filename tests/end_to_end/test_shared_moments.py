"""Second moments, from one contributor's optimiser through a merge into the next one's: real worker, real merge."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sparewatt.blobs.folder import BlobFolder
from sparewatt.numeric.codec import UpdateReader
from sparewatt.numeric.merge_plan import MergePlan, PlannedUpdate
from sparewatt.process.child import environment_for
from sparewatt.testing.worker_bench import DENSE, KEPT, SHARED, SPEC, Bench, begin
from sparewatt.work.manifest import InnerSpec, OuterSpec
from sparewatt.work.model import parameter_count
from sparewatt.work.version import VersionId
from sparewatt.worker.messages import Applied, ApplyVersion, Trained
from sparewatt.worker.supervisor import WorkerSupervisor
from sparewatt_coordinator.aggregate.merge_job import run_merge
from sparewatt_coordinator.aggregate.messages import Merge, Merged

pytestmark = pytest.mark.processes

OUTER = OuterSpec(rule="sgd", rate_micro=1_000_000, momentum_micro=0, staleness_most=4, keyframe_every=1)


@dataclass(frozen=True)
class Then:
    """The next thing a worker does: train from `version`, whose keyframe and moments lie in files."""

    version: VersionId
    keyframe: Path
    moments: Path | None


def merged(blobs: BlobFolder, bench: Bench) -> Merged:
    plan = MergePlan(
        run="0" * 64,
        round=1,
        base=bench.version,
        outer_state=None,
        rule=OUTER,
        codec=DENSE,
        updates=(PlannedUpdate(blobs.add_bytes(bench.payload.read_bytes()), "ab" * 16, 1 << 16),),
        inner_state="fresh-shared-v" if bench.inner.shares_moments else None,
    )
    keyframe = blobs.add_bytes(bench.keyframe.read_bytes())
    return run_merge(Merge(id=1, model=SPEC, plan=plan, start_keyframe=keyframe, keyframe=True), blobs)


async def trained(bench: Bench, *later: Then, steps: int = 1) -> list[bytes]:
    """Payloads of a new worker that trains from version 0 and then as it is told."""
    payloads = []
    hearing = await begin(WorkerSupervisor(environment_for(os.environ, {}), print), bench)
    bench.permit.compute()
    for then in (None, *later):
        if then is not None:
            await hearing.worker.send(ApplyVersion(then.version, str(then.keyframe), ()))
            await hearing.until(Applied)
            bench.version = then.version
        await hearing.worker.send(bench.train(inner_steps=steps, moments=None if then is None else then.moments))
        await hearing.until(Trained)
        payloads.append(bench.payload.read_bytes())
    await hearing.worker.stop("relaxed")
    await hearing.rest()
    return payloads


def blocks(payload: bytes, folder: Path, tail_bytes: int) -> np.ndarray:
    path = folder / "looked-at"
    path.write_bytes(payload)
    with path.open("rb") as source:
        reader = UpdateReader(source, DENSE, parameter_count(SPEC), tail_bytes)
        return np.concatenate([reader.block(index) for index in range(reader.blocks)])


def on(folder: Path, inner: InnerSpec, *later: Then, steps: int = 1) -> list[bytes]:
    folder.mkdir(exist_ok=True)
    bench = Bench(folder, inner=inner)
    try:
        return asyncio.run(trained(bench, *later, steps=steps))
    finally:
        bench.close()


def test_a_version_s_moments_are_where_its_assignments_begin(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path / "blobs")
    bench = Bench(tmp_path, inner=SHARED)
    try:
        asyncio.run(trained(bench, steps=8))
        done = merged(blobs, bench)
    finally:
        bench.close()
    assert done.moments is not None
    assert done.keyframe is not None
    keyframe, moments = blobs.path(done.keyframe.sha256), blobs.path(done.moments.sha256)
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        for source in (keyframe, moments):
            (tmp_path / name / source.name).write_bytes(source.read_bytes())

    def then(name: str, *, shared: bool) -> Then:
        place = tmp_path / name
        return Then(done.version, place / keyframe.name, place / moments.name if shared else None)

    first = on(tmp_path / "a", SHARED, then("a", shared=True))[1]
    again = on(tmp_path / "b", SHARED, then("b", shared=True))[1]
    fresh = on(tmp_path / "c", InnerSpec(4, SHARED.batch_sequences, "fresh"), then("c", shared=False))[1]
    assert first == again, "the same version, seed and tokens are the same update, bit for bit"
    tail = len(first) - len(fresh)
    moved, from_nothing = blocks(first, tmp_path, tail), blocks(fresh, tmp_path, 0)
    # Adam from nothing moves every weight by one rate at its first step; with a second moment, by what it has learnt.
    assert np.median(np.abs(moved)) < 0.8 * np.median(np.abs(from_nothing))


def test_what_is_kept_makes_the_same_assignment_another_one_the_second_time(tmp_path: Path) -> None:
    keyframe = tmp_path / "k" / "keyframe"
    bench = Bench(tmp_path)
    version = bench.version
    bench.close()
    first, second = on(tmp_path / "k", KEPT, Then(version, keyframe, None), steps=3)
    assert first != second
    fresh = on(tmp_path / "k", InnerSpec(4, KEPT.batch_sequences, "fresh"), Then(version, keyframe, None), steps=3)
    assert fresh == [first, first]
