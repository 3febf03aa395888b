"""How flat weights are cut: chunks share a scale, blocks are worked on one at a time and independently."""

from typing import Final

CHUNK_COORDINATES: Final = 4_096
BLOCK_COORDINATES: Final = 1 << 18


def chunk_count(coordinates: int) -> int:
    """Number of chunks of `coordinates`; the last may be short."""
    return -(-coordinates // CHUNK_COORDINATES)


def block_count(coordinates: int) -> int:
    """Number of blocks of `coordinates`; the last may be short."""
    return -(-coordinates // BLOCK_COORDINATES)


def block_range(index: int, coordinates: int) -> tuple[int, int]:
    """First coordinate of block `index` and the one after its last."""
    first = index * BLOCK_COORDINATES
    return first, min(first + BLOCK_COORDINATES, coordinates)


def block_size(index: int, coordinates: int) -> int:
    """Number of coordinates of block `index`."""
    first, end = block_range(index, coordinates)
    return end - first
