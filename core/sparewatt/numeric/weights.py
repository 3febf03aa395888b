"""Flat weights: one dimension, little-endian fp32, in the order of `work.model.tensors`."""

from mmap import mmap
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sparewatt.errors import IntegrityError
from sparewatt.numeric.blocks import block_count, block_range

FLOAT: Final = np.dtype("<f4")
# Smaller numbers are nothing beside any update, and without them no sum of weights and patches is ever subnormal.
SMALLEST_WEIGHT: Final = 2.0**-60

Floats: TypeAlias = NDArray[np.float32]
Weights: TypeAlias = Floats | memoryview | bytearray | bytes | mmap


def as_floats(weights: Weights, coordinates: int | None = None) -> Floats:
    """`weights` as an array over the same memory; writable where that is.

    Raises:
        IntegrityError: ``weights.size`` when they are not `coordinates` fp32 numbers.
    """
    if isinstance(weights, np.ndarray):
        flat: Floats = weights.reshape(-1)
        fits = flat.dtype == FLOAT
    else:
        size = memoryview(weights).nbytes
        fits = size % FLOAT.itemsize == 0
        flat = np.frombuffer(weights, dtype=FLOAT, count=size // FLOAT.itemsize)
    if not fits or (coordinates is not None and len(flat) != coordinates):
        raise IntegrityError(
            "weights.size", found=len(flat), expected=len(flat) if coordinates is None else coordinates
        )
    return flat


def as_bytes(values: NDArray[np.generic]) -> memoryview:
    """The memory of a contiguous array as bytes."""
    return values.data.cast("B")


def canonicalise(weights: Floats) -> None:
    """Give new weights their one spelling, in place: -0 and |x| < 2**-60 become +0.

    Raises:
        IntegrityError: ``weights.not_finite`` with the first block that has such a number.
    """
    for index in range(block_count(len(weights))):
        first, end = block_range(index, len(weights))
        block = weights[first:end]
        if not np.isfinite(block).all():
            raise IntegrityError("weights.not_finite", block=index)
        block[np.abs(block) < SMALLEST_WEIGHT] = 0.0
