"""Pseudo-gradients as training makes them: heavy-tailed, and of another size in every tensor. Made, not trained."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from sparewatt.numeric.blocks import block_count, block_range
from sparewatt.numeric.codec import encode_update
from sparewatt.numeric.weights import FLOAT, Floats
from sparewatt.work.manifest import CodecSpec
from sparewatt.work.version import BlobRef

_POOL_COORDINATES: Final = 1 << 22
_TYPICAL: Final = 1e-4


class PseudoGradients:
    """Student's t with three degrees of freedom, times a scale for each block that spreads over about a factor of 30.

    Blocks are windows of one pool, so that billions of coordinates take no longer than copying them.
    """

    def __init__(self, seed: int) -> None:
        self._pool = (np.random.default_rng(seed).standard_t(3, _POOL_COORDINATES) * _TYPICAL).astype(FLOAT)
        # A tail has no bound, and no codec takes a coordinate of 1.
        np.clip(self._pool, -0.01, 0.01, out=self._pool)

    def block(self, update: int, index: int, size: int) -> Floats:
        """`size` coordinates, at most 2**18, of block `index` of an update."""
        random = np.random.default_rng((update, index))
        first = int(random.integers(_POOL_COORDINATES - size))
        return self._pool[first : first + size] * np.float32(np.exp(random.standard_normal()))

    def whole(self, update: int, coordinates: int) -> Floats:
        """All coordinates of an update."""
        values = np.empty(coordinates, dtype=FLOAT)
        for index in range(block_count(coordinates)):
            first, end = block_range(index, coordinates)
            values[first:end] = self.block(update, index, end - first)
        return values


def write_updates(
    count: int, coordinates: int, codec: CodecSpec, add: Callable[[Path], BlobRef], scratch: Path
) -> Iterator[BlobRef]:
    """`count` payloads of the production encoder, each given to `add` as the file `scratch`, which `add` may take."""
    made = PseudoGradients(1)
    base = np.zeros(coordinates, dtype=FLOAT)
    for number in range(count):
        with scratch.open("wb") as sink:
            encode_update(base, -made.whole(number, coordinates), codec, sink)
        yield add(scratch)
    scratch.unlink(missing_ok=True)
