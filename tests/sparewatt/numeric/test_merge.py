import hashlib
import io
import itertools
from collections.abc import Iterable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import IntegrityError
from sparewatt.numeric.blocks import BLOCK_COORDINATES, block_count
from sparewatt.numeric.codec import UPDATE_FORMAT, UpdateReader, encode_update, update_bytes_most
from sparewatt.numeric.merge import MergedBlock, RoundMerge, outer_step
from sparewatt.numeric.merge_plan import (
    STALENESS_WEIGHTS,
    UPDATES_MOST,
    WEIGHT_MOST,
    MergePlan,
    PlannedUpdate,
    plan_digest,
    sorted_updates,
    staleness_weight,
)
from sparewatt.numeric.outer_state import OuterBlock, OuterStateReader, OuterStateWriter
from sparewatt.numeric.patch import apply_patch, patch_head
from sparewatt.work.manifest import CodecSpec, OuterSpec, PatchSpec
from sparewatt.work.version import BlobRef, VersionId

COORDINATES = 2 * BLOCK_COORDINATES + 1_000
SGD = OuterSpec(rule="sgd", rate_micro=1_000_000, momentum_micro=0, staleness_most=4, keyframe_every=10)
NESTEROV = msgspec.structs.replace(SGD, rule="nesterov", rate_micro=700_000, momentum_micro=900_000)
RANDOM = np.random.default_rng(11)


INT8 = CodecSpec("int8", "none")
TOPK = CodecSpec("topk", "none", kept=64)


def payload(scale: float, codec: CodecSpec = INT8) -> bytes:
    delta = (RANDOM.standard_normal(COORDINATES) * scale).astype(np.float32)
    sink = io.BytesIO()
    encode_update(delta, np.zeros_like(delta), codec, sink)
    return sink.getvalue()


PAYLOADS = [payload(scale) for scale in (1e-3, 3e-3, 1e-4, 1e-2)]


def name(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def plan_for(
    payloads: Iterable[bytes], rule: OuterSpec, codec: CodecSpec = INT8
) -> tuple[MergePlan, list[UpdateReader]]:
    by_name = {name(data): data for data in payloads}
    updates = sorted_updates(
        tuple(
            PlannedUpdate(BlobRef(sha, len(data)), sha[:32], 1 + 7_919 * number, 65_536 - 1_000 * number)
            for number, (sha, data) in enumerate(sorted(by_name.items()))
        )
    )
    plan = MergePlan(
        run="0" * 64,
        round=1,
        base=VersionId(0, 0, "1" * 64),
        outer_state=None,
        rule=rule,
        codec=codec,
        updates=updates,
    )
    readers = [UpdateReader(io.BytesIO(by_name[each.payload.sha256]), codec, COORDINATES) for each in updates]
    return plan, readers


def state_file(rule: OuterSpec) -> io.BytesIO:
    momentum = rule.rule == "nesterov"
    random = np.random.default_rng(2)
    file = io.BytesIO()
    writer = OuterStateWriter(file, COORDINATES, momentum=momentum)
    for index in reversed(range(block_count(COORDINATES))):
        size = min(BLOCK_COORDINATES, COORDINATES - index * BLOCK_COORDINATES)
        weights, remainder, velocity = (random.standard_normal((3, size)) * [[1], [1e-6], [1e-3]]).astype(np.float32)
        writer.write(index, OuterBlock(weights, remainder, velocity if momentum else None))
    return file


def state(rule: OuterSpec) -> OuterStateReader:
    return OuterStateReader(state_file(rule), COORDINATES, momentum=rule.rule == "nesterov")


def assemble(blocks: dict[int, MergedBlock], rule: OuterSpec) -> tuple[bytes, bytes]:
    file = io.BytesIO()
    writer = OuterStateWriter(file, COORDINATES, momentum=rule.rule == "nesterov")
    for index, merged in blocks.items():
        writer.write(index, merged.state)
    patches = [blocks[index].patch for index in sorted(blocks)]
    patch = patch_head(COORDINATES, list(map(len, patches)), rule.patch) + b"".join(patches)
    return patch, file.getvalue()


def merged(payloads: Iterable[bytes], rule: OuterSpec, codec: CodecSpec = INT8) -> tuple[bytes, bytes]:
    plan, readers = plan_for(payloads, rule, codec)
    job = RoundMerge(plan, readers, state(rule), COORDINATES)
    return assemble({index: job.merge_block(index) for index in range(job.blocks)}, rule)


@pytest.mark.parametrize("rule", [SGD, NESTEROV], ids=["sgd", "nesterov"])
def test_any_order_of_arrival_and_any_number_of_aggregators_give_the_same_bytes(rule: OuterSpec) -> None:
    expected = merged(PAYLOADS, rule)
    for order in itertools.islice(itertools.permutations(PAYLOADS), 0, 24, 7):
        assert merged(order, rule) == expected
    by_three: dict[int, MergedBlock] = {}
    for share in ([2], [0], [1]):
        plan, readers = plan_for(PAYLOADS, rule)
        aggregator = RoundMerge(plan, readers, state(rule), COORDINATES)
        by_three.update({index: aggregator.merge_block(index) for index in share})
    assert assemble(by_three, rule) == expected


SPARSE = msgspec.structs.replace(SGD, patch=PatchSpec("topk", kept=512))


@pytest.mark.parametrize("rule", [SPARSE, msgspec.structs.replace(NESTEROV, patch=PatchSpec("int4"))])
def test_the_order_of_sparse_updates_does_not_matter_either(rule: OuterSpec) -> None:
    payloads = [payload(scale, TOPK) for scale in (1e-3, 3e-3, 1e-4)]
    patch, after = expected = merged(payloads, rule, TOPK)
    assert merged(payloads[::-1], rule, TOPK) == expected
    weights = bytearray(state_file(rule).getvalue()[64 : 64 + 4 * COORDINATES])
    apply_patch(io.BytesIO(patch), weights, rule.patch)
    assert bytes(weights) == after[64 : 64 + 4 * COORDINATES]


@pytest.mark.parametrize(("floor_micro", "step"), [(0, 0.5), (500_000, 0.25), (1_000_000, 0.125)])
def test_a_coordinate_is_averaged_over_its_senders_but_never_over_less_than_the_support_floor(
    floor_micro: int, step: float
) -> None:
    """One of four equal updates names the second coordinate of a tiny model."""
    rule = msgspec.structs.replace(SGD, support_floor_micro=floor_micro)
    codec = CodecSpec("topk", "none", kept=1)
    payloads = []
    for place in (1, 0, 0, 0):
        delta = np.zeros(4, np.float32)
        delta[place] = 0.5
        sink = io.BytesIO()
        encode_update(delta, np.zeros_like(delta), codec, sink)
        payloads.append(sink.getvalue())
    readers = [UpdateReader(io.BytesIO(data), codec, 4) for data in payloads]
    updates = tuple(PlannedUpdate(BlobRef("a" * 64, 1), f"{n:032x}", WEIGHT_MOST) for n in range(4))
    plan = msgspec.structs.replace(plan_for(PAYLOADS[:1], rule)[0], updates=updates, codec=codec)
    zeros = np.zeros(4, np.float32)

    class Zeros:
        def block(self, index: int) -> OuterBlock:
            return OuterBlock(zeros, zeros, None)

    after = RoundMerge(plan, readers, Zeros(), 4).merge_block(0).state
    assert (after.weights + after.remainder).tolist() == pytest.approx([-min(0.5, 3 * step), -step, 0, 0])


@pytest.mark.parametrize("rule", [SGD, NESTEROV], ids=["sgd", "nesterov"])
def test_the_patch_makes_exactly_the_weights_of_the_next_state(rule: OuterSpec) -> None:
    patch, after = merged(PAYLOADS, rule)
    weights = bytearray(state_file(rule).getvalue()[64 : 64 + 4 * COORDINATES])
    apply_patch(io.BytesIO(patch), weights)
    assert bytes(weights) == after[64 : 64 + 4 * COORDINATES]


def test_what_a_patch_leaves_out_is_kept_and_not_lost() -> None:
    """Over many outer steps the weights follow the exact sum, although each patch is coarse."""
    random = np.random.default_rng(4)
    start = random.standard_normal(5_000).astype(np.float32)
    block = OuterBlock(start, np.zeros_like(start), None)
    exact = start.astype(np.float64)
    largest_step = 0.0
    for _ in range(50):
        merged_mean = random.standard_normal(5_000) * 1e-3
        exact -= merged_mean
        block = outer_step(SGD, block, merged_mean).state
        largest_step = max(largest_step, np.abs(merged_mean).max() / 127 * 2)
    assert np.abs(block.weights + block.remainder.astype(np.float64) - exact).max() < 1e-6
    assert np.abs(block.remainder).max() <= largest_step


def test_nesterov_is_that_of_the_reference() -> None:
    weights = np.zeros(1, np.float32)
    block = OuterBlock(weights, weights, np.array([0.5], np.float32))
    after = outer_step(NESTEROV, block, np.array([0.25])).state
    velocity = 0.9 * 0.5 + 0.25
    assert after.momentum == pytest.approx([velocity])
    assert after.weights + after.remainder == pytest.approx([-0.7 * (0.25 + 0.9 * velocity)])


def test_the_mean_is_weighted_and_clipped() -> None:
    ones = np.full(COORDINATES, 0.5, np.float32)
    sink = io.BytesIO()
    encode_update(ones, np.zeros_like(ones), INT8, sink)
    plan, _ = plan_for([sink.getvalue()], SGD)
    half = msgspec.structs.replace(plan.updates[0], weight=40_000, clip=32_768)
    plan = msgspec.structs.replace(plan, updates=(half,))
    zero = OuterBlock(np.zeros(1_000, np.float32), np.zeros(1_000, np.float32), None)

    class Zeros:
        def block(self, index: int) -> OuterBlock:
            return zero

    job = RoundMerge(plan, [UpdateReader(sink, INT8, COORDINATES)], Zeros(), COORDINATES)
    after = job.merge_block(2).state
    assert after.weights + after.remainder == pytest.approx(-0.25, rel=1e-3)


class Extreme:
    """A payload with the largest coordinate there is, everywhere."""

    def __init__(self, sign: int) -> None:
        head = UPDATE_FORMAT.head(1, 3)
        level = (18 << 11 | 2_047).to_bytes(2, "little")
        self.data = head + level + (sign * 127 % 256).to_bytes(1, "little") * 3
        assert len(self.data) == update_bytes_most(INT8, 3)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_sums_do_not_overflow(sign: int) -> None:
    data = Extreme(sign).data
    updates = tuple(PlannedUpdate(BlobRef("a" * 64, len(data)), f"{n:032x}", WEIGHT_MOST) for n in range(UPDATES_MOST))
    plan = msgspec.structs.replace(plan_for(PAYLOADS[:1], SGD)[0], updates=updates)
    reader = UpdateReader(io.BytesIO(data), INT8, 3)
    zeros = np.zeros(3, np.float32)

    class Zeros:
        def block(self, index: int) -> OuterBlock:
            return OuterBlock(zeros, zeros, None)

    after = RoundMerge(plan, [reader] * UPDATES_MOST, Zeros(), 3).merge_block(0).state
    largest = 127 * 2_047 * 2.0 ** (18 - 36)
    assert 127 * (2_047 << 18) * WEIGHT_MOST * UPDATES_MOST < 2**62
    assert (after.weights + after.remainder).tolist() == pytest.approx([-sign * largest] * 3)


def test_a_plan_in_another_order_or_with_a_repetition_is_refused() -> None:
    plan, readers = plan_for(PAYLOADS, SGD)
    for updates in (plan.updates[::-1], (plan.updates[0], *plan.updates[:-1])):
        wrong = msgspec.structs.replace(plan, updates=updates)
        with pytest.raises(IntegrityError, match=r"merge\.plan"):
            RoundMerge(wrong, readers, state(SGD), COORDINATES)


def test_a_plan_is_named_by_everything_in_it() -> None:
    plan, _ = plan_for(PAYLOADS, SGD)
    again = msgspec.json.decode(msgspec.json.encode(plan), type=MergePlan)
    assert plan_digest(again) == plan_digest(plan)
    lighter = msgspec.structs.replace(plan.updates[0], weight=3)
    for other in (
        msgspec.structs.replace(plan, round=2),
        msgspec.structs.replace(plan, rule=NESTEROV),
        msgspec.structs.replace(plan, outer_state=BlobRef("2" * 64, 5)),
        msgspec.structs.replace(plan, updates=(lighter, *plan.updates[1:])),
    ):
        assert plan_digest(other) != plan_digest(plan)


@given(st.integers(1, 2**40), st.integers(0, 4), st.integers(0, 2**40))
def test_weights_follow_tokens_and_age_and_stay_in_bounds(tokens: int, staleness: int, more: int) -> None:
    weight = staleness_weight(tokens, staleness, tokens + more)
    assert 1 <= weight <= WEIGHT_MOST
    if staleness < 4:
        assert weight >= staleness_weight(tokens, staleness + 1, tokens + more)
    assert staleness_weight(tokens + more, staleness, tokens + more) == STALENESS_WEIGHTS[staleness]
