"""Copies weights from the device into the trainable area between inner steps."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
        self._copy_seconds = 0.0
        self.weights: NDArray[np.float32] = np.frombuffer(area[TRAINABLE_HEADER_BYTES:], dtype="<f4")

    def copy(self, mark: TrainedMark) -> None:
        """Make the area hold the model's weights now."""
        began = self._clock()
        begin_copy(self._area)
        np.copyto(self.weights, self._model.weights.cpu().numpy())
        end_copy(self._area, mark)
        self._copied_at = self._clock()
        self._copy_seconds = self._copied_at - began

    def copy_if_cheap(self, mark: TrainedMark) -> bool:
        """`copy`, unless the last one took more than 1 % of the time since."""
        if self._copy_seconds > _SHARE_OF_TIME_MOST * (self._clock() - self._copied_at):
            return False
        self.copy(mark)
        return True
