"""Numbers that must not change by themselves: update bytes of every codec, and versions after three merges.

All of it is integer arithmetic and single IEEE operations, so it is the same on every processor; no tolerance is given.
Whoever changes a format or a rule on purpose raises the format's number and writes down what the test then says.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sparewatt.blobs.folder import BlobFolder
from sparewatt.numeric.codec import encode_update
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.numeric.merge_plan import MergePlan, PlannedUpdate, sorted_updates
from sparewatt.numeric.moment_layout import moment_numbers
from sparewatt.numeric.moments import CODE
from sparewatt.numeric.residual import BYTES_PER_COORDINATE, Residual
from sparewatt.numeric.version_file import load_version
from sparewatt.numeric.version_hash import version_sha256
from sparewatt.numeric.weights import Floats, as_bytes
from sparewatt.work.manifest import CodecSpec, OuterSpec, PatchSpec
from sparewatt.work.model import ModelSpec, parameter_count
from sparewatt.work.version import VersionId
from sparewatt_coordinator.aggregate.merge_job import run_merge
from sparewatt_coordinator.aggregate.messages import Merge, Merged

SPEC = ModelSpec("llama", 256, 64, 172, 6, 4, 4, 64)
COUNT = parameter_count(SPEC)
INT8, INT4, FP16 = CodecSpec("int8", "none"), CodecSpec("int4", "none"), CodecSpec("fp16", "none")
TOPK = CodecSpec("topk", "decay", kept=64, decay_micro=950_000)


def drawn(seed: int, exponent: int) -> Floats:
    """Numbers of up to 2**exponent in size, by SplitMix64 of their places: no generator and no library function."""
    state = np.arange(1, COUNT + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    top = (state >> np.uint64(40)).astype(np.int64) - 2**23
    # The cube makes a few large among many small, as gradients are; each step is exact or rounded once.
    shares = top.astype(np.float64) / 2**23
    return np.ldexp(shares * shares * shares, exponent).astype(np.float32)


WEIGHTS = drawn(0, -4)


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        (INT8, "ceef4cb2a68467ad832ad7a4c1a4a9286caf7a950e969ca25af34ce0bfcc2484"),
        (INT4, "401dcebfc569afc9da3193086aa5da428656411bfe1a05586a641452d6a5a682"),
        (FP16, "dfe26e92c7649f094257f94c33181f8300e7bdb9c3786d31b7894007f00ac9ff"),
        (TOPK, "72926f33f761d21a0402ebeb8a5acd66c4922606cbb675a7b31542536c897cba"),
    ],
    ids=lambda value: value.name if isinstance(value, CodecSpec) else "",
)
def test_two_updates_of_a_device_are_these_bytes(codec: CodecSpec, expected: str) -> None:
    memory = bytearray(BYTES_PER_COORDINATE * COUNT)
    said = hashlib.sha256()
    for number in (1, 2):
        sink = io.BytesIO()
        residual = Residual(memory, COUNT, codec.decay_micro, missed=1) if codec.error_feedback == "decay" else None
        trained = WEIGHTS - drawn(number, -10)
        assert encode_update(WEIGHTS, trained, codec, sink, residual).payload.size == len(sink.getvalue())
        said.update(sink.getvalue())
    said.update(memory if codec.error_feedback == "decay" else b"")
    assert said.hexdigest() == expected


@dataclass(frozen=True)
class Way:
    """A kind of run, and what three of its merges come to: the version, and second moments where they are shared."""

    outer: OuterSpec
    codec: CodecSpec
    version: str
    moments: str | None = None


DENSE = Way(
    OuterSpec("nesterov", 700_000, 900_000, staleness_most=4, keyframe_every=10, patch=PatchSpec("int4")),
    INT8,
    "645f8217cf8f99b064edca37b2a51b59c92f44e10426d93986d45bcc8f045ea0",
)
SPARSE = Way(
    OuterSpec(
        "sgd", 1_000_000, 0, staleness_most=4, keyframe_every=2, patch=PatchSpec("topk", 512), keyframe_type="bf16"
    ),
    TOPK,
    "7bb803775e2d3e1087ca695cdaa1ba41b107996fe52825b8bfbfe3e655d91e95",
    "df085763d2c4e710f560ae9d7ad764624f21d983a7049a936ebaffa6b70e0a7b",
)


def update(blobs: BlobFolder, base: Floats, way: Way, number: int) -> PlannedUpdate:
    sink = io.BytesIO()
    residual = Residual(bytearray(2 * COUNT), COUNT, 950_000, missed=1) if way.codec.error_feedback == "decay" else None
    tail = np.full(moment_numbers(SPEC), -5_000 - number, dtype=CODE).tobytes() if way.moments is not None else b""
    encode_update(base, base - drawn(number, -10), way.codec, sink, residual, tail)
    return PlannedUpdate(blobs.add_bytes(sink.getvalue()), f"{number:032x}", 10_000 * (number % 5 + 1))


def merged(blobs: BlobFolder, way: Way) -> Merged:
    keyframe = io.BytesIO()
    write_keyframe(SPEC, WEIGHTS, keyframe)
    start = blobs.add_bytes(keyframe.getvalue())
    base, weights, done = VersionId(0, 0, version_sha256(SPEC, as_bytes(WEIGHTS))), WEIGHTS, None
    for number in (1, 2, 3):
        plan = MergePlan(
            run="0" * 64,
            round=number,
            base=base,
            outer_state=None if done is None else done.outer_state,
            rule=way.outer,
            codec=way.codec,
            updates=sorted_updates(tuple(update(blobs, weights, way, 10 * number + each) for each in range(3))),
            inner_state=None if way.moments is None else "fresh-shared-v",
            moments=None if done is None else done.moments,
        )
        done = run_merge(Merge(id=number, model=SPEC, plan=plan, start_keyframe=start, keyframe=False), blobs)
        base = done.version
        weights = load_version(SPEC, blobs.path(done.outer_state.sha256), base.sha256)
    assert done is not None
    return done


@pytest.mark.parametrize("way", [DENSE, SPARSE], ids=["dense", "sparse"])
def test_three_merges_make_this_version(way: Way, tmp_path: Path) -> None:
    done = merged(BlobFolder(tmp_path), way)
    assert done.version.sha256 == way.version
    assert (None if done.moments is None else done.moments.sha256) == way.moments
