"""A measured value against its limit."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from sparewatt_desktop.look import Look
from sparewatt_desktop.theme import SPACING, Tone
from sparewatt_desktop.widgets.gauge_readings import GaugeReading, GaugeState
from sparewatt_desktop.widgets.layout import column
from sparewatt_desktop.widgets.text import Text

# The bar goes on behind the limit, so that going over it is seen as such.
_SCALE_MOST = 1.15
_BAR_HEIGHT = 8
_MARK_HEIGHT = 16
_TONES: dict[GaugeState, Tone] = {
    "calm": "accent",
    "near": "caution",
    "over": "attention",
    "unlimited": "accent",
    "unknown": "quiet",
}


class Gauge(QWidget):
    """A name, a large value, a bar up to a mark for the limit, and words; told apart by words and shape, too."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._label = Text("", "caption", self)
        self._value = Text("", "figure", self)
        self._bar = _Bar(look, self)
        self._limit = Text("", "caption", self)
        self._note = Text("", "caption", self)
        box = column(self, look, spacing=SPACING.hair)
        for widget in (self._label, self._value, self._bar, self._limit, self._note):
            box.addWidget(widget)
        box.addStretch(1)
        self._shown: GaugeReading | None = None

    def show_reading(self, reading: GaugeReading) -> None:
        """Show this value."""
        if reading == self._shown:
            return
        self._shown = reading
        self._label.show_text(reading.label)
        self._value.show_text(reading.value)
        self._limit.show_text(reading.limit)
        self._note.show_text(reading.note)
        self._note.set_tone({"near": "caution", "over": "attention"}.get(reading.state, ""))
        self._bar.show_share(reading.share, reading.state)
        self.setAccessibleName(reading.label)
        self.setAccessibleDescription(reading.spoken)


class _Bar(QWidget):
    """The bar alone: filled, striped near the limit, past its mark over it, an empty outline where nothing is known."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look
        self._share: float | None = None
        self._state: GaugeState = "unknown"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        look.changed.connect(self.updateGeometry)

    def show_share(self, share: float | None, state: GaugeState) -> None:
        if (share, state) != (self._share, self._state):
            self._share, self._state = share, state
            self.update()

    def sizeHint(self) -> QSize:
        px = self._look.theme.px
        return QSize(px(120), px(_MARK_HEIGHT))

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = self._look.theme
        height, mark = theme.px(_BAR_HEIGHT), theme.px(_MARK_HEIGHT)
        width = float(self.width())
        bar = QRectF(0.5, (mark - height) / 2 + 0.5, width - 1, height - 1)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._share is None:
            painter.setPen(QPen(QColor(theme.palette.edge), 1, Qt.PenStyle.DashLine))
            painter.drawRoundedRect(bar, height / 2, height / 2)
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.palette.line))
        painter.drawRoundedRect(bar, height / 2, height / 2)
        self._fill(painter, bar, height)
        if self._state != "unlimited":
            place = width / _SCALE_MOST
            painter.fillRect(QRectF(place - theme.px(1), 0, theme.px(2), mark), QColor(theme.palette.text))

    def _fill(self, painter: QPainter, bar: QRectF, height: int) -> None:
        assert self._share is not None
        most = 1.0 if self._state == "unlimited" else _SCALE_MOST
        filled = QRectF(bar)
        filled.setWidth(max(height, bar.width() * min(self._share, most) / most))
        tone = self._look.theme.colour(_TONES[self._state])
        shape = QPainterPath()
        shape.addRoundedRect(filled, height / 2, height / 2)
        painter.fillPath(shape, tone)
        if self._state == "near":
            painter.fillPath(shape, QBrush(QColor(self._look.theme.palette.surface), Qt.BrushStyle.BDiagPattern))
