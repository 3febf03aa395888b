"""Amounts of periods side by side."""

from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFocusEvent, QFont, QHelpEvent, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from sparewatt.wording.catalogue import Translations
from sparewatt.wording.energy import energy_words
from sparewatt_desktop.look import Look
from sparewatt_desktop.presentation.energy_words import Bar
from sparewatt_desktop.theme import TYPE

_HEIGHT: Final = 150
_TOP: Final = 20
_BOTTOM: Final = 24
_GAP_SHARE: Final = 0.25
_LABELS_MOST: Final = 6
_RADIUS: Final = 2


class BarChart(QWidget):
    """Bars from 0; estimated parts are striped, and a dash below marks what could not be measured.

    Arrow keys walk along the bars, and each says its amount.
    """

    def __init__(self, name: str, look: Look, words: Translations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = words
        self._look = look
        self._bars: tuple[Bar, ...] = ()
        self._chosen: int | None = None
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        look.changed.connect(self.updateGeometry)

    def show_bars(self, bars: tuple[Bar, ...], summary: str) -> None:
        """Show these; `summary` is the same in a sentence."""
        if bars != self._bars:
            self._bars = bars
            self._chosen = None
            self.setAccessibleDescription(summary)
            self.update()

    @property
    def chosen(self) -> Bar | None:
        """The bar that the keys stand on."""
        return None if self._chosen is None else self._bars[self._chosen]

    def sizeHint(self) -> QSize:
        px = self._look.theme.px
        return QSize(px(320), px(_HEIGHT))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._bars:
            place = min(len(self._bars) - 1, max(0, int(event.pos().x() / self._step)))
            QToolTip.showText(event.globalPos(), self._bars[place].spoken, self)
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}.get(Qt.Key(event.key()))
        if step is None or not self._bars:
            super().keyPressEvent(event)
            return
        last = len(self._bars) - 1
        self._chosen = last if self._chosen is None else min(last, max(0, self._chosen + step))
        self.setAccessibleDescription(self._bars[self._chosen].spoken)
        self.update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._chosen = None
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = self._look.theme
        px, colours = theme.px, theme.palette
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPixelSize(px(TYPE.caption))
        painter.setFont(font)
        area = QRectF(0, px(_TOP), self.width(), self.height() - px(_TOP) - px(_BOTTOM))
        painter.setPen(QPen(QColor(colours.line), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        if self._bars:
            most = max(bar.watt_hours for bar in self._bars)
            for place, bar in enumerate(self._bars):
                self._draw(painter, area, place, bar, most)
            self._write(painter, area, most)
        if self.hasFocus():
            painter.setPen(QPen(QColor(colours.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), px(6), px(6))

    @property
    def _step(self) -> float:
        return self.width() / max(1, len(self._bars))

    def _draw(self, painter: QPainter, area: QRectF, place: int, bar: Bar, most: float) -> None:
        theme = self._look.theme
        step = self._step
        left, width = place * step + step * _GAP_SHARE / 2, step * (1 - _GAP_SHARE)
        tone = theme.colour("caution" if place == self._chosen else "accent")
        if bar.watt_hours > 0:
            height = max(float(theme.px(2)), area.height() * bar.watt_hours / most)
            shape = QRectF(left, area.bottom() - height, width, height)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tone)
            painter.drawRoundedRect(shape, theme.px(_RADIUS), theme.px(_RADIUS))
            guessed = QRectF(shape)
            guessed.setHeight(height * bar.estimated_share)
            painter.fillRect(guessed, QBrush(QColor(theme.palette.surface), Qt.BrushStyle.BDiagPattern))
        if bar.unmeasured:
            painter.setPen(QPen(QColor(theme.palette.caution), theme.px(2)))
            line = area.bottom() + theme.px(3)
            painter.drawLine(QPointF(left, line), QPointF(left + width, line))

    def _write(self, painter: QPainter, area: QRectF, most: float) -> None:
        theme = self._look.theme
        painter.setPen(QColor(theme.palette.text_quiet))
        chosen = self.chosen
        above = energy_words(most, self._words) if chosen is None else chosen.spoken
        painter.drawText(QRectF(theme.px(6), 0, area.width() - theme.px(12), theme.px(_TOP)), _ABOVE, above)
        every = -(-len(self._bars) // _LABELS_MOST)
        for place in range(len(self._bars) - 1, -1, -every):
            middle = (place + 0.5) * self._step
            half = theme.px(40)
            left = min(max(middle - half, 0), self.width() - 2 * half)
            side = Qt.AlignmentFlag.AlignHCenter if left == middle - half else _side(left)
            box = QRectF(left, area.bottom() + theme.px(6), 2 * half, theme.px(_BOTTOM - 6))
            painter.drawText(box, side | Qt.AlignmentFlag.AlignTop, self._bars[place].label)


_ABOVE: Final = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


def _side(left: float) -> Qt.AlignmentFlag:
    return Qt.AlignmentFlag.AlignLeft if left == 0 else Qt.AlignmentFlag.AlignRight
