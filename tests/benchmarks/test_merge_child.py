"""The process that merges for the benchmark: what it tells, and that it merges what it was given."""

import io
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.gradients import PseudoGradients, write_updates
from benchmarks.merge import NESTEROV, NOWHERE, PROFILES, ROOT
from benchmarks.merge_child import REPETITIONS, Flat, Found, Task, decode_into, peak_bytes, plain_sum
from sparewatt.blobs.folder import BlobFolder
from sparewatt.errors import IntegrityError
from sparewatt.numeric.blocks import BLOCK_COORDINATES
from sparewatt.numeric.codec import UpdateReader, encode_update
from sparewatt.numeric.levels import UNIT
from sparewatt.numeric.merge_plan import MergePlan, PlannedUpdate, sorted_updates
from sparewatt.work.manifest import CodecSpec, OuterSpec
from sparewatt.work.version import VersionId

COORDINATES = BLOCK_COORDINATES + 5_000
INT8 = CodecSpec("int8", "none")


def task(folder: Path, codec: CodecSpec = INT8, rule: OuterSpec = NESTEROV) -> Task:
    blobs = BlobFolder(folder / "blobs")
    payloads = write_updates(3, COORDINATES, codec, blobs.take_file, folder / "scratch")
    updates = sorted_updates(
        tuple(PlannedUpdate(blob, f"{number:032x}", 100 + number) for number, blob in enumerate(payloads))
    )
    plan = MergePlan(NOWHERE, 1, VersionId(0, 0, NOWHERE), None, rule, codec, updates)
    return Task(plan, tuple(str(blobs.path(update.payload.sha256)) for update in updates), COORDINATES)


def child(given: Task, folder: Path) -> subprocess.CompletedProcess[bytes]:
    file = folder / "task"
    file.write_bytes(msgspec.json.encode(given))
    command = [sys.executable, "-m", "benchmarks.merge_child", str(file)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=120)


@pytest.mark.processes
@pytest.mark.parametrize(("codec", "rule"), PROFILES, ids=lambda value: getattr(value, "name", ""))
def test_it_tells_what_every_repetition_took(codec: CodecSpec, rule: OuterSpec, tmp_path: Path) -> None:
    done = child(task(tmp_path, codec, rule), tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    found = msgspec.json.decode(done.stdout, type=Found)
    for taken in (found.means, found.merges, found.sums):
        assert len(taken) == REPETITIONS
        assert all(each.processor > 0 and each.wall > 0 for each in taken)
    assert found.peak_bytes > 4 * COORDINATES


@pytest.mark.processes
def test_a_payload_that_is_no_update_ends_it_and_no_figure_is_told(tmp_path: Path) -> None:
    given = task(tmp_path)
    Path(given.payloads[0]).chmod(0o600)
    Path(given.payloads[0]).write_bytes(b"no update")
    done = child(given, tmp_path)
    assert done.returncode != 0
    assert IntegrityError.__name__ in done.stderr.decode()
    assert done.stdout == b""


def test_the_plain_sum_adds_what_was_decoded() -> None:
    values = PseudoGradients(1).whole(0, COORDINATES)
    sink = io.BytesIO()
    encode_update(np.zeros_like(values), -values, INT8, sink)
    reader = UpdateReader(sink, INT8, COORDINATES)
    one = np.empty(COORDINATES, dtype=np.float32)
    decode_into(reader, one)
    assert np.abs(one / UNIT - values).max() < 0.01 / 127
    total = np.ones_like(one)
    taken = plain_sum([reader, reader], total, np.empty_like(one))
    assert taken.processor > 0
    assert np.array_equal(total, one + one)


def test_the_state_of_the_measured_merge_has_the_length_of_every_block() -> None:
    state = Flat(COORDINATES)
    assert [len(state.block(index).weights) for index in (0, 1)] == [BLOCK_COORDINATES, 5_000]


def test_the_peak_of_memory_holds_what_was_touched() -> None:
    touched = bytearray(b"x") * (32 << 20)
    assert peak_bytes() >= len(touched)
