"""The golden bytes of docs/formats.md are those that the code writes, and the code reads them."""

import io
import re
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sparewatt.numeric.codec import UpdateReader, encode_update
from sparewatt.numeric.keyframe import keyframe_head
from sparewatt.numeric.outer_state import OuterBlock, OuterStateReader, OuterStateWriter
from sparewatt.numeric.patch import apply_patch, encode_block, patch_head
from sparewatt.numeric.version_hash import version_sha256
from sparewatt.work.manifest import DENSE_PATCH, CodecSpec, PatchSpec
from sparewatt.work.model import ModelSpec, parameter_count
from sparewatt.work.version import VersionId
from sparewatt.worker.areas import ResidualMark
from sparewatt.worker.checkpoint import CHECKPOINT, CheckpointHeader
from sparewatt.worker.residual_file import RESIDUAL, ResidualHeader

PAGE = Path(__file__).parents[3] / "docs" / "formats.md"
GOLDEN = {
    name: bytes.fromhex(text) for name, text in re.findall(r"```golden ([a-z0-9 ]+)\n([^`]*)```", PAGE.read_text())
}
NUMBERS = np.array([1 / 2, -1 / 4, 0, 2.0**-20, 127 / 1024], dtype=np.float32)
SPEC = ModelSpec("llama", 16, 8, 8, 1, 1, 1, 8)


INT8, FP16, INT4 = CodecSpec("int8", "none"), CodecSpec("fp16", "none"), CodecSpec("int4", "none")
TOPK = CodecSpec("topk", "none", kept=1_639)
INT4_PATCH, TOPK_PATCH = PatchSpec("int4"), PatchSpec("topk", kept=1_639)


def update(codec: CodecSpec) -> bytes:
    sink = io.BytesIO()
    encode_update(NUMBERS, np.zeros_like(NUMBERS), codec, sink)
    return sink.getvalue()


def patch(spec: PatchSpec) -> bytes:
    block = encode_block(NUMBERS.astype(np.float64), spec)[0]
    return patch_head(5, [len(block)], spec) + block


def outer_state() -> bytes:
    sink = io.BytesIO()
    block = OuterBlock(np.array([1, 2], np.float32), np.array([0.5, 0], np.float32), None)
    OuterStateWriter(sink, 2, momentum=False).write(0, block)
    return sink.getvalue()


def checkpoint() -> bytes:
    arrays = [memoryview(struct.pack("<f", number)) for number in (1.0, 0.5, 0.25)]
    header = CheckpointHeader("ab" * 32, "cd" * 16, VersionId(0, 7, "0" * 64), (), 3, 96, 5, 4, 9, 1, 12, 4, 3, 1)
    return written(lambda path: CHECKPOINT.write(path, header, arrays))


def residual() -> bytes:
    header = ResidualHeader("ab" * 32, "cpu", ResidualMark(0, 6, 2), 2)
    return written(lambda path: RESIDUAL.write(path, header, [memoryview(b"\x80\x3f\x00\x00")]))


def written(write: Callable[[Path], int]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "file")
        return (Path(folder) / "file").read_bytes()


WRITTEN: dict[str, Callable[[], bytes]] = {
    "version": lambda: bytes.fromhex(
        version_sha256(SPEC, (np.arange(parameter_count(SPEC), dtype="<f4") / 64).tobytes())
    ),
    "keyframe": lambda: keyframe_head(SPEC)[:40],
    "update int8": lambda: update(INT8),
    "update fp16": lambda: update(FP16),
    "delta root": lambda: bytes.fromhex(encode_update(NUMBERS, np.zeros_like(NUMBERS), INT8, io.BytesIO()).delta_root),
    "update int4": lambda: update(INT4),
    "update topk": lambda: update(TOPK),
    "patch int8": lambda: patch(DENSE_PATCH),
    "patch int4": lambda: patch(INT4_PATCH),
    "patch topk": lambda: patch(TOPK_PATCH),
    "outer state": outer_state,
    "checkpoint": checkpoint,
    "residual": residual,
}


def test_every_example_is_checked() -> None:
    assert GOLDEN.keys() == WRITTEN.keys()


@pytest.mark.parametrize("name", WRITTEN)
def test_the_code_writes_the_bytes_of_the_page(name: str) -> None:
    assert WRITTEN[name]().hex(" ") == GOLDEN[name].hex(" ")


def test_the_code_reads_the_bytes_of_the_page() -> None:
    units = UpdateReader(io.BytesIO(GOLDEN["update int8"]), INT8, 5).block(0)
    assert (units / 2**36).tolist() == pytest.approx([0.5, -0.25, 0, 0, 0.122], abs=3e-3)
    halves = UpdateReader(io.BytesIO(GOLDEN["update fp16"]), FP16, 5).block(0)
    assert (halves / 2**36).tolist() == NUMBERS.tolist()
    weights = np.zeros(5, np.float32)
    apply_patch(io.BytesIO(GOLDEN["patch int8"]), weights)
    assert weights.tolist() == [0.5, -0.25, 0, 0, 0.125]
    state = OuterStateReader(io.BytesIO(GOLDEN["outer state"]), 2, momentum=False).block(0)
    assert (state.weights.tolist(), state.remainder.tolist()) == ([1, 2], [0.5, 0])
    kept = UpdateReader(io.BytesIO(GOLDEN["update topk"]), TOPK, 5).block(0)
    assert (kept / 2**36).tolist() == [0.5, -0.25, 0, 0, 0]
    nibbles = UpdateReader(io.BytesIO(GOLDEN["update int4"]), INT4, 5).block(0)
    assert (nibbles / 2**36).tolist() == pytest.approx([0.5, -0.2144, 0, 0, 0.1429], abs=1e-3)
    for name, spec, expected in (
        ("patch int4", INT4_PATCH, [0.5, -0.25, 0, 0, 0.125]),
        ("patch topk", TOPK_PATCH, [0.5, -0.25, 0, 0, 0]),
    ):
        weights = np.zeros(5, np.float32)
        apply_patch(io.BytesIO(GOLDEN[name]), weights, spec)
        assert weights.tolist() == expected
