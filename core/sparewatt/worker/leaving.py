"""An urgent stop: the process is gone at once, whatever its main thread is busy with."""

import os
from collections.abc import Callable

from sparewatt.process.parent_watch import Ends
from sparewatt.worker.exits import WorkerExit
from sparewatt.worker.messages import EngineFrame, Stop


class Leaving:
    """Ends the process on the thread that hears of an urgent stop.

    Attributes:
        copy: makes the trainable area current first, if that is a matter of a moment; nothing to do before there are
            weights.
    """

    def __init__(self, end: Ends = os._exit) -> None:
        self._end = end
        self.copy: Callable[[], object] = lambda: None

    def notice(self, frame: EngineFrame) -> None:
        """Look at a frame as it arrives."""
        if isinstance(frame, Stop) and frame.urgent:
            self.copy()
            self._end(WorkerExit.STOPPED)
