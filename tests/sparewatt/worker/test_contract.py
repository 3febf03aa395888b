"""What every worker does, the real one and the one without torch."""

import asyncio
from pathlib import Path

import msgspec
import numpy as np
import pytest

from sparewatt.numeric.codec import UpdateReader
from sparewatt.numeric.moment_layout import moment_numbers
from sparewatt.numeric.moments import check_numbers, unreported
from sparewatt.numeric.version_hash import version_sha256
from sparewatt.numeric.weights import as_floats
from sparewatt.testing.worker_bench import BATCH, LENGTH, SHARED, SPEC, Bench, Hearing, begin
from sparewatt.work.adapter import AdapterSpec
from sparewatt.work.manifest import CodecSpec
from sparewatt.work.model import frozen_count, parameter_count
from sparewatt.work.version import VersionId
from sparewatt.worker.areas import TRAINABLE_HEADER_BYTES, TrainedMark, begin_copy, end_copy, read_mark
from sparewatt.worker.checkpoint import CHECKPOINT, checkpoint_bytes
from sparewatt.worker.messages import (
    Applied,
    ApplyVersion,
    Checkpointed,
    Failed,
    Progress,
    SaveCheckpoint,
    Trained,
)
from sparewatt.worker.port import WorkerDevice, WorkerExited, WorkerStarter


def test_an_assignment_from_version_to_payload(starter: WorkerStarter, bench: Bench) -> None:
    async def scenario() -> None:
        hearing = await begin(starter, bench)
        assert version_sha256(SPEC, bench.areas.base.view) == bench.version.sha256
        bench.permit.compute()
        await hearing.worker.send(bench.train(inner_steps=3))
        steps = [await hearing.until(Progress) for _ in range(3)]
        assert [step.inner_steps for step in steps] == [1, 2, 3]
        assert steps[-1].tokens == 3 * BATCH * LENGTH
        trained = await hearing.until(Trained)
        assert (trained.outcome, trained.inner_steps, trained.tokens) == ("finished", 3, 3 * BATCH * LENGTH)
        assert trained.loss_last_micro < trained.loss_first_micro
        assert trained.payload.sha256 == bench.payload_sha256()
        assert trained.payload.size == bench.payload.stat().st_size
        assert read_mark(bench.areas.trainable.view) == TrainedMark(
            "ab" * 16,
            3,
            trained.tokens,
            trained.loss_first_micro,
            trained.loss_last_micro,
            trained.train_milliseconds,
        )
        await hearing.worker.stop("relaxed")
        assert [event.reason for event in await hearing.rest() if isinstance(event, WorkerExited)] == ["stopped"]

    asyncio.run(scenario())
    base = as_floats(bench.areas.base.view)
    moved = base - as_floats(bench.areas.trainable.view[TRAINABLE_HEADER_BYTES:])
    with bench.payload.open("rb") as source:
        reader = UpdateReader(source, CodecSpec("int8", "none"), parameter_count(SPEC))
        decoded = np.concatenate([reader.block(index) for index in range(reader.blocks)]) / 2.0**36
    assert np.abs(moved).max() > 0
    assert np.abs(decoded - moved).max() <= np.abs(moved).max() / 127


def test_an_adapters_update_is_as_small_as_the_adapter(starter: WorkerStarter, tmp_path: Path) -> None:
    spec = msgspec.structs.replace(SPEC, adapter=AdapterSpec(2, 16, ("mlp.up_proj", "self_attn.q_proj")))
    bench = Bench(tmp_path, spec)
    frozen = (tmp_path / "frozen").read_bytes()

    async def scenario() -> Trained:
        hearing = await begin(starter, bench)
        assert version_sha256(spec, bench.areas.base.view) == bench.version.sha256
        bench.permit.compute()
        await hearing.worker.send(bench.train(inner_steps=4))
        trained = await hearing.until(Trained)
        await hearing.worker.stop("relaxed")
        await hearing.rest()
        return trained

    try:
        trained = asyncio.run(scenario())
        moved = as_floats(bench.areas.base.view) - as_floats(bench.areas.trainable.view[TRAINABLE_HEADER_BYTES:])
        assert len(moved) == parameter_count(spec) < frozen_count(spec) // 30
        assert np.abs(moved).max() > 0
    finally:
        bench.close()
    assert trained.loss_last_micro < trained.loss_first_micro
    assert trained.payload.size < 2 * parameter_count(spec)
    assert (tmp_path / "frozen").read_bytes() == frozen


def test_weights_other_than_those_an_adapter_stands_on_end_the_worker(real: WorkerStarter, tmp_path: Path) -> None:
    spec = msgspec.structs.replace(SPEC, adapter=AdapterSpec(2, 16, ("mlp.up_proj",)))
    bench = Bench(tmp_path, spec)
    with (tmp_path / "frozen").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x40")  # the last weight, 1.0, becomes 4.0

    async def scenario() -> None:
        hearing = Hearing(await real.start(WorkerDevice("cpu"), bench.areas, bench.folders))
        await hearing.worker.send(bench.configure())
        failed = await hearing.until(Failed)
        assert (failed.error_id, failed.fatal) == ("frozen.hash", True)
        await hearing.rest()

    try:
        asyncio.run(scenario())
    finally:
        bench.close()


def test_what_one_update_leaves_out_is_what_the_next_begins_with(starter: WorkerStarter, tmp_path: Path) -> None:
    bench = Bench(tmp_path, codec=CodecSpec("topk", "decay", kept=64, decay_micro=950_000))

    async def scenario() -> tuple[Trained, Trained]:
        hearing = await begin(starter, bench)
        bench.permit.compute()
        updates = []
        for _ in range(2):
            await hearing.worker.send(bench.train(inner_steps=2))
            updates.append(await hearing.until(Trained))
        await hearing.worker.stop("relaxed")
        await hearing.rest()
        return updates[0], updates[1]

    try:
        first, second = asyncio.run(scenario())
    finally:
        bench.close()
    assert first.residual_before_root != first.residual_after_root
    assert first.residual_after_root == second.residual_before_root != second.residual_after_root
    assert first.payload.size < parameter_count(SPEC) // 8


def test_nothing_is_trained_while_the_permit_is_held_back(starter: WorkerStarter, bench: Bench) -> None:
    async def scenario() -> None:
        hearing = await begin(starter, bench)
        await hearing.worker.send(bench.train())
        with pytest.raises(TimeoutError):
            await hearing.next(seconds=0.6)
        mark = read_mark(bench.areas.trainable.view)
        assert mark is not None
        assert mark.inner_steps == 0
        bench.permit.compute()
        assert (await hearing.until(Progress)).inner_steps == 1
        await hearing.worker.stop("urgent")
        await hearing.until(WorkerExited)

    asyncio.run(scenario())


def test_a_relaxed_stop_brings_home_what_was_completed(starter: WorkerStarter, bench: Bench) -> None:
    async def scenario() -> None:
        hearing = await begin(starter, bench)
        bench.permit.compute()
        await hearing.worker.send(bench.train(inner_steps=1000))
        await hearing.until(Progress)
        await hearing.worker.stop("relaxed")
        rest = await hearing.rest()
        trained = next(event for event in rest if isinstance(event, Trained))
        assert trained.outcome == "partial"
        assert 1 <= trained.inner_steps < 1000
        assert trained.payload.sha256 == bench.payload_sha256()
        assert isinstance(rest[-1], WorkerExited)
        assert rest[-1].reason == "stopped"

    asyncio.run(scenario())


async def stopped_midway(starter: WorkerStarter, bench: Bench, inner_steps: int) -> Checkpointed:
    """Train some inner steps of an assignment and leave a checkpoint."""
    hearing = await begin(starter, bench)
    bench.permit.compute()
    await hearing.worker.send(bench.train(inner_steps=inner_steps))
    await hearing.until(Progress)
    await hearing.worker.stop("resumable")
    rest = await hearing.rest()
    assert not any(isinstance(event, Trained) for event in rest)
    assert isinstance(rest[-1], WorkerExited)
    assert rest[-1].reason == "stopped"
    return next(event for event in rest if isinstance(event, Checkpointed))


def test_a_resumable_stop_leaves_a_checkpoint_from_which_another_worker_goes_on(
    starter: WorkerStarter, bench: Bench
) -> None:
    async def scenario() -> None:
        kept = await stopped_midway(starter, bench, 1000)
        assert (kept.error_id, kept.base) == ("", bench.version)
        assert not bench.payload.exists()
        header = CHECKPOINT.read_header(bench.checkpoint)
        mark = read_mark(bench.areas.trainable.view)
        assert header.mark == mark
        assert header.inner_steps == kept.inner_steps
        assert bench.checkpoint.stat().st_size <= checkpoint_bytes(parameter_count(SPEC))

        again = await begin(starter, bench, from_keyframe=False)
        await again.worker.send(bench.train(1000, resume=True))
        first = await again.until(Progress)
        assert (first.inner_steps, first.tokens) == (kept.inner_steps + 1, (kept.inner_steps + 1) * BATCH * LENGTH)
        await again.worker.stop("relaxed")
        trained = next(event for event in await again.rest() if isinstance(event, Trained))
        assert trained.inner_steps > kept.inner_steps
        assert trained.tokens == trained.inner_steps * BATCH * LENGTH
        assert mark is not None
        assert trained.loss_first_micro == mark.loss_first_micro
        assert trained.train_milliseconds >= mark.train_milliseconds

    asyncio.run(scenario())


def test_an_encoder_makes_of_a_checkpoint_what_the_worker_would_have_made(
    starter: WorkerStarter, bench: Bench, tmp_path: Path
) -> None:
    """In areas that hold nothing, as in an engine that was started anew."""

    async def scenario(later: Bench) -> None:
        kept = await stopped_midway(starter, bench, 1000)
        bench.permit.encode_only()
        encoder = Hearing(await starter.start_encoder(bench.areas, bench.folders))
        await encoder.worker.send(bench.encode())
        expected = await encoder.until(Trained)
        await encoder.worker.stop("relaxed")
        await encoder.rest()

        later.permit.encode_only()
        encoder = Hearing(await starter.start_encoder(later.areas, later.folders))
        await encoder.worker.send(later.configure())
        await encoder.worker.send(later.apply())
        assert (await encoder.until(Applied)).version == later.version
        for assignment, error_id in (("ba" * 16, "kept.other"), ("ab" * 16, "")):
            frame = later.encode(assignment=assignment)
            await encoder.worker.send(msgspec.structs.replace(frame, checkpoint_path=str(later.checkpoint)))
            if error_id:
                assert (await encoder.until(Failed)).error_id == error_id
        trained = await encoder.until(Trained)
        assert (trained.inner_steps, trained.tokens) == (kept.inner_steps, expected.tokens)
        assert (trained.payload, trained.delta_root) == (expected.payload, expected.delta_root)
        await encoder.worker.stop("relaxed")
        await encoder.rest()

    later = Bench(tmp_path)
    try:
        asyncio.run(scenario(later))
    finally:
        later.close()


def test_a_checkpoint_that_does_not_hold_is_refused_and_the_worker_begins_anew(
    starter: WorkerStarter, bench: Bench
) -> None:
    async def scenario() -> None:
        await stopped_midway(starter, bench, 1000)
        whole = bench.checkpoint.read_bytes()
        again = await begin(starter, bench, from_keyframe=False)
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 1
        for data, assignment, error_id in (
            (bytes(changed), "ab" * 16, "kept.damaged"),
            (whole[:-1], "ab" * 16, "kept.damaged"),
            (whole + b"0", "ab" * 16, "kept.damaged"),
            (whole, "ba" * 16, "kept.other"),
        ):
            bench.checkpoint.write_bytes(data)
            await again.worker.send(bench.train(1000, assignment=assignment, resume=True))
            failed = await again.until(Failed)
            assert (failed.error_id, failed.fatal) == (error_id, False)
        bench.checkpoint.unlink()
        await again.worker.send(bench.train(1000, resume=True))
        assert (await again.until(Failed)).error_id == "kept.unreadable"
        await again.worker.send(bench.train(2))
        trained = await again.until(Trained)
        assert (trained.outcome, trained.inner_steps) == ("finished", 2)
        await again.worker.stop("relaxed")
        await again.rest()

    asyncio.run(scenario())


def test_a_checkpoint_is_written_while_the_training_goes_on(starter: WorkerStarter, bench: Bench) -> None:
    async def scenario() -> None:
        hearing = await begin(starter, bench)
        await hearing.worker.send(SaveCheckpoint())
        bench.permit.compute()
        await hearing.worker.send(bench.train(inner_steps=1000))
        await hearing.until(Progress)
        await hearing.worker.send(SaveCheckpoint())
        kept = await hearing.until(Checkpointed)
        assert kept.error_id == ""
        assert (await hearing.until(Progress)).inner_steps == kept.inner_steps + 1
        bench.checkpoint.unlink()
        bench.checkpoint.mkdir()
        await hearing.worker.send(SaveCheckpoint())
        assert (await hearing.until(Checkpointed)).error_id == "storage.unusable"
        await hearing.worker.stop("resumable")
        rest = await hearing.rest()
        assert any(isinstance(event, Trained) for event in rest), "where no checkpoint can be written, an update is"

    asyncio.run(scenario())


def test_a_worker_outlives_a_bad_file_and_a_second_stop_is_harmless(starter: WorkerStarter, bench: Bench) -> None:
    async def scenario() -> None:
        hearing = await begin(starter, bench)
        bench.shard.with_name("bad").write_bytes(b"not a patch")
        await hearing.worker.send(ApplyVersion(bench.version, None, (str(bench.folder / "bad"),)))
        failed = await hearing.until(Failed)
        assert (failed.error_id, failed.fatal) == ("patch.malformed", False)
        await hearing.worker.send(bench.apply())
        await hearing.until(Applied)
        await hearing.worker.stop("relaxed")
        await hearing.worker.stop("urgent")
        await hearing.worker.send(bench.apply())
        assert isinstance((await hearing.rest())[-1], WorkerExited)

    asyncio.run(scenario())


def test_an_urgent_stop_leaves_what_was_completed_in_the_engines_memory(starter: WorkerStarter, bench: Bench) -> None:
    async def scenario() -> None:
        hearing = await begin(starter, bench)
        bench.permit.compute()
        await hearing.worker.send(bench.train(inner_steps=1000))
        completed = await hearing.until(Progress)
        await hearing.worker.stop("urgent")
        rest = await hearing.rest()
        assert not any(isinstance(event, Trained) for event in rest)
        assert isinstance(rest[-1], WorkerExited)
        assert rest[-1].reason == "stopped"
        assert not bench.payload.exists()
        mark = read_mark(bench.areas.trainable.view)
        assert mark is not None
        assert mark.inner_steps >= completed.inner_steps
        assert mark.tokens == mark.inner_steps * BATCH * LENGTH
        assert mark.loss_last_micro > 0

        bench.permit.encode_only()
        encoder = Hearing(await starter.start_encoder(bench.areas, bench.folders))
        await encoder.worker.send(bench.encode(inner_steps=1000))
        trained = await encoder.until(Trained)
        assert (trained.outcome, trained.inner_steps, trained.tokens) == ("partial", mark.inner_steps, mark.tokens)
        assert trained.payload.sha256 == bench.payload_sha256()
        await encoder.worker.stop("relaxed")
        assert [event.reason for event in await encoder.rest() if isinstance(event, WorkerExited)] == ["stopped"]

    asyncio.run(scenario())
    moved = as_floats(bench.areas.base.view) - as_floats(bench.areas.trainable.view[TRAINABLE_HEADER_BYTES:])
    assert np.abs(moved).max() > 0
    with bench.payload.open("rb") as source:
        reader = UpdateReader(source, CodecSpec("int8", "none"), parameter_count(SPEC))
        decoded = np.concatenate([reader.block(index) for index in range(reader.blocks)]) / 2.0**36
    assert np.abs(decoded - moved).max() <= np.abs(moved).max() / 127


def test_an_encoder_waits_for_leave_and_can_be_sent_away(starter: WorkerStarter, bench: Bench) -> None:
    async def scenario() -> None:
        begin_copy(bench.areas.trainable.view)
        end_copy(bench.areas.trainable.view, TrainedMark("ab" * 16, 2, 2 * BATCH * LENGTH))
        encoder = Hearing(await starter.start_encoder(bench.areas, bench.folders))
        await encoder.worker.send(bench.encode())
        with pytest.raises(TimeoutError):
            await encoder.next(seconds=1.0)
        await encoder.worker.stop("urgent")
        assert [type(event) for event in await encoder.rest()] == [WorkerExited]
        assert not bench.payload.exists()

    asyncio.run(scenario())


def test_an_encoder_says_when_nothing_was_kept(starter: WorkerStarter, bench: Bench) -> None:
    async def scenario() -> None:
        bench.permit.encode_only()
        encoder = Hearing(await starter.start_encoder(bench.areas, bench.folders))
        await encoder.worker.send(bench.encode())
        assert (await encoder.until(Failed)).error_id == "worker.nothing_kept"
        await encoder.worker.stop("relaxed")
        await encoder.until(WorkerExited)

    asyncio.run(scenario())


def moments_of(payload: Path) -> bytes:
    with payload.open("rb") as source:
        numbers = moment_numbers(SPEC)
        reader = UpdateReader(source, CodecSpec("int8", "none"), parameter_count(SPEC), 2 * numbers)
        check_numbers(reader.moments, numbers)
        return reader.moments(0, numbers)


def test_where_moments_are_shared_an_update_ends_with_them(starter: WorkerStarter, tmp_path: Path) -> None:
    bench = Bench(tmp_path, inner=SHARED)

    async def scenario() -> None:
        hearing = await begin(starter, bench)
        bench.permit.compute()
        await hearing.worker.send(bench.train(inner_steps=2))
        trained = await hearing.until(Trained)
        assert trained.payload.sha256 == bench.payload_sha256()
        assert moments_of(bench.payload) != unreported(moment_numbers(SPEC))
        await hearing.worker.stop("relaxed")
        await hearing.rest()

    try:
        asyncio.run(scenario())
    finally:
        bench.close()


def test_a_later_version_is_not_trained_without_its_moments(starter: WorkerStarter, tmp_path: Path) -> None:
    """An assignment is a function of its version: to begin without would be other work."""
    bench = Bench(tmp_path, inner=SHARED)

    async def scenario() -> None:
        bench.version = VersionId(0, 1, bench.version.sha256)
        hearing = await begin(starter, bench)
        bench.permit.compute()
        await hearing.worker.send(bench.train())
        failed = await hearing.until(Failed)
        assert (failed.error_id, failed.fatal) == ("worker.moments", False)
        await hearing.worker.stop("relaxed")
        await hearing.rest()

    try:
        asyncio.run(scenario())
    finally:
        bench.close()


def test_an_encoder_says_that_it_has_no_moments_to_report(starter: WorkerStarter, tmp_path: Path) -> None:
    bench = Bench(tmp_path, inner=SHARED)

    async def scenario() -> None:
        begin_copy(bench.areas.trainable.view)
        end_copy(bench.areas.trainable.view, TrainedMark("ab" * 16, 1, BATCH * LENGTH))
        encoder = Hearing(await starter.start_encoder(bench.areas, bench.folders))
        bench.permit.encode_only()
        await encoder.worker.send(bench.encode())
        await encoder.until(Trained)
        assert moments_of(bench.payload) == unreported(moment_numbers(SPEC))
        await encoder.worker.stop("relaxed")
        await encoder.rest()

    try:
        asyncio.run(scenario())
    finally:
        bench.close()
