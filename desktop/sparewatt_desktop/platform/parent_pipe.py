"""The end of the program that opened the window."""

import os
import threading
from typing import Final

from PySide6.QtCore import QObject, Signal

_READ_BYTES: Final = 4_096


class ParentPipe(QObject):
    """Watches standard input, which ends with the program on its other side.

    A thread, because reading blocks, and Windows has no way to wait for a pipe together with other things.
    """

    ended = Signal()

    def watch(self) -> None:
        threading.Thread(target=self._wait, name="parent", daemon=True).start()

    def _wait(self) -> None:
        while os.read(0, _READ_BYTES):
            pass
        self.ended.emit()
