"""What this computer measures while it trains: power, speed or training loss over time."""

from typing import Final

from PySide6.QtWidgets import QWidget

from sparewatt.control.messages import SeriesReply, SeriesSince
from sparewatt.errors import SparewattError
from sparewatt.wording.errors import sentence
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.presentation.plot_values import POINTS_MOST, Point, extended, time_ticks
from sparewatt_desktop.presentation.training_words import series_summary, series_title, series_unit
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.calm_fields import CalmComboBox
from sparewatt_desktop.widgets.layout import column, row
from sparewatt_desktop.widgets.plot import Plot
from sparewatt_desktop.widgets.plot_library import PlotLibrary
from sparewatt_desktop.widgets.text import Text

SERIES: Final = ("power_watts", "tokens_per_s", "loss")
SHOWN_S: Final = 3_600


class SeriesPlot(QWidget):
    """One of the engine's series, chosen from a list; points are asked for since the newest that is known."""

    def __init__(self, library: PlotLibrary, tools: PageTools, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._commands, self._words = tools.commands, tools.words
        self._now_unix_s = 0
        self._points: dict[str, tuple[Point, ...]] = {}
        self._asking: set[str] = set()
        gettext = tools.words.gettext
        self._choice = CalmComboBox(tools.look, self)
        self._choice.setAccessibleName(gettext("What to plot"))
        self._choice.addItems([series_title(name, self._words) for name in SERIES])
        self._choice.activated.connect(self._chosen)
        self._plot = Plot(gettext("Measured on this computer"), library, tools.look, tools.words, from_zero=True)
        box = column(self, tools.look, spacing=SPACING.small)
        top = QWidget(self)
        line = row(top, tools.look)
        line.addWidget(Text(gettext("On this computer"), "heading", top), 1)
        line.addWidget(self._choice)
        box.addWidget(top)
        box.addWidget(self._plot)

    @property
    def series(self) -> str:
        """Name of the series that is shown."""
        return SERIES[max(0, self._choice.currentIndex())]

    def show_now(self, now_unix_s: int) -> None:
        """Times are told as before this moment."""
        self._now_unix_s = now_unix_s

    def ask(self) -> None:
        """Ask for what is new, unless the last question is still open."""
        name = self.series
        if name in self._asking:
            return
        self._asking.add(name)
        known = self._points.get(name, ())
        since = int(known[-1][0]) if known else self._now_unix_s - SHOWN_S

        def answered(reply: SeriesReply) -> None:
            self._asking.discard(name)
            oldest = self._now_unix_s - SHOWN_S
            points = extended(self._points.get(name, ()), reply.points)
            self._points[name] = tuple(point for point in points if point[0] >= oldest)
            self._show()

        def refused(error: SparewattError) -> None:
            self._asking.discard(name)
            self._plot.show_points((), (), sentence(error, self._words))

        self._commands.ask(
            lambda id_: SeriesSince(id=id_, series=name, since_unix_s=max(0, since), limit=POINTS_MOST),
            SeriesReply,
            answered,
            refused,
        )

    def _chosen(self) -> None:
        self._show()
        self.ask()

    def _show(self) -> None:
        points = self._points.get(self.series, ())
        newest = points[-1][0] if points else 0.0
        shown = [(moment - newest, value) for moment, value in points]
        span_s = -shown[0][0] if shown else 0.0
        summary = series_summary(points, series_unit(self.series, self._words), self._words)
        self._plot.show_points(shown, time_ticks(span_s, self._words), summary)
