"""What contributing takes: energy, money and carbon dioxide, what is left of the budgets, and what it was for."""

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QWidget

from sparewatt.control.messages import (
    EnergyReply,
    EnergySince,
    ListSettings,
    PastAssignments,
    PastAssignmentsReply,
    SettingsReply,
)
from sparewatt.errors import SparewattError
from sparewatt.history.rows import Period
from sparewatt.snapshot import Snapshot
from sparewatt.wording.errors import error_words, sentence
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.presentation import energy_words
from sparewatt_desktop.presentation.energy_words import COUNTS
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.bar_chart import BarChart
from sparewatt_desktop.widgets.calm_fields import CalmComboBox
from sparewatt_desktop.widgets.fact_table import FactTable
from sparewatt_desktop.widgets.layout import Card, ScrollingPage, row
from sparewatt_desktop.widgets.text import Text, plain
from sparewatt_desktop.widgets.text_table import TextTable

# The account is written about once a minute.
ASK_AGAIN_S: Final = 60
ASSIGNMENTS_MOST: Final = 100
_TABLE_HEIGHT: Final = 260
_RUN = 1


class EnergyPage(ScrollingPage):
    """Asks for the account's rows when it is shown and about once a minute; the sums are in every snapshot."""

    def __init__(self, tools: PageTools) -> None:
        super().__init__(tools.look)
        self.setAccessibleName(tools.words.gettext("Energy"))
        self._tools, self._words = tools, tools.words
        self._snapshot: Snapshot | None = None
        self._asked: tuple[int, int] | None = None
        self._days: EnergyReply | None = None
        self._shown: EnergyReply | None = None
        self._values: dict[str, str] = {}
        gettext = tools.words.gettext
        self.box.addWidget(Text(gettext("Energy"), "title"))
        self._notice = Text("", "")
        self._notice.set_tone("caution")
        self._notice.hide()
        self.box.addWidget(self._notice)
        self.box.addWidget(self._sums_card())
        self.box.addWidget(self._chart_card())
        self.box.addWidget(self._budget_card())
        self.box.addWidget(self._past_card())
        self.box.addStretch(1)
        tools.look.changed.connect(self._fit_table)
        self._fit_table()

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        gettext = self._words.gettext
        if snapshot is None:
            self._notice.show_text(gettext("The engine cannot be heard; this was its account before."))
            self._asked = None
            return
        error = snapshot.energy_error
        self._notice.show_text("" if error is None else error_words(error.error_id, error.parameters, self._words))
        due = (snapshot.taken_unix_s // ASK_AGAIN_S, snapshot.settings_revision)
        if due != self._asked:
            self._asked = due
            self._ask()
        self._show_sums()

    @property
    def _period(self) -> Period:
        return tuple(COUNTS)[max(0, self._choice.currentIndex())]

    def _sums_card(self) -> QWidget:
        look, gettext = self._tools.look, self._words.gettext
        self._today = FactTable(gettext("Today"), look)
        self._month = FactTable(gettext("This month"), look)
        card = Card(look, SPACING.small)
        for title, table in ((gettext("Today"), self._today), (gettext("This month"), self._month)):
            card.box.addWidget(Text(title, "heading", card))
            card.box.addWidget(table)
        change = self._link(gettext("Change your price of power"), "power_price_ct_per_kwh")
        card.box.addWidget(change, 0, Qt.AlignmentFlag.AlignLeft)
        return card

    def _chart_card(self) -> QWidget:
        look, gettext = self._tools.look, self._words.gettext
        card = Card(look, SPACING.small)
        top = QWidget(card)
        line = row(top, look)
        self._choice = CalmComboBox(look, top)
        self._choice.setAccessibleName(gettext("Which periods"))
        self._choice.addItems([gettext("By day"), gettext("By week"), gettext("By month")])
        self._choice.currentIndexChanged.connect(self._ask_energy)
        line.addWidget(Text(gettext("Over time"), "heading", top), 1)
        line.addWidget(self._choice)
        self._chart = BarChart(gettext("Energy over time"), look, self._words, card)
        self._summary = Text("", "caption", card)
        for widget in (top, self._chart, self._summary):
            card.box.addWidget(widget)
        return card

    def _budget_card(self) -> QWidget:
        look, gettext = self._tools.look, self._words.gettext
        card = Card(look, SPACING.small)
        self._budgets = FactTable(gettext("Budgets"), look)
        card.box.addWidget(Text(gettext("Budgets"), "heading", card))
        card.box.addWidget(self._budgets)
        change = self._link(gettext("Change your budgets"), "energy_budget_kwh_per_month")
        card.box.addWidget(change, 0, Qt.AlignmentFlag.AlignLeft)
        return card

    def _past_card(self) -> QWidget:
        look, gettext = self._tools.look, self._words.gettext
        card = Card(look, SPACING.small)
        titles = (
            gettext("Ended"),
            gettext("Run"),
            gettext("Device"),
            gettext("Took"),
            gettext("Tokens"),
            gettext("Energy"),
        )
        self._table = TextTable(gettext("Past assignments"), titles, (3, 4, 5), look, card)
        self._nothing = Text(gettext("No assignment has ended on this computer yet."), "quiet", card)
        card.box.addWidget(Text(gettext("Past assignments"), "heading", card))
        card.box.addWidget(self._nothing)
        card.box.addWidget(self._table)
        self._table.hide()
        return card

    def _link(self, text: str, address: str) -> QPushButton:
        button = QPushButton(text)
        button.setProperty("role", "link")
        button.clicked.connect(lambda _checked=False: self._tools.open_setting(address))
        return button

    def _ask(self) -> None:
        ask = self._tools.commands.ask
        self._ask_energy()
        ask(lambda id_: ListSettings(id=id_), SettingsReply, self._listed, self._refused)
        before = self._snapshot.taken_unix_s + 1 if self._snapshot is not None else 0
        ask(
            lambda id_: PastAssignments(id=id_, before_unix_s=before, limit=ASSIGNMENTS_MOST),
            PastAssignmentsReply,
            self._remembered,
            self._refused,
        )

    def _ask_energy(self) -> None:
        period = self._period
        self._ask_rows("day", self._days_came)
        if period != "day":
            self._ask_rows(period, lambda reply: self._rows_came(period, reply))

    def _ask_rows(self, period: Period, answered: Callable[[EnergyReply], None]) -> None:
        self._tools.commands.ask(
            lambda id_: EnergySince(id=id_, period=period, count=COUNTS[period]), EnergyReply, answered, self._refused
        )

    def _days_came(self, reply: EnergyReply) -> None:
        self._days = reply
        self._rows_came("day", reply)
        self._show_sums()

    def _rows_came(self, period: Period, reply: EnergyReply) -> None:
        if period == self._period:  # the person may have chosen another meanwhile
            self._shown = reply
            self._show_chart()

    def _listed(self, reply: SettingsReply) -> None:
        self._values = {line.key: line.value for line in reply.settings}
        self._show_sums()

    def _remembered(self, reply: PastAssignmentsReply) -> None:
        snapshot = self._snapshot
        self._table.setVisible(bool(reply.assignments))
        self._nothing.setVisible(not reply.assignments)
        if snapshot is None:
            return
        names = {device.device: plain(device.name) for device in snapshot.devices}
        titles = {run.run: plain(run.title) for run in snapshot.runs}
        cells = [energy_words.past_cells(each, names, titles, self._words) for each in reply.assignments]
        self._table.show_cells(cells)
        self._table.hide_if_alike(_RUN, [each.run for each in reply.assignments])

    def _show_sums(self) -> None:
        snapshot = self._snapshot
        if snapshot is None or snapshot.energy is None:
            return
        energy, days = snapshot.energy, self._days
        priced = energy.cost_micro_month is not None if days is None else days.priced
        today = None if days is None else energy_words.today_of(days, snapshot.taken_unix_s)
        self._today.show_facts(energy_words.today_facts(energy, today, priced=priced, translations=self._words))
        self._month.show_facts(energy_words.month_facts(energy, priced=priced, translations=self._words))
        self._budgets.show_facts(energy_words.budget_facts(self._values, energy, self._words))

    def _show_chart(self) -> None:
        if self._snapshot is None or self._shown is None:
            return
        bars = energy_words.bars(self._shown, self._period, self._snapshot.taken_unix_s, self._words)
        summary = energy_words.chart_summary(bars, self._words)
        self._chart.show_bars(bars, summary)
        self._summary.show_text(summary)

    def _refused(self, error: SparewattError) -> None:
        self._notice.show_text(sentence(error, self._words))

    def _fit_table(self) -> None:
        self._table.setFixedHeight(self._tools.look.theme.px(_TABLE_HEIGHT))
