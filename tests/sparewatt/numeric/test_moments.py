"""Second moments as versions and updates carry them."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import IntegrityError
from sparewatt.numeric.moment_layout import moment_numbers, moments_file_bytes, moments_tail_bytes, rows_and_columns
from sparewatt.numeric.moments import (
    CODE,
    LEAST,
    MOST,
    UNREPORTED,
    Codes,
    Means,
    check_numbers,
    decode_moments,
    encode_moments,
    median_moments,
    read_moments,
    unreported,
    write_moments,
)
from sparewatt.work.model import ModelSpec, tensors

SPEC = ModelSpec("llama", 16, 8, 16, 1, 2, 2, 8)
NUMBERS = moment_numbers(SPEC)


def means(value: float) -> list[Means]:
    """Means of `value` everywhere, growing a little from place to place."""
    found: list[Means] = []
    for tensor in tensors(SPEC):
        rows, columns = rows_and_columns(tensor)
        steps = np.float32(value) * (1 + np.arange(columns, dtype=np.float32) / np.float32(100))
        found.append((np.full(max(1, rows), value, dtype=np.float32), steps))
    return found


def codes(*values: int) -> Codes:
    return np.array(values, dtype=CODE)


def reading(numbers: Codes) -> Callable[[int, int], bytes]:
    return lambda first, count: numbers[first : first + count].tobytes()


def test_a_matrix_has_its_rows_and_columns_and_a_norm_each_of_its_weights() -> None:
    matrices = sum(sum(tensor.shape) for tensor in tensors(SPEC) if len(tensor.shape) == 2)
    others = sum(tensor.count for tensor in tensors(SPEC) if len(tensor.shape) == 1)
    assert matrices + others == NUMBERS
    assert moments_tail_bytes(SPEC) == 2 * NUMBERS
    assert moments_file_bytes(SPEC) == 24 + 2 * NUMBERS


@given(st.floats(-120, 30))
def test_a_mean_is_kept_to_a_third_of_a_percent(exponent: float) -> None:
    wanted = means(2.0**exponent)
    found = decode_moments(np.frombuffer(encode_moments(wanted, SPEC), dtype=CODE), SPEC)
    assert found is not None
    for tensor, (rows, columns), (expected_rows, expected_columns) in zip(tensors(SPEC), found, wanted, strict=True):
        assert np.allclose(columns, expected_columns, rtol=0.003, atol=0)
        assert rows.tolist() == [1.0] if len(tensor.shape) == 1 else np.allclose(rows, expected_rows, rtol=0.003)


def test_what_no_gradient_has_reached_is_as_small_as_can_be_said() -> None:
    assert np.frombuffer(encode_moments(means(0.0), SPEC), dtype=CODE).tolist() == [LEAST] * NUMBERS


def test_what_is_no_moment_is_not_written() -> None:
    for wrong in (float("nan"), float("inf"), -1.0):
        with pytest.raises(IntegrityError, match=r"moments\.malformed"):
            encode_moments(means(wrong), SPEC)
    with pytest.raises(IntegrityError, match=r"moments\.malformed"):
        encode_moments([(rows, columns[1:]) for rows, columns in means(1.0)], SPEC)


@given(st.permutations([codes(1, 9), codes(5, 5), codes(3, -7), codes(4, 0), codes(UNREPORTED, UNREPORTED)]))
def test_the_median_does_not_depend_on_the_order_of_reports(reports: list[Codes]) -> None:
    """Of four reports the lower of the two in the middle; the fifth device has none to report."""
    assert median_moments([reading(each) for each in reports], 2, before=None).tolist() == [3, 0]


def test_one_device_that_says_nonsense_moves_nothing() -> None:
    honest = [codes(100, -200), codes(101, -200), codes(99, -201)]
    for nonsense in (codes(MOST, MOST), codes(LEAST, LEAST)):
        found = median_moments([reading(each) for each in (*honest, nonsense)], 2, before=None)
        assert np.abs(found - codes(100, -200)).max() <= 1


def test_where_nobody_reports_the_version_before_stands() -> None:
    silent = [reading(np.frombuffer(unreported(2), dtype=CODE))]
    assert median_moments(silent, 2, before=codes(7, 8)).tolist() == [7, 8]
    nothing = np.full(NUMBERS, UNREPORTED, dtype=CODE)
    assert median_moments(silent, NUMBERS, before=None).tolist() == nothing.tolist()
    assert decode_moments(nothing, SPEC) is None


@pytest.mark.parametrize("content", [np.arange(NUMBERS, dtype=CODE), np.full(NUMBERS, UNREPORTED, dtype=CODE)])
def test_a_file_is_read_as_it_was_written(content: Codes) -> None:
    sink = io.BytesIO()
    write_moments(content, sink)
    assert len(sink.getvalue()) == moments_file_bytes(SPEC)
    assert read_moments(io.BytesIO(sink.getvalue()), SPEC).tolist() == content.tolist()


def test_another_file_is_refused() -> None:
    sink = io.BytesIO()
    write_moments(np.arange(NUMBERS, dtype=CODE), sink)
    data = sink.getvalue()
    beyond = np.full(NUMBERS, MOST + 1, dtype=CODE).tobytes()
    for wrong in (b"", data[:-1], data + b"\0", b"X" + data[1:], data[:24] + beyond):
        with pytest.raises(IntegrityError, match=r"moments\.malformed"):
            read_moments(io.BytesIO(wrong), SPEC)


def test_an_update_reports_all_or_nothing() -> None:
    check_numbers(reading(codes(LEAST, 0, MOST)), 3)
    check_numbers(reading(codes(UNREPORTED, UNREPORTED)), 2)
    check_numbers(reading(codes()), 0)
    for wrong in (codes(0, UNREPORTED), codes(UNREPORTED, 0), codes(MOST + 1), codes(LEAST - 1)):
        with pytest.raises(IntegrityError, match=r"moments\.malformed"):
            check_numbers(reading(wrong), len(wrong))
