import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.numeric.sparse import (
    decode_all_places,
    decode_places,
    encode_places,
    kept_in_block,
    largest_places,
    places_bytes,
    rice_parameter,
)

shapes = st.tuples(st.integers(1, 20_000), st.integers(1, 2_048))


@given(shapes, st.integers(0, 2**32))
def test_places_come_back_from_bytes_of_a_length_that_was_promised(shape: tuple[int, int], seed: int) -> None:
    coordinates, kept = shape
    places = largest_places(np.random.default_rng(seed).standard_normal(coordinates), kept)
    assert len(places) == kept_in_block(coordinates, kept)
    data = encode_places(places, kept)
    least, most = places_bytes(coordinates, kept)
    assert least <= len(data) <= most
    found = decode_places(data, coordinates, kept)
    assert found is not None
    assert np.array_equal(found, places)


@given(shapes, st.data())
def test_one_set_of_places_has_one_spelling(shape: tuple[int, int], data: st.DataObject) -> None:
    """What decodes at all encodes to the same bytes: nothing can be hidden in them, and nothing is named twice."""
    coordinates, kept = shape
    least, most = places_bytes(coordinates, kept)
    honest = encode_places(largest_places(np.arange(coordinates, dtype=np.float64) % 97, kept), kept)
    hostile = bytearray(honest)
    for _ in range(data.draw(st.integers(1, 3))):
        hostile[data.draw(st.integers(0, len(hostile) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(least, most))
    spelled = bytes(hostile[:cut]) if cut <= len(hostile) else bytes(hostile) + bytes(cut - len(hostile))
    found = decode_places(spelled, coordinates, kept)
    if found is not None:
        assert encode_places(found, kept) == spelled
        assert len(set(found.tolist())) == kept_in_block(coordinates, kept)


@pytest.mark.parametrize(("kept", "parameter"), [(1, 11), (64, 5), (128, 4), (256, 3), (512, 2), (2_048, 0)])
def test_the_rice_parameter_fits_the_mean_gap(kept: int, parameter: int) -> None:
    assert rice_parameter(kept) == parameter


def test_of_equal_numbers_the_first_are_kept() -> None:
    values = np.array([0.5, -0.5, 0.25, 0.5, 0.5] + [0.0] * 4_091)
    assert largest_places(values, 3).tolist() == [0, 1, 3]
    assert largest_places(values, 5).tolist() == [0, 1, 2, 3, 4]
    assert largest_places(values, 7).tolist() == [0, 1, 2, 3, 4, 5, 6]


@given(
    st.integers(1, 3 * 4_096),
    st.integers(1, 2_048),
    st.sampled_from(("normal", "heavy", "few values", "one value", "zero but a few")),
    st.integers(0, 2**32),
)
def test_those_are_kept_that_a_stable_sort_puts_first(size: int, kept: int, kind: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = {
        "normal": lambda: random.standard_normal(size),
        "heavy": lambda: random.standard_t(2, size),
        "few values": lambda: random.integers(-3, 4, size) / 8,
        "one value": lambda: np.full(size, 0.25),
        "zero but a few": lambda: np.where(random.random(size) < 0.001, random.standard_normal(size), 0.0),
    }[kind]().astype(np.float32)
    wanted: list[int] = []
    for first in range(0, size, 4_096):
        chunk = np.abs(values[first : first + 4_096])
        order = np.argsort(-chunk, kind="stable")[: kept_in_block(len(chunk), kept)]
        wanted += sorted((order + first).tolist())
    assert largest_places(values, kept).tolist() == wanted


def test_large_numbers_that_all_lie_in_one_group_are_found() -> None:
    # Groups take every n-th coordinate: here the largest 64 share as few of them as can be.
    values = np.arange(4_096, dtype=np.float32) / 8_192
    values[::128] += 1
    values[1::128] += 1
    assert largest_places(values, 64).tolist() == sorted([*range(0, 4_096, 128), *range(1, 4_096, 128)])


@given(shapes, st.integers(1, 5), st.integers(0, 2**32))
def test_several_are_decoded_to_what_each_is_decoded_to(shape: tuple[int, int], count: int, seed: int) -> None:
    coordinates, kept = shape
    random = np.random.default_rng(seed)
    rows = [largest_places(random.standard_normal(coordinates), kept) for _ in range(count)]
    found = decode_all_places([encode_places(row, kept) for row in rows], coordinates, kept)
    assert found is not None
    assert np.array_equal(found, rows)


@given(shapes, st.integers(0, 2), st.data())
def test_a_change_in_one_of_several_makes_all_of_them_none_or_that_one_another(
    shape: tuple[int, int], changed: int, data: st.DataObject
) -> None:
    coordinates, kept = shape
    random = np.random.default_rng(7)
    rows = [largest_places(random.standard_normal(coordinates), kept) for _ in range(3)]
    spelled = [bytearray(encode_places(row, kept)) for row in rows]
    least, most = places_bytes(coordinates, kept)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(spelled[changed]) - 1))
        spelled[changed][place] ^= 1 << data.draw(st.integers(0, 7))
    if data.draw(st.booleans()):
        spelled[changed] = (spelled[changed] + bytes(most))[: data.draw(st.integers(least, most))]
    alone = decode_places(bytes(spelled[changed]), coordinates, kept)
    together = decode_all_places([bytes(each) for each in spelled], coordinates, kept)
    assert (alone is None) == (together is None)
    if alone is not None and together is not None:
        rows[changed] = alone
        assert np.array_equal(together, rows)


def test_places_that_one_lacks_and_the_next_one_has_too_many_do_not_make_up_for_each_other() -> None:
    kept, coordinates = 512, 4_096
    rows = [np.arange(0, 8 * 512, 8), np.arange(0, 8 * 512, 8)]
    short, long = (encode_places(row, kept) for row in (rows[0][:-8], np.sort(np.append(rows[1], np.arange(1, 64, 8)))))
    planes = 2 * 64
    parts = [short[:-126] + bytes(planes), long[:-130] + bytes(planes)]
    for spelled in (parts, parts[::-1]):
        unary = np.unpackbits(np.frombuffer(b"".join(part[:-planes] for part in spelled), np.uint8))
        assert unary.sum() == 2 * kept
        assert decode_all_places(spelled, coordinates, kept) is None
