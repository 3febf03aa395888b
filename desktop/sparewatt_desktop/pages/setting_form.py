"""All settings as cards of rows, one card a group."""

from collections.abc import Mapping, Sequence
from typing import Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from sparewatt.control.messages import SettingValue
from sparewatt.settings.schema import BY_KEY
from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.look import Look
from sparewatt_desktop.presentation.setting_groups import (
    DeviceLines,
    GroupLines,
    group_words,
    grouped,
    matches_search,
    option_key,
)
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.layout import Card, column, rule_line
from sparewatt_desktop.widgets.setting_row import SettingRow
from sparewatt_desktop.widgets.text import Text, plain

# About ten milliseconds' worth.
ROWS_AT_ONCE: Final = 2


class SettingForm(QWidget):
    """Made a part at a time, each time the event loop comes by, so that nothing waits for all of it.

    Signals:
        edited: an address and the value that the person wants.
        refused: an address whose value cannot be used.
        completed: all rows are there.
        row_made: a row was added and wants its value.
    """

    edited = Signal(str, str)
    refused = Signal(str)
    completed = Signal()
    row_made = Signal(object)

    def __init__(self, look: Look, words: Translations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look, self._words = look, words
        self._box = column(self, look, spacing=SPACING.large)
        self._cards: list[tuple[Card, list[SettingRow]]] = []
        self._waiting: list[tuple[GroupLines, DeviceLines]] = []
        self._names: Mapping[str, str] = {}
        self._search = ""
        self._group: str | None = None
        self._device: str | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._make_next)
        self.rows: dict[str, SettingRow] = {}

    def show_lines(self, lines: Mapping[str, SettingValue], device_names: Mapping[str, str]) -> None:
        """Show these settings; rows are made again only where bounds, choices or devices are others."""
        shown = {line.key: line for group in grouped(lines.values()) for part in group.parts for line in part.lines}
        made = {*self.rows, *(line.key for _, part in self._waiting for line in part.lines)}
        same = made == shown.keys() and all(row.same_form(shown[address]) for address, row in self.rows.items())
        if same and device_names == self._names:
            for address, row in self.rows.items():
                row.show_stored(shown[address])
            return
        self._begin(grouped(lines.values()), device_names)

    def filter(self, search: str) -> None:
        """Show only what a search finds."""
        self._search = search
        for card, rows in self._cards:
            for row in rows:
                row.setVisible(matches_search(row.line, search, self._words))
            card.setVisible(any(not row.isHidden() for row in rows))

    def _begin(self, groups: Sequence[GroupLines], device_names: Mapping[str, str]) -> None:
        for card, _ in self._cards:
            card.hide()
            card.deleteLater()
        self._cards.clear()
        self.rows.clear()
        self._group = None
        self._names = dict(device_names)
        self._device = None
        self._waiting = [
            (group, DeviceLines(part.device, part.lines[start : start + ROWS_AT_ONCE]))
            for group in groups
            for part in group.parts
            for start in range(0, len(part.lines), ROWS_AT_ONCE)
        ]
        self._make_next()
        self._timer.start()

    def _make_next(self) -> None:
        if not self._waiting:
            self._timer.stop()
            self.completed.emit()
            return
        group, part = self._waiting.pop(0)
        if group.group != self._group:
            self._group, self._device = group.group, None
            self._begin_card(group_words(group.group, self._words))
        card, rows = self._cards[-1]
        name = "" if part.device is None else plain(self._names.get(part.device, part.device))
        if part.device is not None and part.device != self._device:
            self._device = part.device
            card.box.addWidget(rule_line(card))
            card.box.addWidget(Text(name, "strong", card))
        for line in part.lines:
            row = self._make_row(line, name, card)
            rows.append(row)
            card.box.addWidget(row)
            self.row_made.emit(row)
        self.filter(self._search)

    def _begin_card(self, heading: str) -> None:
        card = Card(self._look, SPACING.large)
        card.setAccessibleName(heading)
        card.box.addWidget(Text(heading, "heading", card))
        self._cards.append((card, []))
        self._box.addWidget(card)

    def _make_row(self, line: SettingValue, device_name: str, card: Card) -> SettingRow:
        row = SettingRow(BY_KEY[option_key(line.key)], line, device_name, self._look, self._words, card)
        row.edited.connect(self.edited)
        row.refused.connect(self.refused)
        self.rows[line.key] = row
        return row
