"""Sums of many sparse updates: what those say of a coordinate that name it, and how much they weigh together."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sparewatt.numeric.blocks import block_size
from sparewatt.numeric.codec import Units, UpdateReader, update_errors
from sparewatt.numeric.merge_plan import PlannedUpdate
from sparewatt.numeric.sparse import kept_in_block
from sparewatt.numeric.update_blocks import TOPK

# Arrays of so many numbers of 64 bits are 1 MiB each, and caches hold a few of them. It is also what a block keeps at
# most: half of its coordinates.
_PLACES_AT_A_TIME: Final = 1 << 17
# float64 holds integers below this exactly, and their sums in any order, as long as those stay below it, too.
_FLOAT_BELOW: Final = 1 << 53


def sums_of_senders(
    updates: Sequence[PlannedUpdate], readers: Sequence[UpdateReader], index: int, kept: int
) -> tuple[Units | NDArray[np.float64], NDArray[np.float64]]:
    """For each coordinate of block `index` the sum of factor x units over the updates that name it, and of weight.

    Both are exact. The first is added up as float64, which is divided without a conversion, until the largest numbers
    of all updates so far might reach 2**53 together, and as int64, of which they need 62 bits at most, from then on.

    Raises:
        IntegrityError: ``update.malformed``.
    """
    size = block_size(index, readers[0].coordinates)
    count = kept_in_block(size, kept)
    total: Units | NDArray[np.float64] = np.zeros(size, dtype=np.float64)
    support = np.zeros(size, dtype=np.float64)
    largest = 0
    at_a_time = max(1, _PLACES_AT_A_TIME // count)
    for first in range(0, len(updates), at_a_time):
        some = updates[first : first + at_a_time]
        written = [reader.written(index) for reader in readers[first : first + at_a_time]]
        with update_errors():
            found = TOPK.parts(written, size, kept)
        numbers = found.numbers([update.factor for update in some])
        largest += int(numbers.reshape(len(some), -1).max(axis=1).sum())
        if largest >= _FLOAT_BELOW:
            total = total.astype(np.int64, copy=False)
        # Adding at places, which reads and writes in one pass, takes half of the time of indexing twice.
        places = found.places.reshape(-1)
        np.add.at(total, places, numbers.astype(total.dtype).take(found.kinds.reshape(-1)))
        np.add.at(support, places, np.repeat([float(update.weight) for update in some], count))
    return total, support
