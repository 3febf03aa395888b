"""The plotting library, fetched in the background once something is to be plotted."""

import importlib
import threading
from typing import Any, Final

from PySide6.QtCore import QObject, QTimer, Signal

_LIBRARY: Final = "pyqtgraph"
_LOOK_MILLISECONDS: Final = 50


class PlotLibrary(QObject):
    """pyqtgraph with numpy takes longer to load than a person should wait for a page; `ready` brings it when it is
    there, in the UI's thread."""

    ready = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: threading.Thread | None = None
        # The thread knows nothing of Qt, so that it may outlive the page that wanted the library.
        self._look = QTimer(self)
        self._look.setInterval(_LOOK_MILLISECONDS)
        self._look.timeout.connect(self._look_for_it)
        self.module: Any = None

    def load(self) -> None:
        """Begin to load it, unless that was begun before."""
        if self._thread is None:
            self._thread = threading.Thread(target=importlib.import_module, args=(_LIBRARY,), name="plot library")
            self._thread.start()
            self._look.start()

    def _look_for_it(self) -> None:
        assert self._thread is not None
        if not self._thread.is_alive():
            self._look.stop()
            self.module = importlib.import_module(_LIBRARY)
            self.ready.emit(self.module)
