"""Second moments that a version is published with, so that all devices start from the same ones.

For each matrix the mean over each row and over each column of Adam's second moment (Shazeer and Stern, Adafactor,
2018), each as round(256 log2(mean)) in a signed integer of 16 bits: 0.3 % apart, from 2**-126 up. What a version is
given is, number by number, the median of what the devices of its round reported: of an even count the lower of the two
in the middle, so that it is one of the integers, whatever their order.

    offset    field (little-endian)
         0    magic "SPWMOMNT", format 1 (u16), steps of a doubling, 256 (u16), zero (u32), numbers (u64)
        24    the numbers, as `moment_layout` says

An update carries the numbers alone, behind its last block. Whoever has none to report, because the optimiser's process
had to go at once, writes `UNREPORTED` for each.
"""

from collections.abc import Callable, Sequence
from typing import BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sparewatt.errors import IntegrityError
from sparewatt.numeric.moment_layout import HEAD, NUMBER_BYTES, moment_numbers, rows_and_columns
from sparewatt.work.model import ModelSpec, tensors

Codes: TypeAlias = NDArray[np.int16]
# Means over rows and over columns; the rows of what is no matrix are the single number 1.
Means: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
# (first number, count) -> their bytes
ReadNumbers: TypeAlias = Callable[[int, int], bytes]

CODE: Final = np.dtype("<i2")
UNREPORTED: Final = -(2**15)
STEPS: Final = 256
# The smallest normal fp32; a gradient is clipped to a norm of far less than 2**20.
LEAST: Final = -126 * STEPS
MOST: Final = 40 * STEPS
_MAGIC: Final = b"SPWMOMNT"
_FORMAT: Final = 1
# 8 MiB of the numbers of all updates of a round together.
_NUMBERS_AT_A_TIME: Final = 2**22


def encode_moments(means: Sequence[Means], spec: ModelSpec) -> bytes:
    """The numbers of all tensors, whose means stand in the order of `work.model.tensors`.

    Raises:
        IntegrityError: ``moments.malformed`` for means of other sizes or that are not finite.
    """
    parts: list[NDArray[np.float32]] = []
    for tensor, (rows, columns) in zip(tensors(spec), means, strict=True):
        own_rows, own_columns = rows_and_columns(tensor)
        if len(columns) != own_columns or len(rows) != max(1, own_rows):
            raise IntegrityError("moments.malformed", part="length")
        parts += [rows, columns] if own_rows else [columns]
    values = np.concatenate(parts).astype(np.float64)
    if not np.isfinite(values).all() or (values < 0).any():
        raise IntegrityError("moments.malformed", part="numbers")
    codes: Codes = np.rint(STEPS * np.log2(np.maximum(values, 2.0 ** (LEAST // STEPS)))).clip(LEAST, MOST).astype(CODE)
    return codes.tobytes()


def unreported(numbers: int) -> bytes:
    """The end of an update that reports nothing."""
    return np.full(numbers, UNREPORTED, dtype=CODE).tobytes()


def decode_moments(codes: Codes, spec: ModelSpec) -> list[Means] | None:
    """Means in the order of `work.model.tensors`; None when nobody has reported any yet."""
    if codes[0] == UNREPORTED:
        return None
    found: list[Means] = []
    first = 0
    for tensor in tensors(spec):
        own_rows, own_columns = rows_and_columns(tensor)
        rows = _means(codes[first : first + own_rows]) if own_rows else np.ones(1, dtype=np.float32)
        first += own_rows
        found.append((rows, _means(codes[first : first + own_columns])))
        first += own_columns
    return found


def write_moments(codes: Codes, sink: BinaryIO) -> None:
    """The file that a version is published with."""
    sink.write(HEAD.pack(_MAGIC, _FORMAT, STEPS, 0, len(codes)))
    sink.write(codes.astype(CODE).tobytes())


def read_moments(source: BinaryIO, spec: ModelSpec) -> Codes:
    """The numbers of such a file.

    Raises:
        IntegrityError: ``moments.malformed`` with part ``header``, ``length`` or ``numbers``.
    """
    numbers = moment_numbers(spec)
    if source.read(HEAD.size) != HEAD.pack(_MAGIC, _FORMAT, STEPS, 0, numbers):
        raise IntegrityError("moments.malformed", part="header")
    data = source.read(NUMBER_BYTES * numbers + 1)
    if len(data) != NUMBER_BYTES * numbers:
        raise IntegrityError("moments.malformed", part="length")
    codes = np.frombuffer(data, dtype=CODE)
    _check(codes, reported=codes[0] != UNREPORTED)
    return codes


def check_numbers(read: ReadNumbers, numbers: int) -> None:
    """Whether an update reports all numbers, each within its bounds, or none.

    Raises:
        IntegrityError: ``moments.malformed`` with part ``numbers``.
    """
    reported: bool | None = None
    for first in range(0, numbers, _NUMBERS_AT_A_TIME):
        codes = np.frombuffer(read(first, min(_NUMBERS_AT_A_TIME, numbers - first)), dtype=CODE)
        reported = bool(codes[0] != UNREPORTED) if reported is None else reported
        _check(codes, reported=reported)


def median_moments(reports: Sequence[ReadNumbers], numbers: int, before: Codes | None) -> Codes:
    """What a version is published with: the median of all reports, each of which `check_numbers` has passed.

    Args:
        before: what the version before has, which stays where nobody reports.
    """
    given = [read for read in reports if np.frombuffer(read(0, 1), dtype=CODE)[0] != UNREPORTED]
    if not given:
        return np.full(numbers, UNREPORTED, dtype=CODE) if before is None else before
    found = np.empty(numbers, dtype=CODE)
    at_a_time = max(1, _NUMBERS_AT_A_TIME // len(given))
    middle = (len(given) - 1) // 2
    for first in range(0, numbers, at_a_time):
        count = min(at_a_time, numbers - first)
        block = np.stack([np.frombuffer(read(first, count), dtype=CODE) for read in given])
        found[first : first + count] = np.partition(block, middle, axis=0)[middle]
    return found


def _check(codes: Codes, *, reported: bool) -> None:
    sound = ((codes >= LEAST) & (codes <= MOST)).all() if reported else (codes == UNREPORTED).all()
    if not sound:
        raise IntegrityError("moments.malformed", part="numbers")


def _means(codes: Codes) -> NDArray[np.float32]:
    # A table and a shift of the exponent are the same bits everywhere; a library's exp2 need not be.
    steps = np.array([2.0 ** (step / STEPS) for step in range(STEPS)], dtype=np.float32)
    wide = codes.astype(np.int32)
    means: NDArray[np.float32] = np.ldexp(steps[wide % STEPS], wide // STEPS)
    return means
