"""The settings, made from the schema: what is typed is previewed, and kept until it is saved or undone."""

from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QLineEdit, QPushButton, QWidget

from sparewatt.settings.schema import BY_KEY
from sparewatt.snapshot import Snapshot
from sparewatt.wording.errors import error_words
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.pages.setting_desk import SettingDesk
from sparewatt_desktop.pages.setting_form import SettingForm
from sparewatt_desktop.presentation.number_words import value_words
from sparewatt_desktop.presentation.setting_groups import option_key
from sparewatt_desktop.presentation.setting_words import elsewhere_words, unsaved_words
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.conflict_list import ConflictList
from sparewatt_desktop.widgets.layout import ScrollingPage, column, row
from sparewatt_desktop.widgets.setting_row import SettingRow
from sparewatt_desktop.widgets.text import Text


class SettingsPage(QWidget):
    """A search, every setting in its group, and at the foot what is not saved yet."""

    def __init__(self, tools: PageTools) -> None:
        super().__init__()
        self.setObjectName("page")
        self._tools = tools
        self._words = tools.words
        self._snapshot: Snapshot | None = None
        self._unusable: set[str] = set()
        self._wanted: str | None = None
        self._told = ""
        self.desk = SettingDesk(tools.commands, tools.words, self)
        self.form = SettingForm(tools.look, tools.words)
        self._build()
        self._connect()

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        self.form.setEnabled(snapshot is not None)
        self._save.setEnabled(snapshot is not None)
        if snapshot is not None:
            self.conflicts.show_conflicts(snapshot.conflicts)
        self._show_notice()
        self.desk.follow(snapshot)

    def show_setting(self, key: str) -> None:
        """Bring the setting at this address into view; of a device's option without a device, the first device's."""
        self.search.clear()
        address = next((each for each in self.form.rows if each == key or option_key(each) == key), None)
        if address is None:
            self._wanted = key
            return
        self._wanted = None
        shown = self.form.rows[address]
        shown.take_focus()
        self._scroll.ensureWidgetVisible(shown, 0, self._tools.look.theme.px(SPACING.huge))

    def _build(self) -> None:
        look, gettext = self._tools.look, self._words.gettext
        box = column(self, look, spacing=0)
        self._scroll = ScrollingPage(look, self)
        box.addWidget(self._scroll, 1)
        self._scroll.box.addWidget(Text(gettext("Settings"), "title"))
        self.search = QLineEdit()
        self.search.setPlaceholderText(gettext("Find a setting"))
        self.search.setAccessibleName(gettext("Find a setting"))
        self.search.setClearButtonEnabled(True)
        self.search.setMaxLength(100)
        self._scroll.box.addWidget(self.search)
        self._notice = Text("", "quiet")
        self._notice.hide()
        self._scroll.box.addWidget(self._notice)
        self.conflicts = ConflictList(look, self._words, self.show_setting)
        self._scroll.box.addWidget(self.conflicts)
        self._scroll.box.addWidget(self.form)
        self._scroll.box.addStretch(1)
        box.addWidget(self._build_foot())
        QShortcut(QKeySequence.StandardKey.Save, self).activated.connect(self.desk.save)
        QShortcut(QKeySequence.StandardKey.Find, self).activated.connect(self.search.setFocus)

    def _build_foot(self) -> QFrame:
        look, gettext = self._tools.look, self._words.gettext
        self._foot = QFrame(self)
        self._foot.setProperty("role", "banner")
        self._foot.setProperty("tone", "caution")
        line = row(self._foot, look, SPACING.medium, SPACING.small)
        self.foot_words = Text("", "", self._foot)
        line.addWidget(self.foot_words, 1)
        undo = QPushButton(gettext("Undo"), self._foot)
        undo.setAccessibleName(gettext("Undo all changes that are not saved"))
        undo.clicked.connect(self._undo)
        self._save = QPushButton(gettext("Save"), self._foot)
        self._save.setProperty("role", "primary")
        self._save.setToolTip(gettext("Save all changes (Ctrl+S)"))
        self._save.clicked.connect(self.desk.save)
        line.addWidget(undo)
        line.addWidget(self._save)
        self._foot.hide()
        return self._foot

    def _connect(self) -> None:
        desk, form = self.desk, self.form
        self.search.textChanged.connect(form.filter)
        form.edited.connect(self._typed)
        form.refused.connect(self._typed_wrongly)
        form.row_made.connect(self._show_value)
        form.completed.connect(lambda: self.show_setting(self._wanted) if self._wanted is not None else None)
        desk.listed.connect(self._listed)
        desk.changed.connect(self._show_values)
        desk.previewed.connect(self._show_preview)
        desk.refused.connect(self._show_problem)
        desk.told.connect(self._tell)

    def _listed(self) -> None:
        self._show_notice()
        devices = self._snapshot.devices if self._snapshot is not None else ()
        self._unusable &= self.desk.edits.lines.keys()
        self.form.show_lines(self.desk.edits.lines, {device.device: device.name for device in devices})

    def _show_notice(self) -> None:
        gettext, snapshot = self._words.gettext, self._snapshot
        if snapshot is None:
            words = gettext("The engine cannot be heard, so nothing can be changed now. What you typed is kept.")
        elif self.desk.edits.revision is None:
            words = gettext("Asking the engine for your settings.")
        elif snapshot.settings_error is not None:
            error = snapshot.settings_error
            words = error_words(error.error_id, error.parameters, self._words)
        else:
            words = ""
        self._notice.show_text(words)

    def _typed(self, address: str, text: str) -> None:
        self._unusable.discard(address)
        self.form.rows[address].show_preview("")
        self.desk.typed(address, text)

    def _typed_wrongly(self, address: str) -> None:
        self._unusable.add(address)
        self.desk.typed(address, self.desk.edits.lines[address].value)

    def _show_preview(self, address: str, words: str) -> None:
        if address in self.form.rows:
            self.form.rows[address].show_preview(words)

    def _show_problem(self, address: str, words: str) -> None:
        if address in self.form.rows:
            self.form.rows[address].show_problem(words)

    def _undo(self) -> None:
        self._unusable.clear()
        self.desk.undo()

    def _tell(self, words: str) -> None:
        self._told = words
        self._show_foot()

    def _show_values(self) -> None:
        for shown in self.form.rows.values():
            # What cannot be used stays as it was typed, so that it can be corrected.
            if shown.address not in self._unusable:
                self._show_value(shown)
        self._show_foot()

    def _show_value(self, shown: SettingRow) -> None:
        address, edits = shown.address, self.desk.edits
        unsaved = address in edits.unsaved
        shown.show_value(edits.shown(address), unsaved=unsaved)
        if not unsaved:
            shown.show_preview("")
        if address in edits.elsewhere:
            stored = value_words(BY_KEY[option_key(address)], edits.lines[address].value, self._words)
            shown.show_problem(elsewhere_words(stored, self._words))

    def _show_foot(self) -> None:
        count = len(self.desk.edits.unsaved)
        parts = [self._told] if self._told else [unsaved_words(count, self._words)] if count else []
        if self._unusable:
            parts.append(self._words.gettext("What is marked above cannot be used yet."))
        self.foot_words.show_text(" ".join(parts))
        self._foot.setVisible(bool(parts))
        self._save.setVisible(bool(count))
