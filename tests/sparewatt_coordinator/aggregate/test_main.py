import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from sparewatt.blobs.folder import BlobFolder
from sparewatt.numeric.codec import encode_update
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.numeric.merge_plan import MergePlan, PlannedUpdate
from sparewatt.process.frames import FrameReader, frame
from sparewatt.work.manifest import CodecSpec, OuterSpec
from sparewatt.work.model import ModelSpec, parameter_count
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.aggregate.messages import Answer, Failed, Merge, Merged, Quit, Request

pytestmark = pytest.mark.processes


@contextmanager
def aggregator(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        [sys.executable, "-m", "sparewatt_coordinator.aggregate", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def ask(child: subprocess.Popen[bytes], request: Request) -> Answer:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(frame(msgspec.json.encode(request)))
    child.stdin.flush()
    reader = FrameReader()
    while data := os.read(child.stdout.fileno(), 65_536):
        for payload in reader.receive(data):
            return msgspec.json.decode(payload, type=Answer)
    raise AssertionError("the aggregator ended")


def impossible_merge(number: int) -> Merge:
    plan = MergePlan(
        run="0" * 64,
        round=1,
        base=VersionId(0, 0, "1" * 64),
        outer_state=None,
        rule=OuterSpec("sgd", 1_000_000, 0, 4, 10),
        codec=CodecSpec("int8", "none"),
        updates=(PlannedUpdate(BlobRef("2" * 64, 100), "3" * 32, 1),),
    )
    spec = ModelSpec("llama", 256, 16, 32, 1, 2, 2, 32)
    return Merge(id=number, model=spec, plan=plan, start_keyframe=BlobRef("4" * 64, 1), keyframe=False)


def test_failures_are_answers_with_their_class_and_the_child_stays(tmp_path: Path) -> None:
    with aggregator(tmp_path) as child:
        for number in (1, 2):
            answer = ask(child, impossible_merge(number))
            assert answer == Failed(
                reply_to=number, kind="StorageError", error_id="storage.blob_missing", parameters={"blob": "2" * 64}
            )


def test_it_ends_when_told_to(tmp_path: Path) -> None:
    with aggregator(tmp_path) as child:
        assert child.stdin is not None
        child.stdin.write(frame(msgspec.json.encode(Quit(id=1))))
        child.stdin.flush()
        assert child.wait(timeout=20) == 0


def test_it_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    with aggregator(tmp_path) as child:
        ask(child, impossible_merge(1))
        assert child.stdin is not None
        began = time.monotonic()
        child.stdin.close()
        child.wait(timeout=20)
        assert time.monotonic() - began < 3


def test_merging_loads_no_torch(tmp_path: Path) -> None:
    code = "import sys, sparewatt_coordinator.aggregate.service; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_merge_takes_a_few_blocks_of_memory_whatever_the_size_of_the_model(tmp_path: Path) -> None:
    """24 M parameters: the weights alone are 96 MB, the outer state is 192 MB."""
    blobs = BlobFolder(tmp_path / "blobs")
    spec = ModelSpec("llama", 256, 512, 1_376, 8, 8, 8, 64)
    weights = np.full(parameter_count(spec), 0.5, dtype=np.float32)
    assert weights.nbytes > 96_000_000
    keyframe, payload = tmp_path / "keyframe", tmp_path / "payload"
    with keyframe.open("wb") as file:
        write_keyframe(spec, weights, file)
    with payload.open("wb") as file:
        encode_update(weights, weights - np.float32(1e-3), CodecSpec("int8", "none"), file)
    update = blobs.add_file(payload)
    plan = msgspec.structs.replace(
        impossible_merge(1).plan, updates=tuple(PlannedUpdate(update, f"{number:032x}", 7) for number in range(2))
    )
    merge = Merge(id=1, model=spec, plan=plan, start_keyframe=blobs.add_file(keyframe), keyframe=True)
    with aggregator(tmp_path / "blobs") as child:
        assert isinstance(ask(child, merge), Merged)
        status = Path(f"/proc/{child.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 96 * 1024, peak


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_contributors_sent_is_read_behind_a_filter_of_system_calls(tmp_path: Path) -> None:
    with aggregator(tmp_path) as child:
        assert isinstance(ask(child, impossible_merge(1)), Failed)
        status = Path(f"/proc/{child.pid}/status").read_text()
        assert "Seccomp:\t2" in status
        assert "NoNewPrivs:\t1" in status
