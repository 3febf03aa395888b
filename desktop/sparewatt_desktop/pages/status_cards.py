"""The cards of the status page."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QProgressBar, QPushButton, QSizePolicy, QWidget

from sparewatt.snapshot import DeviceSnapshot, RunSnapshot, Snapshot
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.presentation import status_words
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.gauge import Gauge
from sparewatt_desktop.widgets.gauge_readings import power_gauge, speed_gauge, temperature_gauge
from sparewatt_desktop.widgets.last_receipts import LastReceipts
from sparewatt_desktop.widgets.layout import Card, column, row
from sparewatt_desktop.widgets.text import Line, Text, plain


class DeviceCard(Card):
    """What one device draws, how warm it is, how fast, and what it works on."""

    def __init__(self, tools: PageTools) -> None:
        super().__init__(tools.look, SPACING.medium)
        self._words = tools.words
        self._name = Line("", "heading", self)
        self._gauges = tuple(Gauge(tools.look, self) for _ in range(3))
        self._beside = beside = QWidget(self)
        box = row(beside, tools.look, spacing=SPACING.wide)
        for gauge in self._gauges:
            box.addWidget(gauge, 1)
        self._doing = Text("", "quiet", self)
        self._bar = QProgressBar(self)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(tools.words.gettext("Progress of this piece of work"))
        for widget in (self._name, beside, self._doing, self._bar):
            self.box.addWidget(widget)

    def show_device(self, device: DeviceSnapshot, snapshot: Snapshot) -> None:
        self._name.show_text(plain(device.name))
        # Sensors rest with their device; three gauges that know nothing would say less than the sentence below.
        sensors = device.sensors
        read = sensors.power_watts is not None or sensors.temperature_celsius is not None
        self._beside.setVisible(device.worker == "training" or read)
        readings = (
            power_gauge(device, self._words),
            temperature_gauge(device, self._words),
            speed_gauge(device, self._words),
        )
        for gauge, reading in zip(self._gauges, readings, strict=True):
            gauge.show_reading(reading)
        progress = status_words.progress_of(device, snapshot, self._words)
        self._doing.show_text(progress.text)
        self._bar.setVisible(progress.percent is not None)
        if progress.percent is not None and self._bar.value() != progress.percent:
            self._bar.setValue(progress.percent)


class RunCard(Card):
    """What is trained, for whom, under which licence."""

    def __init__(self, tools: PageTools) -> None:
        super().__init__(tools.look, SPACING.hair)
        self._words = tools.words
        top = QWidget(self)
        box = row(top, tools.look, spacing=SPACING.small)
        self._title = Line("", "heading", top)
        self._label = Text("", "caption", top)
        self._label.setWordWrap(False)
        self._label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        box.addWidget(self._title, 1)
        box.addWidget(self._label)
        self._purpose = Text("", "", self)
        self._whom = Text("", "quiet", self)
        self._trouble = Text("", "", self)
        self._trouble.set_tone("caution")
        more = QPushButton(tools.words.gettext("How it gets on"), self)
        more.setProperty("role", "link")
        more.clicked.connect(lambda _checked=False: tools.open_page("training"))
        for widget in (top, self._purpose, self._whom, self._trouble):
            self.box.addWidget(widget)
        self.box.addWidget(more, 0, Qt.AlignmentFlag.AlignLeft)

    def show_run(self, run: RunSnapshot) -> None:
        self._title.show_text(plain(run.title))
        self._label.show_text(status_words.run_label(run, self._words))
        self._purpose.show_text(plain(run.purpose, 400))
        self._whom.show_text(status_words.run_line(run, self._words))
        self._trouble.show_text(status_words.run_trouble(run, self._words))


class CreditCard(Card):
    """What came of it, today and in all."""

    def __init__(self, tools: PageTools) -> None:
        super().__init__(tools.look)
        self._words = tools.words
        gettext = tools.words.gettext
        beside = QWidget(self)
        self._sides: QBoxLayout = row(beside, tools.look, spacing=SPACING.wide)
        self._today = self._figure(tools, gettext("Credit today"))
        self._in_all = self._figure(tools, gettext("Credit in all"))
        self._results = self._figure(tools, gettext("Results accepted"))
        self.box.addWidget(beside)

    def show_credit(self, snapshot: Snapshot) -> None:
        self._today.show_text(status_words.credit_today(snapshot, self._words))
        self._in_all.show_text(status_words.credit_in_all(snapshot, self._words))
        self._results.show_text(status_words.results_accepted(snapshot, self._words))

    def _figure(self, tools: PageTools, label: str) -> Text:
        holder = QWidget(self)
        box = column(holder, tools.look, spacing=SPACING.hair)
        value = Text("", "figure", holder)
        value.setAccessibleDescription(label)
        box.addWidget(Text(label, "caption", holder))
        box.addWidget(value)
        self._sides.addWidget(holder, 1)
        return value


class LastReceiptsCard(Card):
    """What was accepted last."""

    def __init__(self, tools: PageTools) -> None:
        super().__init__(tools.look)
        gettext = tools.words.gettext
        self._receipts = LastReceipts(tools, self)
        top = QWidget(self)
        box = row(top, tools.look)
        box.addWidget(Text(gettext("Last receipts"), "heading", top), 1)
        every = QPushButton(gettext("All receipts"), top)
        every.setProperty("role", "link")
        every.clicked.connect(lambda _checked=False: tools.open_page("receipts"))
        box.addWidget(every)
        self.box.addWidget(top)
        self.box.addWidget(self._receipts)

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        self._receipts.show_snapshot(snapshot)
