"""Copies weights from the device into the trainable area between inner steps, and once more at an urgent stop."""

import math
import threading
from collections.abc import Callable
from typing import Final

import numpy as np

from sparewatt.numeric.weights import Floats, as_floats
from sparewatt.training.model import FlatModel
from sparewatt.worker.areas import TRAINABLE_HEADER_BYTES, TrainedMark, begin_copy, end_copy

# Reading 1 G parameters back from a card takes about a second, so there not every inner step is copied.
_SHARE_OF_TIME_MOST: Final = 0.01
# Of the second that an urgent stop has, half is the worker's own. A copy that is cut off there is no copy at all, and
# the one before it is gone, too: it is begun only if the last one took much less.
_LAST_COPY_SECONDS_MOST: Final = 0.2


class TrainableMirror:
    """Keeps the trainable area as current as 1 % of the time allows.

    Two threads use it: the one that trains, and the one that hears of an urgent stop.

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
        self._last_copy_seconds = math.inf
        self._settled = threading.Condition()
        self._whole: TrainedMark | None = None
        self._copied: TrainedMark | None = None
        self.weights: Floats = as_floats(area[TRAINABLE_HEADER_BYTES:])
        # Touches the area's pages once, which takes several times what a copy takes; what it held is no longer valid.
        begin_copy(area)
        self.weights.fill(0.0)

    def load(self, weights: Floats) -> None:
        """Give the model these weights; follows `moving`."""
        self._model.load(weights)

    def moving(self) -> None:
        """The model's weights are about to change: until `copy` or `copy_if_cheap` they are no inner step's."""
        with self._settled:
            self._whole = None

    def copy(self, mark: TrainedMark) -> None:
        """Make the area hold the model's weights now."""
        with self._settled:
            self._settle(mark)
            self._copy(mark)

    def copy_if_cheap(self, mark: TrainedMark) -> bool:
        """`copy`, unless one takes more than 1 % of the time since the last."""
        with self._settled:
            self._settle(mark)
            if self._copy_seconds > _SHARE_OF_TIME_MOST * (self._clock() - self._copied_at):
                return False
            self._copy(mark)
            return True

    def copy_before_leaving(self) -> bool:
        """Copy what was completed since the last copy, if that takes no more than a part of a second.

        Waits that long for an inner step that is just being taken, and keeps the next from beginning: the process must
        end after this. Where it does not come to a copy, the area keeps the earlier one.
        """
        if not self._settled.acquire(timeout=_LAST_COPY_SECONDS_MOST):
            return False
        if not self._settled.wait_for(lambda: self._whole is not None, _LAST_COPY_SECONDS_MOST):
            return False
        whole = self._whole
        if whole is None or whole == self._copied or self._last_copy_seconds > _LAST_COPY_SECONDS_MOST:
            return whole is not None and whole == self._copied
        self._copy(whole)
        return True

    def _settle(self, mark: TrainedMark) -> None:
        self._whole = mark
        self._settled.notify_all()

    def _copy(self, mark: TrainedMark) -> None:
        began = self._clock()
        begin_copy(self._area)
        np.copyto(self.weights, self._model.weights.cpu().numpy())
        end_copy(self._area, mark)
        self._copied = mark
        self._copied_at = self._clock()
        # Another program may have had the processor meanwhile: the quickest one is what a copy costs.
        self._last_copy_seconds = self._copied_at - began
        self._copy_seconds = min(self._copy_seconds, self._last_copy_seconds)
