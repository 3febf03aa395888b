"""The file of an unfinished assignment: whole, or not believed, whatever is in it."""

import asyncio
import errno
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparewatt.errors import IntegrityError, StorageError
from sparewatt.permit import Grant, PermitKind
from sparewatt.testing.worker_bench import Bench, begin
from sparewatt.work.version import BlobRef, VersionId
from sparewatt.worker.areas import ResidualMark
from sparewatt.worker.checkpoint import CHECKPOINT, WAY_MOST, CheckpointHeader, check_fits, checkpoint_bytes
from sparewatt.worker.messages import Checkpointed, Progress, Trained
from sparewatt.worker.supervisor import WorkerSupervisor

BASE = VersionId(0, 7, "0" * 64)
HEADER = CheckpointHeader(
    run="ab" * 32,
    assignment_id="cd" * 16,
    base=BASE,
    way=tuple(BlobRef("ef" * 32, 2**30) for _ in range(WAY_MOST)),
    inner_steps=3,
    tokens=96,
    loss_first_micro=5_000_000,
    loss_last_micro=4_000_000,
    train_milliseconds=900,
    seed=2**53 - 1,
    next_sequence=12,
    micro_batch_sequences=4,
    optimiser_steps=3,
    coordinates=5,
    residual=ResidualMark(0, 6, 2),
)
ARRAYS = [bytes(range(20)), bytes(20), b"\xff" * 20]


def write(folder: Path) -> Path:
    path = folder / "checkpoint"
    size = CHECKPOINT.write(path, HEADER, map(memoryview, ARRAYS))
    assert size == path.stat().st_size <= checkpoint_bytes(5)
    return path


def read(path: Path) -> tuple[CheckpointHeader, list[bytes]]:
    arrays = [bytearray(20) for _ in ARRAYS]
    header = CHECKPOINT.read(path, map(memoryview, arrays))
    return header, [bytes(each) for each in arrays]


def test_what_was_written_is_read_and_nothing_else_lies_there(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert read(path) == (HEADER, ARRAYS)
    assert CHECKPOINT.read_header(path) == HEADER
    assert path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [path]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 2**20), bit=st.integers(0, 7))
def test_a_single_changed_bit_is_found(tmp_path: Path, place: int, bit: int) -> None:
    path = write(tmp_path)
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= 1 << bit
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"kept\.damaged"):
        read(path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(0, 2**20))
def test_a_file_that_was_cut_off_is_found(tmp_path: Path, length: int) -> None:
    path = write(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: length % len(data)])
    with pytest.raises(IntegrityError, match=r"kept\.damaged"):
        read(path)


@pytest.mark.parametrize(
    "data",
    [b"", b"SPWCKPNT", struct.pack("<8sHHI", b"SPWCKPNT", 2, 0, 2) + b"{}", b"\x00" * 200,
     struct.pack("<8sHHI", b"SPWCKPNT", 1, 0, 2**32 - 1) + b"{}",
     struct.pack("<8sHHI", b"SPWCKPNT", 1, 0, 40_000) + b"[" * 40_000],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused_before_anything_is_taken_from_it(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "checkpoint"
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"kept\.damaged"):
        CHECKPOINT.read_header(path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(write(tmp_path))
    with pytest.raises(StorageError, match=r"kept\.unreadable"):
        CHECKPOINT.read_header(link)


def test_a_disk_that_fills_up_leaves_the_earlier_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match=r"storage\.full"):
        CHECKPOINT.write(path, HEADER, map(memoryview, ARRAYS))
    assert read(path) == (HEADER, ARRAYS)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"assignment_id": "ee" * 16}, "assignment"),
        ({"base": VersionId(0, 8, "0" * 64)}, "base"),
        ({"base": VersionId(0, 7, "1" * 64)}, "base"),
        ({"seed": 1}, "seed"),
        ({"batch_sequences": 5}, "position"),
        ({"coordinates": 6}, "model"),
        ({"inner_steps": 3}, "steps"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(changes: dict[str, object], part: str) -> None:
    fitting = {
        "assignment_id": HEADER.assignment_id,
        "base": BASE,
        "seed": HEADER.seed,
        "inner_steps": 10,
        "batch_sequences": 4,
        "coordinates": 5,
    }
    check_fits(HEADER, **fitting)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError, match=part):
        check_fits(HEADER, **{**fitting, **changes})  # type: ignore[arg-type]


@pytest.mark.processes
def test_a_real_run_stopped_after_step_7_and_resumed_gives_the_same_update_bytes(
    real: WorkerSupervisor, bench: Bench
) -> None:
    """The one that is stopped rests 50 times as long as it computes, so that the stop comes long before the last inner
    step; and no micro-batch is too slow for its bound, so that none of them cuts its batches otherwise than the others.
    """
    steps = 12
    full, slow = (Grant(PermitKind.COMPUTE, duty, micro_batch_seconds=60.0) for duty in (1.0, 0.02))

    async def uninterrupted() -> bytes:
        hearing = await begin(real, bench)
        bench.permit.grant = full
        await hearing.worker.send(bench.train(steps))
        await hearing.until(Trained)
        await hearing.worker.stop("relaxed")
        await hearing.rest()
        return bench.payload.read_bytes()

    async def interrupted() -> tuple[int, bytes]:
        hearing = await begin(real, bench)
        bench.permit.grant = slow
        await hearing.worker.send(bench.train(steps))
        done = 0
        while done < 7:
            done = (await hearing.until(Progress)).inner_steps
        await hearing.worker.stop("resumable")
        kept = next(each for each in await hearing.rest() if isinstance(each, Checkpointed))
        bench.permit.grant = full
        again = await begin(real, bench, from_keyframe=False)
        await again.worker.send(bench.train(steps, resume=True))
        assert (await again.until(Trained)).outcome == "finished"
        await again.worker.stop("relaxed")
        await again.rest()
        return kept.inner_steps, bench.payload.read_bytes()

    whole = asyncio.run(uninterrupted())
    bench.payload.unlink()
    stopped_after, resumed = asyncio.run(interrupted())
    assert 7 <= stopped_after < steps
    assert resumed == whole
