"""Which coordinates of a block are kept, and how their places are written: sorted, as gaps, in planar Rice code.

The gap before a kept coordinate is the number of coordinates between it and the kept one before it. Rice coding with
parameter r writes ``gap >> r`` in unary and the low r bits as they are (Rice, 1979). *Planar* means that all unary
parts come first and then the low bits plane by plane, each plane packed to whole bytes: so nothing is decoded bit by
bit. Bits are packed least significant first; what fills the last byte of a plane is zero.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sparewatt.numeric.blocks import CHUNK_COORDINATES, chunk_count

Places = NDArray[np.int64]
# Any floats: numpy's own types cannot say that both sides of a comparison have the same.
Reals = NDArray[Any]

# ln 2 in 2**-16: the best Rice parameter of geometric gaps is about log2(ln 2 * mean gap) (Kiely, 2004).
_LN2: Final = 45_426
# More in a group saves little: a row's maxima are then few already.
_GROUP_MOST: Final = 32
_BYTE_BITS: Final = 8


def kept_of(size: int, kept: int) -> int:
    """How many coordinates are kept of a chunk with `size`: in proportion to `kept` of a full one, at least 1."""
    return max(1, size * kept // CHUNK_COORDINATES)


def kept_in_block(coordinates: int, kept: int) -> int:
    """How many are kept of a block."""
    full, rest = divmod(coordinates, CHUNK_COORDINATES)
    return full * kept + (kept_of(rest, kept) if rest else 0)


def rice_parameter(kept: int) -> int:
    """r for gaps of `CHUNK_COORDINATES` / `kept` on average; 5 for 64, 2 for 512."""
    return max(0, (CHUNK_COORDINATES * _LN2 // 65_536 // kept).bit_length() - 1)


def plane_bytes(count: int) -> int:
    """Bytes of one bit for each of `count`."""
    return -(-count // 8)


def places_bytes(coordinates: int, kept: int) -> tuple[int, int]:
    """Least and most bytes of a block's places."""
    count, parameter = kept_in_block(coordinates, kept), rice_parameter(kept)
    planes = parameter * plane_bytes(count)
    return planes + plane_bytes(count), planes + plane_bytes(count + (coordinates >> parameter))


def largest_places(values: Reals, kept: int) -> Places:
    """Places of the `kept` largest numbers in size of every chunk, ascending; of equal ones the first."""
    size = len(values)
    full = size - size % CHUNK_COORDINATES
    sizes = np.abs(values)
    found = _largest_in_rows(sizes[:full].reshape(-1, CHUNK_COORDINATES), kept)
    if full < size:
        rest = _largest_in_rows(sizes[full:].reshape(1, -1), kept_of(size - full, kept))
        found = np.concatenate((found, rest + full))
    return found


def _largest_in_rows(rows: Reals, kept: int) -> Places:
    count, width = rows.shape
    if not count:
        return np.zeros(0, dtype=np.int64)
    if kept >= width:
        return np.arange(count * width, dtype=np.int64)
    places = np.flatnonzero((rows >= _lower_bounds(rows, kept)).reshape(-1)).astype(np.int64)
    values, in_row = rows.reshape(-1)[places], places // width
    numbers = np.bincount(in_row, minlength=count)
    starts = np.cumsum(numbers) - numbers
    # Few are left of each row; filled up to the same length, all rows are partitioned at once.
    longest = int(numbers.max())
    left = np.full((count, longest), -1, dtype=rows.dtype)
    left[in_row, np.arange(len(places)) - starts[in_row]] = values
    left.partition(longest - kept, axis=1)
    thresholds = left[:, longest - kept]
    chosen = values >= thresholds[in_row]
    for row in np.flatnonzero(np.bincount(in_row[chosen], minlength=count) > kept):
        # Several are as large as the smallest that is kept: the first of them are.
        part = slice(starts[row], starts[row] + numbers[row])
        above = values[part] > thresholds[row]
        equal = np.flatnonzero(values[part] == thresholds[row])[: kept - np.count_nonzero(above)]
        above[equal] = True
        chosen[part] = above
    kept_places: Places = places[chosen]
    return kept_places


def _lower_bounds(rows: Reals, kept: int) -> Reals:
    """For each row a number that at least `kept` of its own reach: the `kept`-th largest of the maxima of its groups.

    With twice to four times as many groups as are kept, few others reach it, and partitioning the maxima takes a fifth
    of the time that partitioning whole rows does.
    """
    count, width = rows.shape
    members = 1
    while members < _GROUP_MOST and width % (2 * members) == 0 and width // (2 * members) >= 2 * kept:
        members *= 2
    # A group's members lie far apart, so that its maximum is taken over whole vectors.
    greatest: Reals = rows.reshape(count, members, width // members).max(axis=1)
    at = greatest.shape[1] - kept
    greatest.partition(at, axis=1)
    return greatest[:, at, None]


def encode_places(places: Places, kept: int) -> bytes:
    """`places` (ascending, none twice) of a block."""
    parameter = rice_parameter(kept)
    gaps = np.diff(places, prepend=-1) - 1
    ends = np.cumsum((gaps >> parameter) + 1)
    unary = np.zeros(int(ends[-1]), dtype=np.uint8)
    unary[ends - 1] = 1
    planes = [np.packbits(unary, bitorder="little").tobytes()]
    planes += [pack_bits((gaps >> bit) & 1) for bit in range(parameter)]
    return b"".join(planes)


def decode_places(data: bytes | memoryview, coordinates: int, kept: int) -> Places | None:
    """What `encode_places` wrote; None for bytes that it never writes for `kept` of each chunk.

    Args:
        data: of a length that `places_bytes` allows.
    """
    rows = decode_all_places([data], coordinates, kept)
    return None if rows is None else rows[0]


def decode_all_places(spelled: Sequence[bytes | memoryview], coordinates: int, kept: int) -> Places | None:
    """A row of places for each of `spelled`, like `decode_places`; None when it is None for one of them.

    Several are decoded at once because a block has so few places that calling numpy takes longer than its work.
    """
    count, parameter = kept_in_block(coordinates, kept), rice_parameter(kept)
    low_bytes = parameter * plane_bytes(count)
    unary_bytes = np.array([len(each) - low_bytes for each in spelled])
    joined = b"".join(each[: len(each) - low_bytes] for each in spelled)
    unary = np.unpackbits(np.frombuffer(joined, np.uint8), bitorder="little")
    # Looking for what is true takes a third of the time of looking for what is not zero.
    found = np.flatnonzero(unary.view(np.bool_))
    if len(found) != count * len(spelled):
        return None
    ends = found.reshape(len(spelled), count)
    ends -= _BYTE_BITS * (np.cumsum(unary_bytes) - unary_bytes)[:, None]
    # With all ends there, each row has its own if its first is not before its part and its last is in its last byte.
    if (ends[:, 0] < 0).any() or (ends[:, -1] // _BYTE_BITS + 1 != unary_bytes).any():
        return None
    joined = b"".join(each[len(each) - low_bytes :] for each in spelled)
    planes = unpack_planes(joined, len(spelled) * parameter, count)
    if planes is None:
        return None
    planes = planes.reshape(len(spelled), parameter, count)
    low: NDArray[Any] = np.zeros((len(spelled), count), dtype=np.uint8 if parameter <= _BYTE_BITS else np.uint16)
    # From the highest bit on, doubling by an addition: numpy shifts small integers four times slower.
    for bit in reversed(range(parameter)):
        low += low
        low |= planes[:, bit]
    # A place is the sum of gap + 1 up to it, less 1. The unary parts up to it, with an end for each, are `ends`; what
    # the low bits lack of the largest number they can write makes up for multiplying the ends as well.
    largest = (1 << parameter) - 1
    np.subtract(largest, low, out=low)
    places: Places = ends << parameter
    places += largest
    places -= np.cumsum(low, axis=1, dtype=np.int64)
    # They ascend, so a chunk's lie in it when its first and its last do.
    first, last, start = _bounds(coordinates, kept)
    inside = (places[:, first] >= start).all() and (places[:, last] < start + CHUNK_COORDINATES).all()
    return places if inside and places[:, -1].max() < coordinates else None


@lru_cache(maxsize=8)
def _bounds(coordinates: int, kept: int) -> tuple[Places, Places, Places]:
    """For every chunk of a block: which kept coordinate is its first, which its last, and where the chunk starts."""
    chunks = by_chunk(coordinates, kept)
    start = np.arange(chunk_count(coordinates))
    first, end = np.searchsorted(chunks, start), np.searchsorted(chunks, start, side="right")
    return first, end - 1, start * CHUNK_COORDINATES


@lru_cache(maxsize=8)
def by_chunk(coordinates: int, kept: int, times: int = 1) -> Places:
    """For every kept coordinate of a block, in order, `times` the chunk that it lies in; only to be read."""
    counts = np.full(chunk_count(coordinates), kept, dtype=np.int64)
    rest = coordinates % CHUNK_COORDINATES
    if rest:
        counts[-1] = kept_of(rest, kept)
    chunks = np.repeat(times * np.arange(len(counts)), counts)
    chunks.flags.writeable = False
    return chunks


def pack_bits(bits: NDArray[np.generic]) -> bytes:
    """One plane of bits."""
    return np.packbits(bits.astype(np.uint8), bitorder="little").tobytes()


def unpack_planes(data: bytes | memoryview, planes: int, count: int) -> NDArray[np.uint8] | None:
    """A row of `count` bits for each of the first `planes` in `data`; None when something else than zero fills the last
    byte of one."""
    size = plane_bytes(count)
    packed = np.frombuffer(data, np.uint8, count=planes * size) if planes else np.zeros(0, np.uint8)
    bits = np.unpackbits(packed.reshape(planes, size), axis=1, bitorder="little")
    return None if bits[:, count:].any() else bits[:, :count]
