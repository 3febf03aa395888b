"""Levels: positive integers in units of 2**-36, written as u16 with an exponent of 5 bits above a mantissa of 11."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Units = NDArray[np.int64]

UNIT_BITS: Final = 36
UNIT: Final = 2.0**UNIT_BITS
MANTISSA_BITS: Final = 11
MANTISSA_MOST: Final = (1 << MANTISSA_BITS) - 1


def levels_at_least(needed: Units) -> tuple[Units, Units]:
    """The smallest levels that are not below `needed`, and their u16 spelling."""
    exponent = _exponents(needed)
    return _spelled(needed + (np.int64(1) << exponent) - 1 >> exponent, exponent)


def levels_near(wanted: Units) -> tuple[Units, Units]:
    """The levels next to `wanted`, halves up, and their u16 spelling."""
    exponent = _exponents(wanted)
    return _spelled(wanted + (np.int64(1) << exponent >> 1) >> exponent, exponent)


def read_levels(packed: NDArray[np.uint16], exponent_most: int) -> Units | None:
    """The levels that u16 numbers spell; None when one of them is too large or has a shorter spelling."""
    levels = _spellings(exponent_most)[packed]
    return levels if levels.min() >= 0 else None


@lru_cache(maxsize=8)
def _spellings(exponent_most: int) -> Units:
    """The level that each u16 spells; -1 where no level is spelled so."""
    packed = np.arange(1 << 16)
    mantissa, exponent = packed & MANTISSA_MOST, packed >> MANTISSA_BITS
    # Every level has one spelling: the smallest exponent that can write it.
    loose = (exponent > 0) & (mantissa <= MANTISSA_MOST >> 1)
    return np.where(loose | (exponent > exponent_most), -1, mantissa << np.minimum(exponent, exponent_most))


def _exponents(values: Units) -> Units:
    _, bits = np.frexp(values.astype(np.float64))
    return np.maximum(bits.astype(np.int64) - MANTISSA_BITS, 0)


def _spelled(mantissa: Units, exponent: Units) -> tuple[Units, Units]:
    carried = mantissa > MANTISSA_MOST
    mantissa[carried] >>= 1
    exponent[carried] += 1
    return mantissa << exponent, exponent << MANTISSA_BITS | mantissa
