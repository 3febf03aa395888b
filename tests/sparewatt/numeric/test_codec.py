import hashlib
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sparewatt.errors import IntegrityError
from sparewatt.numeric.blocks import BLOCK_COORDINATES
from sparewatt.numeric.codec import UpdateReader, encode_update, update_bytes_most
from sparewatt.numeric.merkle import MerkleRoot
from sparewatt.numeric.residual import Residual
from sparewatt.numeric.weights import Floats
from sparewatt.work.manifest import CodecSpec

UNIT = 2.0**36
INT8, FP16, INT4 = CodecSpec("int8", "none"), CodecSpec("fp16", "none"), CodecSpec("int4", "none")
TOPK = CodecSpec("topk", "none", kept=64)
every = pytest.mark.parametrize("codec", [INT8, FP16, INT4, TOPK], ids=lambda codec: codec.name)
dense = pytest.mark.parametrize("codec", [INT8, FP16, INT4], ids=lambda codec: codec.name)
sound = st.floats(min_value=-0.984375, max_value=0.984375, width=32)
small = st.floats(min_value=-0.859375, max_value=0.859375, width=32)


def encode(delta: Floats, codec: CodecSpec) -> bytes:
    sink = io.BytesIO()
    encode_update(delta, np.zeros_like(delta), codec, sink)
    return sink.getvalue()


def decode(payload: bytes, codec: CodecSpec, coordinates: int) -> np.ndarray:
    reader = UpdateReader(io.BytesIO(payload), codec, coordinates)
    return np.concatenate([reader.block(index) for index in range(reader.blocks)])


@pytest.mark.parametrize(("codec", "most"), [(INT8, 127), (INT4, 7)])
@given(delta=hnp.arrays(np.float32, st.integers(1, 9_000), elements=small, fill=small))
@settings(max_examples=30)
def test_a_code_is_within_half_a_level_of_the_pseudo_gradient(codec: CodecSpec, most: int, delta: Floats) -> None:
    units = decode(encode(delta, codec), codec, len(delta))
    for first in range(0, len(delta), 4_096):
        chunk = delta[first : first + 4_096].astype(np.float64) * UNIT
        # A level has 11 bits: at most 2**-10 above that part of the largest coordinate, and never below 1.
        level = np.ceil(np.abs(chunk).max() / most) * (1 + 2.0**-10)
        assert np.abs(units[first : first + 4_096] - chunk).max() <= level / 2


@given(hnp.arrays(np.float32, st.integers(1, 9_000), elements=sound, fill=sound))
@settings(max_examples=30)
def test_fp16_is_the_nearest_half(delta: Floats) -> None:
    units = decode(encode(delta, FP16), FP16, len(delta))
    assert np.array_equal(units, delta.astype(np.float16).astype(np.float64) * UNIT)


@dense
def test_what_is_sent_is_base_minus_trained(codec: CodecSpec) -> None:
    base, trained = np.full(5, 0.5, np.float32), np.full(5, 0.25, np.float32)
    sink = io.BytesIO()
    encode_update(base, trained, codec, sink)
    assert decode(sink.getvalue(), codec, 5) == pytest.approx(0.25 * UNIT, rel=4e-3)


@dense
def test_blocks_stand_alone(codec: CodecSpec) -> None:
    coordinates = 2 * BLOCK_COORDINATES + 4_097
    delta = (np.random.default_rng(3).standard_normal(coordinates) * 1e-3).astype(np.float32)
    payload = encode(delta, codec)
    assert len(payload) == update_bytes_most(codec, coordinates)
    reader = UpdateReader(io.BytesIO(payload), codec, coordinates)
    last = reader.block(2)
    whole = decode(payload, codec, coordinates)
    assert len(last) == 4_097
    assert np.array_equal(last, whole[2 * BLOCK_COORDINATES :])
    assert np.abs(whole / UNIT - delta).max() < (1e-3 if codec == INT4 else 5e-5)


def test_sparse_blocks_stand_alone() -> None:
    coordinates = 2 * BLOCK_COORDINATES + 4_097
    delta = (np.random.default_rng(3).standard_normal(coordinates) * 1e-3).astype(np.float32)
    payload = encode(delta, TOPK)
    reader = UpdateReader(io.BytesIO(payload), TOPK, coordinates)
    last = reader.block(2)
    whole = decode(payload, TOPK, coordinates)
    assert np.array_equal(last, whole[2 * BLOCK_COORDINATES :])
    assert np.count_nonzero(whole) == 129 * 64 + 1
    # 1.6 % of the coordinates hold 11 % of a normal distribution's squares; two levels lose few of them.
    assert np.square(whole / UNIT - delta).sum() < 0.91 * np.square(delta.astype(np.float64)).sum()


def test_a_sparse_payload_is_as_small_as_is_promised() -> None:
    """7.5 bits a place, 2 for sign and level, 4 bytes of levels for each 64: 0.156 bits a coordinate."""
    coordinates = 8 * BLOCK_COORDINATES
    delta = np.random.default_rng(3).standard_normal(coordinates).astype(np.float32) * np.float32(1e-3)
    payload = encode(delta, TOPK)
    assert 8 * len(payload) / coordinates < 0.157
    assert len(payload) <= update_bytes_most(TOPK, coordinates)


def test_what_is_kept_are_the_largest_coordinates_of_each_chunk_and_of_equal_ones_the_first() -> None:
    delta = np.zeros(8_192, np.float32)
    delta[100:4_000] = 2.0**-10
    delta[50] = -(2.0**-8)
    delta[4_096:] = np.arange(4_096) / 2**20
    units = decode(encode(delta, TOPK), TOPK, 8_192)
    assert np.flatnonzero(units[:4_096]).tolist() == [50, *range(100, 163)]
    assert np.flatnonzero(units[4_096:]).tolist() == list(range(4_096 - 64, 4_096))
    assert units[50] == -(2.0**-8) * UNIT
    assert set(units[100:163]) == {2.0**-10 * UNIT}


def test_what_an_update_leaves_out_comes_with_the_next_ones() -> None:
    coordinates, codec = 5_000, CodecSpec("topk", "decay", kept=64, decay_micro=1_000_000)
    delta = (np.random.default_rng(8).standard_normal(coordinates) * 1e-3).astype(np.float32)
    memory = bytearray(2 * coordinates)
    sent = np.zeros(coordinates)
    for _ in range(80):
        sink = io.BytesIO()
        encode_update(delta, np.zeros_like(delta), codec, sink, Residual(memory, coordinates, codec.decay_micro, 1))
        sent += decode(sink.getvalue(), codec, coordinates) / UNIT
    assert np.abs(sent - 80 * delta).max() < 64 * np.abs(delta).max()
    left = (np.frombuffer(memory, "<u2").astype(np.uint32) << 16).view(np.float32)
    # What was not sent is what is left, up to the 8 bits of bfloat16 and their 80 roundings.
    assert np.abs(80 * delta.astype(np.float64) - sent - left).max() < 80 * np.abs(left).max() * 2.0**-8


def test_both_residuals_of_an_update_are_committed_to() -> None:
    coordinates, codec = 10_000, CodecSpec("topk", "decay", kept=64, decay_micro=950_000)
    delta = np.arange(coordinates, dtype=np.float32) / np.float32(2**20)
    nothing = np.zeros_like(delta)
    memory = bytearray(2 * coordinates)
    first = encode_update(delta, nothing, codec, io.BytesIO(), Residual(memory, coordinates, codec.decay_micro, 1))
    second = encode_update(delta, nothing, codec, io.BytesIO(), Residual(memory, coordinates, codec.decay_micro, 1))
    empty = MerkleRoot()
    for size in (4_096, 4_096, 1_808):
        empty.add(bytes(2 * size))
    assert first.residual_before_root == empty.hexdigest()
    assert first.residual_after_root == second.residual_before_root != second.residual_after_root


def test_the_root_commits_to_every_chunk_of_the_exact_pseudo_gradient() -> None:
    delta = np.arange(10_000, dtype=np.float32) / np.float32(2**20)
    encoded = encode_update(delta, np.zeros_like(delta), INT8, io.BytesIO())
    root = MerkleRoot()
    for first in (0, 4_096, 8_192):
        root.add(delta[first : first + 4_096].tobytes())
    assert encoded.delta_root == root.hexdigest()


def test_the_payload_is_named_by_its_bytes() -> None:
    sink = io.BytesIO()
    delta = np.full(10, 0.125, np.float32)
    encoded = encode_update(delta, np.zeros_like(delta), FP16, sink)
    assert encoded.payload.sha256 == hashlib.sha256(sink.getvalue()).hexdigest()
    assert encoded.payload.size == len(sink.getvalue())


@every
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (np.nan, "update.not_finite"),
        (np.inf, "update.not_finite"),
        (1.0, "update.too_large"),
        (-3e38, "update.too_large"),
    ],
)
def test_numbers_that_cannot_be_merged_are_not_encoded(codec: CodecSpec, value: float, error: str) -> None:
    delta = np.zeros(100, np.float32)
    delta[7] = value
    with pytest.raises(IntegrityError) as caught:
        encode(delta, codec)
    assert caught.value.error_id == error


@pytest.mark.parametrize(
    ("level", "coordinate"),
    [(0, 0), (1, 1), (2_047, 2_047), (1 << 11 | 1_024, 2_048), (18 << 11 | 2_047, 2_047 << 18)],
)
def test_a_level_is_a_mantissa_shifted_by_an_exponent(level: int, coordinate: int) -> None:
    payload = bytearray(encode(np.full(1, 0.5, np.float32), INT8))
    payload[-3:] = struct.pack("<Hb", level, 1)
    assert decode(bytes(payload), INT8, 1).tolist() == [coordinate]


@pytest.mark.parametrize("level", [19 << 11 | 2_047, 31 << 11 | 2_047, 1 << 11 | 1_023, 5 << 11])
def test_levels_that_are_too_large_or_loosely_spelled_are_refused(level: int) -> None:
    payload = bytearray(encode(np.full(1, 0.5, np.float32), INT8))
    payload[-3:-1] = struct.pack("<H", level)
    with pytest.raises(IntegrityError, match=r"update\.malformed"):
        decode(bytes(payload), INT8, 1)


def test_code_minus_128_is_refused() -> None:
    payload = bytearray(encode(np.full(1, 0.5, np.float32), INT8))
    payload[-1] = 0x80
    with pytest.raises(IntegrityError, match=r"update\.malformed"):
        decode(bytes(payload), INT8, 1)


@pytest.mark.parametrize(
    ("half", "error"), [(0x7C00, "update.not_finite"), (0x7E01, "update.not_finite"), (0xBC00, "update.too_large")]
)
def test_halves_that_are_not_below_one_are_refused(half: int, error: str) -> None:
    payload = bytearray(encode(np.full(1, 0.5, np.float32), FP16))
    payload[-2:] = struct.pack("<H", half)
    with pytest.raises(IntegrityError) as caught:
        decode(bytes(payload), FP16, 1)
    assert caught.value.error_id == error


@every
@given(data=st.data())
@settings(max_examples=150)
def test_hostile_bytes_are_an_integrity_error_or_coordinates_below_2_to_the_36(
    codec: CodecSpec, data: st.DataObject
) -> None:
    coordinates = 5_000
    payload = bytearray(encode(np.linspace(-0.4, 0.4, coordinates, dtype=np.float32), codec))
    # Mostly in the header and the table, where lengths and counts live.
    places = st.one_of(st.integers(0, 40), st.integers(0, len(payload) - 1))
    for place in data.draw(st.lists(places, max_size=4)):
        payload[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(payload)), st.integers(0, len(payload))))
    added = data.draw(st.binary(max_size=3))
    try:
        units = decode(bytes(payload[:cut]) + added, codec, coordinates)
    except IntegrityError:
        return
    assert len(units) == coordinates
    assert np.abs(units).max() < 2**36


@every
@given(garbage=st.binary(max_size=200))
def test_garbage_is_an_integrity_error(codec: CodecSpec, garbage: bytes) -> None:
    with pytest.raises(IntegrityError):
        UpdateReader(io.BytesIO(garbage), codec, 100)


def test_an_update_for_another_model_or_codec_is_refused() -> None:
    payload = encode(np.zeros(10, np.float32), INT8)
    with pytest.raises(IntegrityError, match=r"update\.coordinates"):
        UpdateReader(io.BytesIO(payload), INT8, 11)
    with pytest.raises(IntegrityError, match=r"update\.malformed"):
        UpdateReader(io.BytesIO(payload), FP16, 10)


DELTA = np.array([0.5, -0.25, 0.0, 2.0**-20, 127 / 1024], dtype=np.float32)


def test_golden_int8() -> None:
    assert encode(DELTA, INT8) == bytes.fromhex(
        "5350575550445445 0100 0100 00100000 0500000000000000 01000000 00000000 07000000 0994 7fc100001f"
    )


def test_golden_fp16() -> None:
    assert encode(DELTA, FP16) == bytes.fromhex(
        "5350575550445445 0100 0200 00100000 0500000000000000 01000000 00000000 0a000000 0038 00b4 0000 1000 f02f"
    )
