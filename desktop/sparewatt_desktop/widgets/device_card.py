"""One device: its name, what it does, three gauges, and on demand everything its sensors say."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from sparewatt.control.messages import PresetValue
from sparewatt.settings.schema import DEVICE_USE
from sparewatt.snapshot import DeviceSnapshot
from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.look import Look
from sparewatt_desktop.presentation.device_words import (
    freshness_words,
    kind_words,
    limit_rows,
    sensor_rows,
    state_words,
    work_rows,
)
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.fact_table import FactTable
from sparewatt_desktop.widgets.gauge import Gauge
from sparewatt_desktop.widgets.gauge_readings import power_gauge, speed_gauge, temperature_gauge
from sparewatt_desktop.widgets.layout import Card, column, row, rule_line
from sparewatt_desktop.widgets.preset_choice import PresetChoice
from sparewatt_desktop.widgets.setting_editors import ChoiceEditor
from sparewatt_desktop.widgets.text import Text, plain

_USE_WIDTH = 150


class DeviceCard(Card):
    """Shows one device; says what the person wants of it, and sends nothing itself."""

    use_chosen = Signal(str)
    preset_chosen = Signal(object)
    limits_asked = Signal()

    def __init__(self, look: Look, words: Translations, parent: QWidget | None = None) -> None:
        super().__init__(look, SPACING.medium, parent)
        self._look = look
        self._words = words
        gettext = words.gettext
        self._name = Text("", "heading", self)
        self._kind = Text("", "caption", self)
        self._state = Text("", "", self)
        self._use = ChoiceEditor(DEVICE_USE, (), gettext(DEVICE_USE.label), look, words)
        self._use.edited.connect(self.use_chosen)
        self._use.setToolTip(gettext(DEVICE_USE.help))
        self._gauges = (Gauge(look, self), Gauge(look, self), Gauge(look, self))
        self._sensors = FactTable(gettext("Sensors"), look, self)
        self._limits = FactTable(gettext("Limits"), look, self)
        self._work = FactTable(gettext("Work"), look, self)
        self._freshness = Text("", "caption", self)
        self._presets = PresetChoice(look, words, self)
        self._presets.chosen.connect(self.preset_chosen)
        self._lay_out()
        self._fit()
        look.changed.connect(self._fit)

    def show_device(self, device: DeviceSnapshot, now_unix_s: int) -> None:
        """Show its state."""
        words = self._words
        self._name.show_text(plain(device.name))
        self.setAccessibleName(plain(device.name))
        self._kind.show_text(f"{kind_words(device, words)}  ·  {plain(device.device)}")
        self._state.show_text(plain(state_words(device, now_unix_s, words), 400))
        readings = (power_gauge(device, words), temperature_gauge(device, words), speed_gauge(device, words))
        for gauge, reading in zip(self._gauges, readings, strict=True):
            gauge.show_reading(reading)
        self._work.show_facts(work_rows(device, words))
        self._sensors.show_facts(sensor_rows(device, words))
        self._limits.show_facts(limit_rows(device, words))
        self._freshness.show_text(freshness_words(device, words))

    def show_use(self, use: str) -> None:
        """Show whether it is lent."""
        self._use.show_value(use)

    def show_presets(self, presets: tuple[PresetValue, ...], chosen: PresetValue | None) -> None:
        """Offer quiet, balanced and full; `chosen` is the one that holds."""
        self._presets.show_presets(presets, chosen)

    def _lay_out(self) -> None:
        gettext = self._words.gettext
        top = QWidget(self)
        line = row(top, self._look, spacing=SPACING.medium)
        names = QWidget(top)
        stacked = column(names, self._look, spacing=0)
        stacked.addWidget(self._name)
        stacked.addWidget(self._kind)
        line.addWidget(names, 1)
        line.addWidget(self._use)
        self.box.addWidget(top)
        self.box.addWidget(self._state)
        dials = QWidget(self)
        side_by_side = row(dials, self._look, spacing=SPACING.wide)
        for gauge in self._gauges:
            side_by_side.addWidget(gauge, 1)
        self.box.addWidget(dials)
        self.box.addWidget(rule_line(self))
        self.box.addWidget(self._work)
        for title, table in ((gettext("Sensors"), self._sensors), (gettext("Limits"), self._limits)):
            self.box.addWidget(Text(title, "strong", self))
            self.box.addWidget(table)
            if table is self._sensors:
                self.box.addWidget(self._freshness)
            else:
                self.box.addWidget(self._presets)
        change = QPushButton(gettext("Change its limits"), self)
        change.setProperty("role", "link")
        change.clicked.connect(self.limits_asked)
        bottom = QWidget(self)
        last = QHBoxLayout(bottom)
        last.setContentsMargins(0, 0, 0, 0)
        last.addWidget(change)
        last.addStretch(1)
        self.box.addWidget(bottom)

    def _fit(self) -> None:
        self._use.setMinimumWidth(self._look.theme.px(_USE_WIDTH))
