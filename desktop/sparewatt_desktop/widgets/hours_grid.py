"""A week of hours that can be painted with the mouse or with the keyboard."""

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QBrush,
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.look import Look
from sparewatt_desktop.presentation.week_cells import DAYS, HOURS_A_DAY, Span, cell_states, with_cells
from sparewatt_desktop.presentation.week_words import cell_words, day_short
from sparewatt_desktop.theme import TYPE

_CELL_HEIGHT = 18
_DAY_WIDTH = 36
_HOUR_HEIGHT = 18
_LEAST_CELL_WIDTH = 9

_STEPS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class HoursGrid(QWidget):
    """Days from Monday downwards, hours from midnight rightwards; emits `changed` with the spans after each stroke.

    Keys: arrows move, with Shift they paint along; Space and Enter turn the hour over; Home and End go along the day.

    Args:
        name: what the hours are for, for a screen reader.
    """

    changed = Signal(tuple)

    def __init__(self, name: str, look: Look, words: Translations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._look = look
        self._words = words
        self._spans: tuple[Span, ...] = ()
        self._states = cell_states(())
        self._cell = (0, 0)
        self._brush: bool | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(words.gettext("Paint with the mouse, or with arrow keys and Space."))
        look.changed.connect(self.updateGeometry)
        self._tell()

    @property
    def spans(self) -> tuple[Span, ...]:
        """The open minutes of the week, as `settings.hours.WeeklyHours` has them."""
        return self._spans

    def show_spans(self, spans: tuple[Span, ...]) -> None:
        """Show these, without emitting."""
        if spans != self._spans:
            self._spans = spans
            self._states = cell_states(spans)
            self._tell()
            self.update()

    def sizeHint(self) -> QSize:
        px = self._look.theme.px
        return QSize(px(_DAY_WIDTH + 18 * HOURS_A_DAY), px(_HOUR_HEIGHT + _CELL_HEIGHT * DAYS))

    def minimumSizeHint(self) -> QSize:
        px = self._look.theme.px
        return QSize(px(_DAY_WIDTH) + _LEAST_CELL_WIDTH * HOURS_A_DAY, self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        day, hour = self._cell
        if key in _STEPS:
            down, right = _STEPS[key]
            state = self._states[day][hour]
            self._go((day + down) % DAYS, (hour + right) % HOURS_A_DAY)
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._paint_cells([self._cell], open_=state == "open")
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._go(day, 0 if key == Qt.Key.Key_Home else HOURS_A_DAY - 1)
        elif key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._paint_cells([self._cell], open_=self._states[day][hour] != "open")
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        place = event.position().toPoint()
        cells = self._cells_at(place)
        if not cells:
            return
        # What a stroke does is what its first hour needs: it opens what is closed, and closes what is open.
        self._brush = not all(self._states[day][hour] == "open" for day, hour in cells)
        self._go(*cells[0])
        self._paint_cells(cells, open_=self._brush)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        cells = self._cells_at(event.position().toPoint())
        if self._brush is None or len(cells) != 1 or cells[0] == self._cell:
            return
        self._go(*cells[0])
        self._paint_cells(cells, open_=self._brush)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._brush = None

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._tell()
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_names(painter)
        colours = self._look.theme.palette
        accent = QColor(colours.accent if self.isEnabled() else colours.edge)
        edge = QPen(QColor(colours.line), 1)
        for day in range(DAYS):
            for hour in range(HOURS_A_DAY):
                cell = self._rect(day, hour)
                painter.setPen(edge)
                painter.setBrush(QColor(colours.raised))
                painter.drawRoundedRect(cell, 2, 2)
                state = self._states[day][hour]
                if state != "closed":
                    painter.setPen(Qt.PenStyle.NoPen)
                    # Closed, in part and open differ in pattern, so that colour alone says nothing.
                    pattern = Qt.BrushStyle.SolidPattern if state == "open" else Qt.BrushStyle.BDiagPattern
                    painter.setBrush(QBrush(accent, pattern))
                    painter.drawRoundedRect(cell, 2, 2)
        if self.hasFocus():
            painter.setPen(QPen(QColor(colours.text), self._look.theme.px(2)))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(self._rect(*self._cell), 2, 2)

    def _draw_names(self, painter: QPainter) -> None:
        theme = self._look.theme
        font = self.font()
        font.setPixelSize(theme.px(TYPE.caption))
        painter.setFont(font)
        painter.setPen(QColor(theme.palette.text_quiet))
        left = self._rect(0, 0).left()
        middle = Qt.AlignmentFlag.AlignVCenter
        for day in range(DAYS):
            place = QRectF(0, self._rect(day, 0).top(), left, self._rect(day, 0).height())
            painter.drawText(place, int(middle | Qt.AlignmentFlag.AlignLeft), day_short(day, self._words))
        for hour in range(0, HOURS_A_DAY + 1, 6):
            x = self._rect(0, min(hour, HOURS_A_DAY - 1)).left() if hour < HOURS_A_DAY else self._rect(0, 23).right()
            text = f"{hour:02d}"
            width = painter.fontMetrics().horizontalAdvance(text)
            start = min(x, self.width() - width)
            painter.drawText(QRectF(start, 0, width + 2, theme.px(_HOUR_HEIGHT)), int(middle), text)

    def _rect(self, day: int, hour: int) -> QRectF:
        px = self._look.theme.px
        left, top = px(_DAY_WIDTH), px(_HOUR_HEIGHT)
        width = max(float(_LEAST_CELL_WIDTH), (self.width() - left - 1) / HOURS_A_DAY)
        height = (self.height() - top - 1) / DAYS
        return QRectF(left + hour * width + 1, top + day * height + 1, width - 2, height - 2)

    def _cells_at(self, place: QPoint) -> list[tuple[int, int]]:
        """The hour under `place`; a day's name stands for its hours, an hour's number for all its days."""
        first = self._rect(0, 0)
        right = self._rect(0, 1).left() - first.left()
        down = self._rect(1, 0).top() - first.top()
        day = int((place.y() - first.top()) // down)
        hour = int((place.x() - first.left()) // right)
        on_day, on_hour = 0 <= day < DAYS, 0 <= hour < HOURS_A_DAY
        if on_day and on_hour:
            return [(day, hour)]
        if on_day and place.x() < first.left():
            return [(day, each) for each in range(HOURS_A_DAY)]
        if on_hour and place.y() < first.top():
            return [(each, hour) for each in range(DAYS)]
        return []

    def _go(self, day: int, hour: int) -> None:
        if self._cell != (day, hour):
            self._cell = (day, hour)
            self._tell()
            self.update()

    def _paint_cells(self, cells: list[tuple[int, int]], *, open_: bool) -> None:
        spans = with_cells(self._spans, cells, open_=open_)
        if spans == self._spans:
            return
        self.show_spans(spans)
        self.changed.emit(spans)

    def _tell(self) -> None:
        """Say the hour under the cursor to a screen reader."""
        day, hour = self._cell
        words = cell_words(day, hour, self._states[day][hour], self._words)
        name = f"{self._name}: {words}"
        if name != self.accessibleName():
            self.setAccessibleName(name)
            QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.NameChanged))
