"""The plotting library, fetched in the background once something is to be plotted."""

import importlib
import threading
from typing import Any

from PySide6.QtCore import QObject, Signal


class PlotLibrary(QObject):
    """pyqtgraph with numpy takes longer to load than a person should wait for a page; `ready` brings it when it is
    there, in the UI's thread."""

    ready = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: threading.Thread | None = None
        self.module: Any = None
        self.ready.connect(self._keep)

    def load(self) -> None:
        """Begin to load it, unless that was begun before."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._load, name="plot library", daemon=True)
            self._thread.start()

    def _load(self) -> None:
        self.ready.emit(importlib.import_module("pyqtgraph"))

    def _keep(self, module: Any) -> None:
        self.module = module
