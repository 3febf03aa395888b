"""What is trained, for whom and under which licence, and how it gets on."""

from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from sparewatt.snapshot import RunSnapshot, Snapshot
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.presentation.plot_values import version_ticks
from sparewatt_desktop.presentation.training_words import about_rows, loss_summary, progress_rows, state_words
from sparewatt_desktop.widgets.calm_fields import CalmComboBox
from sparewatt_desktop.widgets.fact_table import FactTable
from sparewatt_desktop.widgets.layout import Card, ScrollingPage, column
from sparewatt_desktop.widgets.plot import Plot
from sparewatt_desktop.widgets.plot_library import PlotLibrary
from sparewatt_desktop.widgets.series_plot import SeriesPlot
from sparewatt_desktop.widgets.text import Text, plain

SERIES_MILLISECONDS: Final = 2_000


class TrainingPage(QWidget):
    """One run at a time; plots ask for new points only while the page is seen."""

    def __init__(self, tools: PageTools) -> None:
        super().__init__()
        self.setObjectName("page")
        self._tools = tools
        self._words = tools.words
        self._snapshot: Snapshot | None = None
        self._runs: tuple[str, ...] = ()
        self._library = PlotLibrary(self)
        self._timer = QTimer(self)
        self._timer.setInterval(SERIES_MILLISECONDS)
        self._timer.timeout.connect(self._ask_series)
        self._build()

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        gettext = self._words.gettext
        if snapshot is None:
            self._notice.show_text(gettext("The engine cannot be heard; this is how it was before."))
            return
        self._notice.show_text("" if snapshot.runs else gettext("No run is joined yet. Join one with an invite."))
        self._series.show_now(snapshot.taken_unix_s)
        self._show_choice(snapshot)
        run = self._run()
        for card in self._cards:
            card.setVisible(run is not None)
        if run is not None:
            self._show_run(run)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()
        QTimer.singleShot(0, self, self._ask_series)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _build(self) -> None:
        look, gettext = self._tools.look, self._words.gettext
        box = column(self, look, spacing=0)
        scroll = ScrollingPage(look, self)
        box.addWidget(scroll)
        self._title = Text(gettext("Training"), "title")
        scroll.box.addWidget(self._title)
        self._choice = CalmComboBox(look)
        self._choice.setAccessibleName(gettext("Run"))
        self._choice.activated.connect(lambda _: self.show_snapshot(self._snapshot))
        self._choice.hide()
        scroll.box.addWidget(self._choice)
        self._notice = Text("", "quiet")
        self._notice.hide()
        scroll.box.addWidget(self._notice)
        self._about = FactTable(gettext("About the run"), look)
        self._state = Text("", "")
        self._state.set_tone("caution")
        self._progress = FactTable(gettext("Progress"), look)
        self._loss = Plot(gettext("Held-out loss by version"), self._library, look, self._words, dots=True)
        self._series = SeriesPlot(self._library, self._tools)
        about, progress, loss, here = (Card(look) for _ in range(4))
        self._cards = (about, progress, loss, here)
        about.box.addWidget(self._state)
        about.box.addWidget(self._about)
        progress.box.addWidget(Text(gettext("Progress"), "heading"))
        progress.box.addWidget(self._progress)
        loss.box.addWidget(Text(gettext("Held-out loss"), "heading"))
        why = gettext("Measured by the coordinator on text that is never trained on, after each version.")
        loss.box.addWidget(Text(why, "caption"))
        loss.box.addWidget(self._loss)
        here.box.addWidget(self._series)
        for card in self._cards:
            scroll.box.addWidget(card)
            card.hide()
        scroll.box.addStretch(1)

    def _show_choice(self, snapshot: Snapshot) -> None:
        runs = tuple(run.run for run in snapshot.runs)
        if runs != self._runs:
            chosen = self._choice.currentIndex()
            kept = self._runs[chosen] if 0 <= chosen < len(self._runs) else None
            self._runs = runs
            self._choice.clear()
            self._choice.addItems([plain(run.title) for run in snapshot.runs])
            self._choice.setCurrentIndex(runs.index(kept) if kept in runs else 0)
        self._choice.setVisible(len(runs) > 1)

    def _run(self) -> RunSnapshot | None:
        if self._snapshot is None or not self._snapshot.runs:
            return None
        return self._snapshot.runs[max(0, self._choice.currentIndex())]

    def _show_run(self, run: RunSnapshot) -> None:
        self._title.show_text(plain(run.title))
        self._state.show_text(plain(state_words(run, self._words), 400))
        self._about.show_facts(about_rows(run, self._words))
        self._progress.show_facts(progress_rows(run, self._words))
        points = [(float(each.version), each.loss_micro / 1e6) for each in run.evaluations]
        ticks = version_ticks(run.evaluations[0].version, run.evaluations[-1].version) if run.evaluations else ()
        self._loss.show_points(points, ticks, loss_summary(run.evaluations, run.loss_unit, self._words))

    def _ask_series(self) -> None:
        if self._snapshot is not None and self._snapshot.runs:
            self._series.ask()
