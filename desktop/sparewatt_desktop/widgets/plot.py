"""A line over time or over versions, with the same in a sentence."""

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QColor, QHideEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from sparewatt.wording.catalogue import Translations
from sparewatt.wording.numbers import written
from sparewatt_desktop.look import Look
from sparewatt_desktop.presentation.plot_values import Point, thinned, value_range
from sparewatt_desktop.theme import SPACING, TYPE
from sparewatt_desktop.widgets.layout import column
from sparewatt_desktop.widgets.plot_library import PlotLibrary
from sparewatt_desktop.widgets.text import Text

# Four pictures a second: a line that grows every two seconds needs no more.
REPAINT_MILLISECONDS: Final = 250
_HEIGHT: Final = 180
MARKS_MOST: Final = 40
Ticks = Sequence[tuple[float, str]]


class Plot(QWidget):
    """Paints at most four times a second, and never while nobody sees it.

    Args:
        name: what is plotted, for a screen reader.
        dots: whether each point is a measurement to be seen, as of a version.
        from_zero: whether the values are shown from 0 on.
    """

    def __init__(
        self,
        name: str,
        library: PlotLibrary,
        look: Look,
        words: Translations,
        *,
        dots: bool = False,
        from_zero: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._library, self._look, self._dots, self._from_zero = library, look, dots, from_zero
        self._words = words
        self._points: tuple[Point, ...] = ()
        self._ticks: tuple[tuple[float, str], ...] = ()
        self._canvas: _Canvas | None = None
        self._frame = PlotFrame(look, self)
        self._frame.setAccessibleName(name)
        self._waiting = Text(words.gettext("Preparing the plot."), "caption", self._frame)
        self._waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._frame.box.addWidget(self._waiting)
        self._summary = Text("", "caption", self)
        box = column(self, look, spacing=SPACING.hair)
        box.addWidget(self._frame)
        box.addWidget(self._summary)
        self._due = QTimer(self)
        self._due.setSingleShot(True)
        self._due.setInterval(REPAINT_MILLISECONDS)
        self._due.timeout.connect(self._paint)
        library.ready.connect(self._begin)
        look.changed.connect(self._recolour)
        self.painted = 0

    @property
    def summary(self) -> str:
        """The plot in a sentence."""
        return self._summary.text()

    def show_points(self, points: Sequence[Point], ticks: Ticks, summary: str) -> None:
        """Show these; the sentence at once, the line with the next picture."""
        self._summary.show_text(summary)
        self._frame.setAccessibleDescription(summary)
        shown = thinned(points)
        if (shown, tuple(ticks)) != (self._points, self._ticks):
            self._points, self._ticks = shown, tuple(ticks)
            self._plan()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # After the page was painted: the first look at it waits for no library.
        QTimer.singleShot(0, self, self._library.load)
        if self._library.module is not None:
            self._begin(self._library.module)
        self._plan()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._due.stop()

    def _begin(self, module: Any) -> None:
        if self._canvas is None:
            self._waiting.hide()
            self._canvas = _Canvas(module, self._look, self._words, dots=self._dots)
            self._frame.box.addWidget(self._canvas.view)
            self._recolour()
            self._plan()

    def _plan(self) -> None:
        if self._canvas is not None and self.isVisible() and not self._due.isActive():
            self._due.start()

    def _paint(self) -> None:
        if self._canvas is not None:
            self.painted += 1
            self._canvas.show(self._points, self._ticks, value_range(self._points, from_zero=self._from_zero))

    def _recolour(self) -> None:
        if self._canvas is not None:
            self._canvas.recolour()
            self._plan()


class PlotFrame(QWidget):
    """Keeps the plot's place, so that nothing jumps when the library has come."""

    def __init__(self, look: Look, parent: QWidget) -> None:
        super().__init__(parent)
        self._look = look
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.box = QVBoxLayout(self)
        self.box.setContentsMargins(0, 0, 0, 0)
        look.changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        px = self._look.theme.px
        return QSize(px(320), px(_HEIGHT))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())


class _Canvas:
    """One line between two axes, painted in software. Built from the library's parts: its ready-made plot makes menus
    and buttons that nobody here opens, and takes longer for it."""

    def __init__(self, library: Any, look: Look, words: Translations, *, dots: bool) -> None:
        self._library, self._look, self._dots = library, look, dots
        self.view = library.GraphicsView(useOpenGL=False)
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.viewport().setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setFrameStyle(0)
        layout = library.GraphicsLayout()
        self.view.setCentralItem(layout)
        self._box = library.ViewBox(enableMenu=False, enableMouse=False, defaultPadding=0)
        self._left, self._bottom = library.AxisItem("left"), library.AxisItem("bottom")
        named = self._left.tickStrings
        self._left.tickStrings = lambda *place: [written(text, words) for text in named(*place)]
        layout.addItem(self._left, 0, 0)
        layout.addItem(self._box, 0, 1)
        layout.addItem(self._bottom, 1, 1)
        for axis in (self._left, self._bottom):
            axis.linkToView(self._box)
        self._curve = library.PlotCurveItem(antialias=True)
        self._marks = library.ScatterPlotItem(antialias=True)
        self._box.addItem(self._curve)
        self._box.addItem(self._marks)

    def show(self, points: Sequence[Point], ticks: Ticks, values: tuple[float, float]) -> None:
        across, up = [place for place, _ in points], [value for _, value in points]
        self._curve.setData(across, up)
        if self._dots:
            # Where measurements stand close, their marks would only thicken the line.
            few = len(points) <= MARKS_MOST
            self._marks.setData(across if few else [], up if few else [])
        first, last = (across[0], across[-1]) if points else (0.0, 1.0)
        air = 0.02 * (last - first) or 0.5
        self._box.setRange(xRange=(first - air, last + air), yRange=values, padding=0)
        self._bottom.setTicks([list(ticks)])

    def recolour(self) -> None:
        theme, pen = self._look.theme, self._library.mkPen
        colours = theme.palette
        self.view.setBackground(QColor(colours.surface))
        self._curve.setPen(pen(colours.accent, width=theme.px(2)))
        self._marks.setBrush(QColor(colours.accent))
        self._marks.setPen(None)
        self._marks.setSize(theme.px(6))
        font = self.view.font()
        font.setPixelSize(theme.px(TYPE.caption))
        for axis in (self._left, self._bottom):
            axis.setPen(pen(colours.edge))
            axis.setTextPen(pen(colours.text_quiet))
            axis.setStyle(tickFont=font, tickLength=-theme.px(4), hideOverlappingLabels=False)
        self._left.setWidth(theme.px(52))
        self._bottom.setHeight(theme.px(26))
