"""Copies weights from the device into the trainable area between inner steps."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from sparewatt.numeric.weights import Floats, as_floats
from sparewatt.training.model import FlatModel
from sparewatt.worker.areas import TRAINABLE_HEADER_BYTES, TrainedMark, begin_copy, end_copy

# Reading 1 G parameters back from a card takes about a second, so there not every inner step is copied.
_SHARE_OF_TIME_MOST: Final = 0.01


class TrainableMirror:
    """Keeps the trainable area as current as 1 % of the time allows.

    Args:
        area: the trainable area, header included.
        clock: monotonic seconds.
    """

    def __init__(self, area: memoryview, model: FlatModel, clock: Callable[[], float]) -> None:
        self._area = area
        self._model = model
        self._clock = clock
        self._copied_at = clock()
        self._copy_seconds = math.inf
        self.weights: Floats = as_floats(area[TRAINABLE_HEADER_BYTES:])

    def copy(self, mark: TrainedMark) -> None:
        """Make the area hold the model's weights now."""
        began = self._clock()
        begin_copy(self._area)
        np.copyto(self.weights, self._model.weights.cpu().numpy())
        end_copy(self._area, mark)
        self._copied_at = self._clock()
        # The first copy also pays for the area's pages: the quickest one is what a copy costs.
        self._copy_seconds = min(self._copy_seconds, self._copied_at - began)

    def copy_if_cheap(self, mark: TrainedMark) -> bool:
        """`copy`, unless one takes more than 1 % of the time since the last."""
        if self._copy_seconds > _SHARE_OF_TIME_MOST * (self._clock() - self._copied_at):
            return False
        self.copy(mark)
        return True
