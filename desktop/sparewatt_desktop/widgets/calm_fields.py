"""Fields that do not change while somebody scrolls past them."""

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QShowEvent, QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QSpinBox, QWidget

from sparewatt_desktop.look import Look
from sparewatt_desktop.widgets.text import Text

_ARROW = 4
_TRACK_WIDTH, _TRACK_HEIGHT = 36, 20


class CalmComboBox(QComboBox):
    """A list that opens; its arrow is drawn in the theme's colour, for a style sheet leaves none.

    On Linux Qt tells a screen reader the chosen text as the list's name, and what it is about only by a label beside it
    that names it as its buddy: here one that is not seen.
    """

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._label = Text()
        self._label.setBuddy(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def setAccessibleName(self, name: str) -> None:
        super().setAccessibleName(name)
        self._label.setText(name)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._label.parent() is not self.parent():
            self._label.setParent(self.parentWidget())
            self._label.hide()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        theme = self._look.theme
        size = theme.px(_ARROW)
        middle = QPointF(self.width() - 4 * size, self.height() / 2)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.palette.text_quiet), 1.5 * size / _ARROW))
        points = (QPointF(-size, -size / 2), QPointF(0, size / 2), QPointF(size, -size / 2))
        painter.drawPolyline([middle + point for point in points])


class CalmSpinBox(QSpinBox):
    """A number; the small buttons inside are taken away by the style sheet, which would spoil them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class CalmSwitch(QCheckBox):
    """On or off: a knob that stands right or left, filled or hollow, and the word beside it.

    Args:
        on, off: the words.
    """

    def __init__(self, on: str, off: str, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(off, parent)
        self._look = look
        self._names = {True: on, False: off}
        self.toggled.connect(self._name)
        look.changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        px = self._look.theme.px
        text = max(self.fontMetrics().horizontalAdvance(name) for name in self._names.values())
        return QSize(px(_TRACK_WIDTH + 12) + text, px(_TRACK_HEIGHT + 8))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def hitButton(self, position: QPoint) -> bool:
        return self.rect().contains(position)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._look.theme
        colours, px = theme.palette, theme.px
        on, enabled = self.isChecked(), self.isEnabled()
        track = QRectF(2, (self.height() - px(_TRACK_HEIGHT)) / 2, px(_TRACK_WIDTH), px(_TRACK_HEIGHT))
        line = QColor(colours.accent if on and enabled else colours.edge)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(line, px(1.5)))
        painter.setBrush(line if on else QColor(colours.raised))
        radius = track.height() / 2
        painter.drawRoundedRect(track, radius, radius)
        painter.setBrush(QColor(colours.on_accent) if on else line)
        knob = track.height() / 2 - px(4)
        middle = QPointF(track.right() - radius if on else track.left() + radius, track.center().y())
        painter.drawEllipse(middle, knob, knob)
        if self.hasFocus():
            painter.setPen(QPen(QColor(colours.text), px(2)))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(track.adjusted(-1, -1, 1, 1), radius, radius)
        painter.setPen(QColor(colours.text if enabled else colours.edge))
        words = QRectF(track.right() + px(8), 0, self.width(), self.height())
        painter.drawText(words, int(Qt.AlignmentFlag.AlignVCenter), self.text())

    def _name(self, on: bool) -> None:
        self.setText(self._names[on])
