import io
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sparewatt.errors import IntegrityError
from sparewatt.numeric.blocks import BLOCK_COORDINATES, CHUNK_COORDINATES
from sparewatt.numeric.codec import UPDATE_FORMAT, UpdateReader
from sparewatt.numeric.dense_sum import UPDATES_AT_A_TIME, DenseSum, leading, rows_of, weighted
from sparewatt.numeric.levels import read_levels
from sparewatt.numeric.update_blocks import INT4, INT8, Dense
from sparewatt.work.manifest import CodecSpec

LEVEL_MOST = {127: 2_047 << 18, 7: 2_047 << 22}
FACTOR_MOST = 1 << 16
CODECS = {"int8": INT8, "int4": INT4}
both = pytest.mark.parametrize("name", ["int8", "int4"])


def by_integers(codec: Dense, coefficients: Sequence[Sequence[int]], codes: NDArray[np.int8]) -> list[list[int]]:
    """What a sum says of each chunk, by Python's integers, which have no bounds.

    Args:
        coefficients: for each update and chunk.
        codes: for each update, chunk and place.
    """
    sums = []
    for chunk in range(codes.shape[1]):
        some = [row[chunk] for row in coefficients]
        cut = max(0, max(some).bit_length() - codec.coefficient_bits)
        kept = [(each + (1 << cut >> 1) >> cut) << cut for each in some]
        rows = codes[:, chunk].tolist()
        columns = zip(*rows, strict=True)
        sums.append([sum(each * code for each, code in zip(kept, column, strict=True)) for column in columns])
    return sums


def summed(codec: Dense, coefficients: NDArray[np.int64], codes: NDArray[np.int8]) -> list[list[int]]:
    kept, cut = leading(coefficients, codec.coefficient_bits)
    sums = weighted(rows_of(kept, codec), codes)
    return [[int(each) << int(places) for each in row] for row, places in zip(sums, cut, strict=True)]


@given(
    st.integers(1, 3 * UPDATES_AT_A_TIME),
    st.integers(1, 3),
    st.sampled_from((INT8, INT4)),
    st.integers(0, 33),
    st.integers(0, 2**32),
)
def test_a_product_of_matrices_is_the_sum_of_integers(
    count: int, chunks: int, codec: Dense, level_bits: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    most = codec.code_most
    levels = random.integers(0, min(LEVEL_MOST[most], 1 << level_bits), (count, chunks), endpoint=True)
    codes = random.integers(-most, most, (count, chunks, CHUNK_COORDINATES), dtype=np.int8, endpoint=True)
    coefficients = levels * random.integers(0, FACTOR_MOST, (count, 1), endpoint=True)
    # A few places of each chunk, since Python's integers are slow.
    some = random.integers(0, CHUNK_COORDINATES, 20)
    found = [[row[place] for place in some] for row in summed(codec, coefficients, codes)]
    assert found == by_integers(codec, coefficients.tolist(), codes[..., some])


def uniform(codec: Dense, coefficient: int, code: int, updates: int) -> set[int]:
    """All coordinates of a sum of updates that are the same everywhere."""
    codes = np.full((updates, 1, CHUNK_COORDINATES), code, dtype=np.int8)
    (sums,) = summed(codec, np.full((updates, 1), coefficient), codes)
    return set(sums)


@both
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("updates", [UPDATES_AT_A_TIME, 64 * UPDATES_AT_A_TIME])
def test_the_largest_coefficients_that_are_kept_whole_are_exact(name: str, sign: int, updates: int) -> None:
    codec = CODECS[name]
    largest = (1 << codec.coefficient_bits) - 1
    assert uniform(codec, largest, sign * codec.code_most, updates) == {updates * largest * sign * codec.code_most}


@both
@pytest.mark.parametrize("updates", [UPDATES_AT_A_TIME, 64 * UPDATES_AT_A_TIME])
def test_halves_go_up_and_a_coefficient_that_becomes_a_power_of_two_is_exact(name: str, updates: int) -> None:
    codec = CODECS[name]
    most, code = (1 << codec.coefficient_bits) - 1, codec.code_most
    assert uniform(codec, 2 * most, code, updates) == {updates * 2 * most * code}
    assert uniform(codec, 2 * most + 1, code, updates) == {updates * 2 * (most + 1) * code}


@both
def test_the_largest_coefficient_of_a_chunk_says_what_the_others_keep(name: str) -> None:
    codec = CODECS[name]
    large = 1 << codec.coefficient_bits + 1
    coefficients = np.array([[large, 1], [5, 5], [6, 6]])
    kept, cut = leading(coefficients, codec.coefficient_bits)
    assert cut.tolist() == [2, 0]
    assert kept.tolist() == [[large >> 2, 1], [1, 5], [2, 6]]


@both
@given(st.lists(st.integers(0, FACTOR_MOST * LEVEL_MOST[7]), min_size=1, max_size=8), st.integers(1, FACTOR_MOST))
def test_what_is_cut_off_is_a_small_part_of_the_largest(name: str, coefficients: list[int], more: int) -> None:
    column = np.array([[*coefficients, more]]).T
    kept, cut = leading(column, CODECS[name].coefficient_bits)
    away = np.abs((kept << cut.astype(np.int64)) - column)
    assert away.max() <= column.max() / 2 ** CODECS[name].coefficient_bits


def payload(codec: Dense, levels: NDArray[np.uint16], codes: NDArray[np.int8]) -> bytes:
    """An update of one block, spelled here by hand."""
    return UPDATE_FORMAT.head(codec.number, len(codes)) + levels.astype("<u2").tobytes() + codec.pack(codes)


def reader(name: str, data: bytes, coordinates: int) -> UpdateReader:
    spec = {"int8": CodecSpec("int8", "none"), "int4": CodecSpec("int4", "none")}[name]
    return UpdateReader(io.BytesIO(data), spec, coordinates)


@both
@pytest.mark.parametrize("coordinates", [1, 2, 7, 4_095, 4_097, BLOCK_COORDINATES // 2 + 3, BLOCK_COORDINATES])
@pytest.mark.parametrize("count", [3, UPDATES_AT_A_TIME + 1])
def test_what_is_read_in_parts_is_the_sum_of_what_is_decoded(name: str, coordinates: int, count: int) -> None:
    codec, random = CODECS[name], np.random.default_rng(coordinates)
    chunks = -(-coordinates // CHUNK_COORDINATES)
    readers = [
        reader(
            name,
            payload(
                codec,
                random.integers(1_024, 2_048, chunks, dtype=np.uint16) | np.uint16(9 << 11),
                random.integers(-codec.code_most, codec.code_most, coordinates, dtype=np.int8, endpoint=True),
            ),
            coordinates,
        )
        for _ in range(count)
    ]
    # So that nothing is cut off: with a mantissa of 11 bits no more than 17.
    factors = random.integers(0, 63, count, endpoint=True).tolist()
    expected = sum(factor * each.block(0) for factor, each in zip(factors, readers, strict=True))
    assert np.array_equal(DenseSum(codec, readers, factors).quotient(0, 3.0), expected / 3.0)


@both
def test_of_the_most_updates_little_is_read_at_a_time_and_the_sum_is_the_same(name: str) -> None:
    codec, random, coordinates = CODECS[name], np.random.default_rng(5), 11 * CHUNK_COORDINATES + 1
    levels = np.full(12, codec.exponent_most << 11 | 2_047, dtype=np.uint16)
    codes = random.integers(-codec.code_most, codec.code_most, coordinates, dtype=np.int8, endpoint=True)
    one = reader(name, payload(codec, levels, codes), coordinates)
    found = DenseSum(codec, [one] * 1_024, [FACTOR_MOST] * 1_024).quotient(0, 1.0)
    level = read_levels(levels, codec.exponent_most)
    assert level is not None
    assert np.array_equal(found, (1_024 * FACTOR_MOST * int(level[0]) * codes.astype(np.int64)).astype(np.float64))


@both
@pytest.mark.parametrize("place", [0, 3 * CHUNK_COORDINATES, BLOCK_COORDINATES - 1])
def test_what_is_no_code_is_refused_wherever_it_stands(name: str, place: int) -> None:
    codec = CODECS[name]
    codes = np.zeros(BLOCK_COORDINATES, dtype=np.int8)
    codes[place] = -codec.code_most - 1
    levels = np.ones(64, dtype=np.uint16)
    readers = [
        reader(name, payload(codec, levels, np.zeros_like(codes)), len(codes)),
        reader(name, payload(codec, levels, codes), len(codes)),
    ]
    with pytest.raises(IntegrityError) as caught:
        DenseSum(codec, readers, [1, 1]).quotient(0, 1.0)
    assert (caught.value.error_id, caught.value.parameters["part"]) == ("update.malformed", "codes")


@both
def test_a_level_that_is_none_is_refused(name: str) -> None:
    data = payload(CODECS[name], np.array([1, 0xFFFF]), np.zeros(5_000, dtype=np.int8))
    with pytest.raises(IntegrityError) as caught:
        DenseSum(CODECS[name], [reader(name, data, 5_000)], [1]).quotient(0, 1.0)
    assert (caught.value.error_id, caught.value.parameters["part"]) == ("update.malformed", "levels")


@pytest.mark.parametrize("coordinates", [1, 4_095, BLOCK_COORDINATES // 2 + 1])
def test_nothing_stands_where_an_odd_number_of_nibbles_leaves_room(coordinates: int) -> None:
    levels = np.ones(-(-coordinates // CHUNK_COORDINATES), dtype=np.uint16)
    data = bytearray(payload(INT4, levels, np.ones(coordinates, dtype=np.int8)))
    assert (
        DenseSum(INT4, [reader("int4", bytes(data), coordinates)], [1]).quotient(0, 1.0).tolist() == [1] * coordinates
    )
    data[-1] |= 0x10
    with pytest.raises(IntegrityError) as caught:
        DenseSum(INT4, [reader("int4", bytes(data), coordinates)], [1]).quotient(0, 1.0)
    assert (caught.value.error_id, caught.value.parameters["part"]) == ("update.malformed", "codes")
