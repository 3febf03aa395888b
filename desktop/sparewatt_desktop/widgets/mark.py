"""The mark of a state, as the tray shows it, large."""

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QSizePolicy, QWidget

from sparewatt_desktop.drawings import drawing
from sparewatt_desktop.look import Look
from sparewatt_desktop.theme import Tone


class MarkView(QWidget):
    """One mark; what it means is said beside it, so that it has no name of its own for a screen reader."""

    def __init__(self, look: Look, size: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look, self._size = look, size
        self._mark = ""
        self._tone: Tone = "quiet"
        self._renderer: QSvgRenderer | None = None
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        look.changed.connect(self._draw)

    def show_mark(self, mark: str, tone: Tone) -> None:
        if (mark, tone) != (self._mark, self._tone):
            self._mark, self._tone = mark, tone
            self._draw()

    def sizeHint(self) -> QSize:
        side = self._look.theme.px(self._size)
        return QSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._renderer is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._renderer.render(painter, QRectF(self.rect()))

    def _draw(self) -> None:
        palette = self._look.theme.palette
        self._renderer = drawing(f"mark-{self._mark}", palette.tone(self._tone), palette.surface)
        self.updateGeometry()
        self.update()
