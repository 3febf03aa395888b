"""The settings, made from the schema: what is typed is previewed, and kept until it is saved or undone."""

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QLineEdit, QPushButton, QWidget

from sparewatt.control.messages import (
    ListSettings,
    PreviewReply,
    PreviewSetting,
    Reply,
    SetSetting,
    SettingsReply,
    SettingValue,
)
from sparewatt.errors import SparewattError
from sparewatt.settings.schema import BY_KEY
from sparewatt.snapshot import Snapshot
from sparewatt.wording.errors import sentence
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.presentation.number_words import value_words
from sparewatt_desktop.presentation.setting_edits import Edits
from sparewatt_desktop.presentation.setting_groups import (
    GroupLines,
    group_words,
    grouped,
    matches_search,
    option_key,
)
from sparewatt_desktop.presentation.setting_words import (
    conflict_words,
    elsewhere_words,
    preview_sentences,
    unsaved_words,
)
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.layout import Card, ScrollingPage, column, row, rule_line
from sparewatt_desktop.widgets.setting_row import SettingRow
from sparewatt_desktop.widgets.text import Text, plain

# A person pauses about this long between two thoughts; typing on does not ask each time.
PREVIEW_AFTER_MILLISECONDS: Final = 350


class SettingsPage(QWidget):
    """Lists every setting in its group; `show_setting` brings one into view."""

    def __init__(self, tools: PageTools) -> None:
        super().__init__()
        self.setObjectName("page")
        self._tools = tools
        self._words = tools.words
        self._snapshot: Snapshot | None = None
        self._edits = Edits()
        self._asking = False
        self._known_devices: tuple[str, ...] = ()
        self._saving: list[str] = []
        self._refused: set[str] = set()
        self._wanted: str | None = None
        self._rows: dict[str, SettingRow] = {}
        self._cards: list[tuple[Card, list[SettingRow]]] = []
        self._waiting: list[GroupLines] = []
        self._preview_timer = QTimer(self)
        self._preview_timer.setSingleShot(True)
        self._preview_timer.setInterval(PREVIEW_AFTER_MILLISECONDS)
        self._preview_timer.timeout.connect(self._ask_previews)
        self._build_timer = QTimer(self)
        self._build_timer.setInterval(0)
        self._build_timer.timeout.connect(self._build_next)
        self._to_preview: set[str] = set()
        self._build()

    @property
    def edits(self) -> Edits:
        """What is stored, and what is typed over it."""
        return self._edits

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        self._groups.setEnabled(snapshot is not None)
        self._save.setEnabled(snapshot is not None)
        if snapshot is None:
            self._notice.show_text(
                self._words.gettext(
                    "The engine cannot be heard, so nothing can be changed now. What you typed is kept."
                )
            )
            return
        devices = tuple(device.device for device in snapshot.devices)
        if self._edits.revision != snapshot.settings_revision or self._known_devices != devices:
            self._list()

    def show_setting(self, key: str) -> None:
        """Bring the setting at this address into view; of a device's option without a device, the first device's."""
        self._search.clear()
        address = next((each for each in self._rows if each == key or option_key(each) == key), None)
        if address is None:
            self._wanted = key
            return
        self._wanted = None
        shown = self._rows[address]
        self._scroll.ensureWidgetVisible(shown, 0, self._tools.look.theme.px(SPACING.huge))
        shown.take_focus()

    def _build(self) -> None:
        look, gettext = self._tools.look, self._words.gettext
        box = column(self, look, spacing=0)
        self._scroll = ScrollingPage(look, self)
        box.addWidget(self._scroll, 1)
        self._scroll.box.addWidget(Text(gettext("Settings"), "title"))
        self._search = QLineEdit()
        self._search.setPlaceholderText(gettext("Find a setting"))
        self._search.setAccessibleName(gettext("Find a setting"))
        self._search.setClearButtonEnabled(True)
        self._search.setMaxLength(100)
        self._search.textChanged.connect(self._filter)
        self._scroll.box.addWidget(self._search)
        self._notice = Text("", "quiet")
        self._notice.show_text(gettext("Asking the engine for your settings."))
        self._scroll.box.addWidget(self._notice)
        self._groups = QWidget()
        self._groups_box = column(self._groups, look, spacing=SPACING.large)
        self._scroll.box.addWidget(self._groups)
        self._scroll.box.addStretch(1)
        box.addWidget(self._build_footer())
        QShortcut(QKeySequence.StandardKey.Save, self).activated.connect(self.save)
        QShortcut(QKeySequence.StandardKey.Find, self).activated.connect(self._search.setFocus)

    def _build_footer(self) -> QFrame:
        look, gettext = self._tools.look, self._words.gettext
        self._footer = QFrame(self)
        self._footer.setProperty("role", "banner")
        self._footer.setProperty("tone", "caution")
        line = row(self._footer, look, SPACING.medium, SPACING.small)
        self._footer_words = Text("", "")
        line.addWidget(self._footer_words, 1)
        undo = QPushButton(gettext("Undo"))
        undo.setAccessibleName(gettext("Undo all changes that are not saved"))
        undo.clicked.connect(self.undo)
        self._save = QPushButton(gettext("Save"))
        self._save.setProperty("role", "primary")
        self._save.setToolTip(gettext("Save all changes (Ctrl+S)"))
        self._save.clicked.connect(self.save)
        line.addWidget(undo)
        line.addWidget(self._save)
        self._footer.hide()
        return self._footer

    def _list(self) -> None:
        if self._asking:
            return
        self._asking = True
        self._known_devices = tuple(device.device for device in self._snapshot.devices) if self._snapshot else ()
        self._tools.commands.ask(lambda id_: ListSettings(id=id_), SettingsReply, self._listed, self._not_listed)

    def _not_listed(self, error: SparewattError) -> None:
        self._asking = False
        self._known_devices = ()
        self._saving.clear()
        self._notice.show_text(sentence(error, self._words))

    def _listed(self, reply: SettingsReply) -> None:
        self._asking = False
        self._notice.show_text("")
        self._edits = self._edits.listed(reply.revision, reply.settings)
        self._refused &= self._edits.lines.keys()
        lines = self._edits.lines
        built = self._rows.keys() | {line.key for group in self._waiting for part in group.parts for line in part.lines}
        same = built == {address for address in lines if option_key(address) in BY_KEY} and all(
            shown.same_form(lines[address]) for address, shown in self._rows.items()
        )
        if not same:
            self._begin_building()
        self._show_values()
        self._save_next()

    def _begin_building(self) -> None:
        """Make the form again, one group each time the event loop comes by, so that nothing waits for all of it."""
        for card, _ in self._cards:
            card.hide()
            card.deleteLater()
        self._cards.clear()
        self._rows.clear()
        self._waiting = list(grouped(self._edits.lines.values()))
        self._build_next()
        self._build_timer.start()

    def _build_next(self) -> None:
        if not self._waiting:
            self._build_timer.stop()
            if self._wanted is not None:
                self.show_setting(self._wanted)
            return
        group = self._waiting.pop(0)
        card = Card(self._tools.look, SPACING.large)
        heading = group_words(group.group, self._words)
        card.setAccessibleName(heading)
        card.box.addWidget(Text(heading, "heading", card))
        rows: list[SettingRow] = []
        for part in group.parts:
            name = self._device_name(part.device)
            if name:
                card.box.addWidget(rule_line(card))
                card.box.addWidget(Text(name, "strong", card))
            rows += [self._row(line, name, card) for line in part.lines]
        self._cards.append((card, rows))
        self._groups_box.addWidget(card)
        for made in rows:
            self._show_value(made)
        self._filter(self._search.text())

    def _row(self, line: SettingValue, device_name: str, card: Card) -> SettingRow:
        made = SettingRow(BY_KEY[option_key(line.key)], line, device_name, self._tools.look, self._words, card)
        made.edited.connect(self._typed)
        made.refused.connect(self._typed_wrongly)
        card.box.addWidget(made)
        self._rows[line.key] = made
        return made

    def _device_name(self, device: str | None) -> str:
        if device is None:
            return ""
        known = self._snapshot.devices if self._snapshot is not None else ()
        return next((plain(each.name) for each in known if each.device == device), device)

    def _typed(self, address: str, text: str) -> None:
        self._edits = self._edits.typed(address, text)
        self._refused.discard(address)
        self._rows[address].show_preview("")
        self._show_value(self._rows[address])
        self._show_footer()
        if address in self._edits.unsaved:
            self._to_preview.add(address)
            self._preview_timer.start()

    def _typed_wrongly(self, address: str) -> None:
        self._edits = self._edits.typed(address, self._edits.lines[address].value)
        self._refused.add(address)
        self._to_preview.discard(address)
        self._show_footer()

    def _show_values(self) -> None:
        for shown in self._rows.values():
            shown.show_stored(self._edits.lines[shown.address])
            if shown.address not in self._refused:
                self._show_value(shown)
        self._show_footer()

    def _show_value(self, shown: SettingRow) -> None:
        address = shown.address
        unsaved = address in self._edits.unsaved
        shown.show_value(self._edits.shown(address), unsaved=unsaved)
        if not unsaved:
            shown.show_preview("")
        if address in self._edits.elsewhere:
            value = value_words(BY_KEY[option_key(address)], self._edits.lines[address].value, self._words)
            shown.show_problem(elsewhere_words(value, self._words))

    def _show_footer(self, words: str = "") -> None:
        count = len(self._edits.unsaved)
        self._footer.setVisible(bool(count or self._refused or words))
        gettext = self._words.gettext
        parts = [words or (unsaved_words(count, self._words) if count else "")]
        if self._refused:
            parts.append(gettext("One value cannot be used yet; it is marked above."))
        self._footer_words.show_text(" ".join(part for part in parts if part))
        self._save.setVisible(bool(count))

    def _filter(self, search: str) -> None:
        for card, rows in self._cards:
            for shown in rows:
                shown.setVisible(matches_search(shown.line, search, self._words))
            card.setVisible(any(not shown.isHidden() for shown in rows))

    def _ask_previews(self) -> None:
        for address in sorted(self._to_preview & self._edits.unsaved.keys()):
            text = self._edits.unsaved[address]
            self._ask_preview(address, text)
        self._to_preview.clear()

    def _ask_preview(self, address: str, text: str) -> None:
        self._tools.commands.ask(
            lambda id_: PreviewSetting(id=id_, key=address, value=text),
            PreviewReply,
            self._previewed(address, text),
            self._not_previewed(address, text),
        )

    def _previewed(self, address: str, text: str) -> Callable[[PreviewReply], None]:
        def show(reply: PreviewReply) -> None:
            snapshot = self._snapshot
            if self._edits.unsaved.get(address) == text and address in self._rows and snapshot is not None:
                told = preview_sentences(snapshot.devices, reply.devices, snapshot.taken_unix_s, self._words)
                self._rows[address].show_preview("\n".join(plain(each, 400) for each in told))

        return show

    def _not_previewed(self, address: str, text: str) -> Callable[[SparewattError], None]:
        def show(error: SparewattError) -> None:
            if self._edits.unsaved.get(address) == text and address in self._rows:
                self._rows[address].show_problem(sentence(error, self._words))

        return show

    def undo(self) -> None:
        """Forget what was typed."""
        self._edits = self._edits.undone()
        self._refused.clear()
        self._saving.clear()
        self._show_values()

    def save(self) -> None:
        """Save what was typed, one setting after the other, each with the revision that was seen."""
        if self._snapshot is None or self._saving or not self._edits.unsaved:
            return
        self._saving = list(self._edits.unsaved)
        self._save_next()

    def _save_next(self) -> None:
        self._saving = [address for address in self._saving if address in self._edits.unsaved]
        if not self._saving or self._edits.revision is None:
            return
        address, revision = self._saving[0], self._edits.revision
        text = self._edits.unsaved[address]
        self._tools.commands.ask(
            lambda id_: SetSetting(id=id_, revision=revision, key=address, value=text),
            Reply,
            lambda _: self._saved(address, text),
            lambda error: self._not_saved(address, error),
        )

    def _saved(self, address: str, text: str) -> None:
        self._edits = self._edits.saved(address, text)
        self._list()

    def _not_saved(self, address: str, error: SparewattError) -> None:
        self._saving.clear()
        if error.error_id == "settings.revision":
            self._show_footer(conflict_words(self._words))
            self._list_quietly()
            return
        words = sentence(error, self._words)
        if address in self._rows:
            self._rows[address].show_problem(words)
        self._show_footer(words)

    def _list_quietly(self) -> None:
        """List again, and leave the words in the footer as they are."""
        said = self._footer_words.text()

        def listed(reply: SettingsReply) -> None:
            self._listed(reply)
            if self._edits.unsaved:
                self._show_footer(said)

        if not self._asking:
            self._asking = True
            self._tools.commands.ask(lambda id_: ListSettings(id=id_), SettingsReply, listed, self._not_listed)
