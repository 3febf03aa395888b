"""What an update costs in a merge and on the wire, measured on the shipped codec and merge."""

import hashlib
import io
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from sparewatt.numeric.blocks import BLOCK_COORDINATES
from sparewatt.numeric.codec import UpdateReader, encode_update
from sparewatt.numeric.merge import RoundMerge
from sparewatt.numeric.merge_plan import MergePlan, PlannedUpdate, sorted_updates
from sparewatt.numeric.outer_state import OuterBlock
from sparewatt.work.manifest import CodecSpec, OuterSpec, PatchSpec
from sparewatt.work.version import BlobRef, VersionId

CODEC: Final = CodecSpec("topk", "none", kept=64)
RULE: Final = OuterSpec(
    rule="nesterov",
    rate_micro=700_000,
    momentum_micro=900_000,
    staleness_most=4,
    keyframe_every=10,
    patch=PatchSpec("topk", kept=512),
)
FEW, MANY, REPETITIONS = 2, 34, 3


@dataclass(frozen=True)
class MergeCost:
    """Nanoseconds of a core for each parameter, and bits for each parameter."""

    update_nanoseconds: float
    outer_step_nanoseconds: float
    update_bits: float
    patch_bits: float


class _State:
    """An outer state in memory."""

    def __init__(self, blocks: int) -> None:
        random = np.random.default_rng(2)
        self._parts = random.standard_normal((3, blocks * BLOCK_COORDINATES)).astype(np.float32)

    def block(self, index: int) -> OuterBlock:
        part = slice(index * BLOCK_COORDINATES, (index + 1) * BLOCK_COORDINATES)
        weights, remainder, velocity = (row[part] for row in self._parts)
        return OuterBlock(weights, remainder * np.float32(1e-6), velocity * np.float32(1e-3))


def merge_cost(blocks: int = 4) -> MergeCost:
    """From merges of few and of many updates of so many blocks; the best of three, for other programs only add."""
    coordinates = blocks * BLOCK_COORDINATES
    random = np.random.default_rng(1)
    payloads = [_payload(random, coordinates) for _ in range(MANY)]
    state = _State(blocks)
    few = min(_merged(payloads[:FEW], state, coordinates) for _ in range(REPETITIONS))
    many = min(_merged(payloads, state, coordinates) for _ in range(REPETITIONS))
    update = (many[0] - few[0]) / (MANY - FEW)
    each = 1e9 / coordinates
    return MergeCost(
        update_nanoseconds=update * each,
        outer_step_nanoseconds=(few[0] - FEW * update) * each,
        update_bits=8 * len(payloads[0]) / coordinates,
        patch_bits=8 * few[1] / coordinates,
    )


def _payload(random: np.random.Generator, coordinates: int) -> bytes:
    change = (random.standard_normal(coordinates) * 1e-3).astype(np.float32)
    sink = io.BytesIO()
    encode_update(change, np.zeros_like(change), CODEC, sink)
    return sink.getvalue()


def _merged(payloads: list[bytes], state: _State, coordinates: int) -> tuple[float, int]:
    """Processor seconds and bytes of the patch."""
    named = {hashlib.sha256(payload).hexdigest(): payload for payload in payloads}
    planned = (PlannedUpdate(BlobRef(name, len(data)), name[:32], 1, 65_536) for name, data in named.items())
    updates = sorted_updates(tuple(planned))
    plan = MergePlan(
        run="0" * 64,
        round=1,
        base=VersionId(0, 0, "1" * 64),
        outer_state=None,
        rule=RULE,
        codec=CODEC,
        updates=updates,
    )
    readers = [UpdateReader(io.BytesIO(named[each.payload.sha256]), CODEC, coordinates) for each in updates]
    merge = RoundMerge(plan, readers, state, coordinates)
    began = time.process_time()
    size = sum(len(merge.merge_block(index).patch) for index in range(merge.blocks))
    return time.process_time() - began, size
