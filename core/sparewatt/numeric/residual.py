"""Error feedback: what an update left out of a pseudo-gradient is added to the next one.

One residual e for each (run, branch, device), of 2 bytes a coordinate (bfloat16). At encoding

    e' = e * beta**missed + delta;   e = e' - q

where q is what the update says, whatever becomes of it later, and `missed` is how many versions lie between the bases
of this update and the last one, at least 1 (Karimireddy et al., 2019, with the decay of SparseLoCo, 2025). Everything
is exact IEEE arithmetic in one order, so that a replay finds the same bits.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sparewatt.errors import IntegrityError
from sparewatt.numeric.bfloat16 import to_floats, to_halves
from sparewatt.numeric.weights import Floats

BYTES_PER_COORDINATE: Final = 2
# Beyond this nothing of a residual is worth keeping: 0.95**64 is 0.04.
MISSED_MOST: Final = 64


class Residual:
    """The residual of one device, over memory that somebody else owns.

    Args:
        memory: writable, 2 bytes for each coordinate; zeros are an empty residual.
        decay_micro: beta in 1e-6.
        missed: versions since the last update's base, at least 1.

    Raises:
        IntegrityError: ``weights.size``.
    """

    def __init__(self, memory: memoryview | bytearray, coordinates: int, decay_micro: int, missed: int) -> None:
        self._halves: NDArray[np.uint16] = np.frombuffer(memory, dtype="<u2")
        if len(self._halves) != coordinates:
            raise IntegrityError("weights.size", found=len(self._halves), expected=coordinates)
        self._factor = np.float32(decay(decay_micro, missed))

    def add_to(self, delta: Floats, first: int) -> Floats:
        """e' of the coordinates from `first` on that `delta` is for."""
        kept = to_floats(self._halves[first : first + len(delta)])
        np.multiply(kept, self._factor, out=kept)
        return np.add(kept, delta, out=kept)

    def keep(self, left: Floats, first: int) -> None:
        """Remember e, rounded to the nearest bfloat16, ties to even."""
        self._halves[first : first + len(left)] = to_halves(left)

    def bytes_of(self, first: int, count: int) -> memoryview:
        """The stored bytes of some coordinates, for a Merkle leaf."""
        return self._halves[first : first + count].data.cast("B")


def decay(decay_micro: int, missed: int) -> float:
    """beta**missed by repeated multiplication, since a library's power function is not the same everywhere; 0 after
    `MISSED_MOST`."""
    if missed > MISSED_MOST:
        return 0.0
    factor = 1.0
    for _ in range(missed):
        factor *= decay_micro / 1e6
    return factor
