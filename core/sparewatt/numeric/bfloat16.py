"""bfloat16 by integer arithmetic on the bits of fp32: the same everywhere, and no library has to know the type."""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sparewatt.numeric.weights import Floats

HALF: Final = np.dtype("<u2")

Halves: TypeAlias = NDArray[np.uint16]


def to_halves(values: Floats) -> Halves:
    """The nearest bfloat16 of each, ties to even, as its bits."""
    bits = values.view(np.uint32)
    halves: Halves = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(HALF)
    return halves


def to_floats(halves: Halves) -> Floats:
    """Each as fp32, exactly."""
    return (halves.astype(np.uint32) << 16).view(np.float32)


def rounded(values: Floats) -> Floats:
    """Each as fp32 that a bfloat16 can hold."""
    return to_floats(to_halves(values))
