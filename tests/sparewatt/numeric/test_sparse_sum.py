import io
from collections.abc import Sequence

import numpy as np
import pytest

from sparewatt.errors import IntegrityError
from sparewatt.numeric.blocks import BLOCK_COORDINATES
from sparewatt.numeric.codec import UPDATE_FORMAT, UpdateReader, encode_update
from sparewatt.numeric.merge_plan import UPDATES_MOST, WEIGHT_MOST, PlannedUpdate
from sparewatt.numeric.sparse_sum import sums_of_senders
from sparewatt.work.manifest import CodecSpec
from sparewatt.work.version import BlobRef

LARGEST_LEVEL = 25 << 11 | 2_047


def planned(weights: Sequence[int]) -> tuple[PlannedUpdate, ...]:
    return tuple(PlannedUpdate(BlobRef("a" * 64, 1), f"{n:032x}", weight) for n, weight in enumerate(weights))


def encoded(scale: float, coordinates: int, kept: int, seed: int) -> UpdateReader:
    delta = (np.random.default_rng(seed).standard_normal(coordinates) * scale).astype(np.float32)
    codec, sink = CodecSpec("topk", "none", kept=kept), io.BytesIO()
    encode_update(delta, np.zeros_like(delta), codec, sink)
    return UpdateReader(sink, codec, coordinates)


def largest(sign: int) -> UpdateReader:
    """An update of one coordinate, the largest that there is."""
    low_and_high = LARGEST_LEVEL.to_bytes(2, "little") * 2
    places_with_11_low_bits = bytes([1] + 11 * [0])
    block = low_and_high + bytes([sign < 0, 1]) + places_with_11_low_bits
    head = UPDATE_FORMAT.head(4, 1, [len(block)], 1)
    return UpdateReader(io.BytesIO(head + block), CodecSpec("topk", "none", kept=1), 1)


@pytest.mark.parametrize(("kept", "count"), [(64, 5), (1, 3), (2_048, 3)])
@pytest.mark.parametrize("coordinates", [5, 4_097, BLOCK_COORDINATES + 5_000])
@pytest.mark.parametrize("scale", [1e-3, 0.12])
def test_sums_are_those_of_updates_that_are_decoded_one_by_one(
    kept: int, count: int, coordinates: int, scale: float
) -> None:
    readers = [encoded(scale, coordinates, kept, seed) for seed in range(count)]
    updates = planned([WEIGHT_MOST - 7 * number for number in range(count)])
    for index in range(readers[0].blocks):
        total, support = sums_of_senders(updates, readers, index, kept)
        blocks = [reader.block(index) for reader in readers]
        assert np.array_equal(total, sum(u.factor * b for u, b in zip(updates, blocks, strict=True)))
        # A level of a normal distribution's largest numbers is never 0.
        assert np.array_equal(support, sum(u.weight * (b != 0) for u, b in zip(updates, blocks, strict=True)))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("count", [1, 2, 3, UPDATES_MOST])
def test_the_largest_numbers_are_added_exactly_whatever_their_number(sign: int, count: int) -> None:
    total, support = sums_of_senders(planned([WEIGHT_MOST] * count), [largest(sign)] * count, 0, 1)
    assert total.tolist() == [sign * count * WEIGHT_MOST * (2_047 << 25)]
    assert support.tolist() == [count * WEIGHT_MOST]


@pytest.mark.parametrize("extra", [1, 3, 5])
def test_an_odd_sum_beyond_what_floats_hold_is_exact(extra: int) -> None:
    """What floats have added up is kept when integers take over."""
    readers = [largest(1)] * 5
    weights = [WEIGHT_MOST, WEIGHT_MOST, WEIGHT_MOST, WEIGHT_MOST, extra]
    total, _ = sums_of_senders(planned(weights), readers, 0, 1)
    assert total.dtype == np.int64
    assert total.tolist() == [sum(weights) * (2_047 << 25)]


def test_floats_hold_the_sums_of_a_usual_round() -> None:
    readers = [encoded(1e-3, 10_000, 128, seed) for seed in range(16)]
    total, _ = sums_of_senders(planned([WEIGHT_MOST] * 16), readers, 0, 128)
    assert total.dtype == np.float64


def test_one_malformed_update_among_others_is_refused() -> None:
    sound = encoded(1e-3, 5_000, 64, 1)
    data = bytearray(sound.written(0))
    data[-1] ^= 0xFF
    head = UPDATE_FORMAT.head(4, 5_000, [len(data)], 64)
    broken = UpdateReader(io.BytesIO(head + bytes(data)), CodecSpec("topk", "none", kept=64), 5_000)
    for readers in ([broken, sound], [sound, broken]):
        with pytest.raises(IntegrityError) as caught:
            sums_of_senders(planned([1, 1]), readers, 0, 64)
        assert (caught.value.error_id, caught.value.parameters["part"]) == ("update.malformed", "places")
