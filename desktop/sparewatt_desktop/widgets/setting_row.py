"""One setting of a form: its name, its control, what it is for, and what another value would do now."""

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from sparewatt.control.messages import SettingValue
from sparewatt.settings.option import Number, Option
from sparewatt.wording.catalogue import Translations, filled
from sparewatt.wording.settings import unavailable_words
from sparewatt_desktop.look import Look
from sparewatt_desktop.presentation.number_words import range_words, value_words
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.layout import column
from sparewatt_desktop.widgets.setting_editors import Editor, editor_of
from sparewatt_desktop.widgets.text import Text, plain

_EDITOR_WIDTH = 190


class SettingRow(QFrame):
    """Shows one line of the settings and says what the person wants instead; it sends nothing itself.

    Args:
        line: as the engine listed it; a line whose bounds or choices changed needs a new row.
        device_name: for a screen reader, where the option is a device's.
    """

    edited = Signal(str, str)
    refused = Signal(str)

    def __init__(
        self,
        option: Option[Any],
        line: SettingValue,
        device_name: str,
        look: Look,
        words: Translations,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.line = line
        self._option = option
        self._look = look
        self._words = words
        gettext = words.gettext
        label = gettext(option.label)
        spoken = f"{label}, {device_name}" if device_name else label
        self.editor = self._make_editor(spoken)
        self._reset = QPushButton(self)
        self._reset.setProperty("role", "link")
        default = value_words(option, line.default, words)
        self._reset.setText(filled(gettext("Reset to {value}"), {"value": default}))
        self._reset.setAccessibleName(filled(gettext("Reset {name} to {value}"), {"name": spoken, "value": default}))
        self._reset.clicked.connect(lambda: self.edited.emit(line.key, line.default))
        self._state = Text("", "caption", self)
        self._preview = Text("", "quiet", self)
        self._problem = Text("", "", self)
        self._problem.set_tone("attention")
        self._lay_out(label)

    @property
    def address(self) -> str:
        return self.line.key

    def show_value(self, text: str, *, unsaved: bool) -> None:
        """Show `text`; `unsaved` marks it in words."""
        if self.editor is not None:
            self.editor.show_value(text)
        self._problem.show_text("")
        gettext = self._words.gettext
        now = value_words(self._option, self.line.value, self._words)
        stored = filled(gettext("Not saved; it is {value} now."), {"value": now})
        self._state.show_text(stored if unsaved else "")
        self._state.set_tone("caution" if unsaved else "")
        self._reset.setVisible(self.editor is not None and text != self.line.default)

    def show_stored(self, line: SettingValue) -> None:
        """The engine holds another value now."""
        self.line = line

    def show_preview(self, text: str) -> None:
        """What the typed value would do now; nothing where it is empty."""
        self._preview.show_text("\n".join(plain(line, 400) for line in text.split("\n")))

    def show_problem(self, text: str) -> None:
        """Why what was typed, or meant to be saved, was not taken."""
        self._problem.show_text(text)

    def same_form(self, line: SettingValue) -> bool:
        """Whether this row can show `line` without being made again."""
        ours = self.line
        return (ours.minimum, ours.maximum, ours.unavailable, ours.withheld, ours.default) == (
            line.minimum, line.maximum, line.unavailable, line.withheld, line.default,
        )  # fmt: skip

    def take_focus(self) -> None:
        """Give the keyboard to the control."""
        target = self if self.editor is None else self.editor
        target.setFocus(Qt.FocusReason.OtherFocusReason)

    def _make_editor(self, spoken: str) -> Editor | None:
        if self.line.unavailable is not None:
            return None
        editor = editor_of(self._option, self.line, spoken, self._look, self._words)
        editor.setParent(self)
        editor.edited.connect(lambda text: self.edited.emit(self.line.key, text))
        editor.refused.connect(self._refuse)
        return editor

    def _refuse(self, words: str) -> None:
        self._problem.show_text(words)
        self._preview.show_text("")
        self.refused.emit(self.line.key)

    def _lay_out(self, label: str) -> None:
        box = column(self, self._look, spacing=SPACING.hair)
        top = QWidget(self)
        side_by_side = QHBoxLayout(top)
        side_by_side.setContentsMargins(0, 0, 0, 0)
        side_by_side.addWidget(Text(label, "strong", top), 1)
        wide = self.editor is not None and self.editor.wide
        if self.editor is not None and not wide:
            self.editor.setParent(top)
            side_by_side.addWidget(self.editor)
            self._fit()
            self._look.changed.connect(self._fit)
        box.addWidget(top)
        if wide and self.editor is not None:
            box.addWidget(self.editor)
        for widget in (*self._explanations(), self._state, self._preview, self._problem):
            box.addWidget(widget)
        box.addWidget(self._reset, 0, Qt.AlignmentFlag.AlignLeft)
        hidden: tuple[QWidget, ...] = (self._state, self._preview, self._problem, self._reset)
        for each in hidden:
            each.hide()

    def _explanations(self) -> list[Text]:
        gettext = self._words.gettext
        texts = [Text(gettext(self._option.help), "caption", self)]
        if self.line.unavailable is not None:
            reason = unavailable_words(self.line.unavailable, self._words)
            unavailable = Text(reason, "", self)
            self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            self.setAccessibleName(f"{gettext(self._option.label)}. {reason}")
            return [*texts, unavailable]
        if isinstance(self._option, Number):
            least = self._option.minimum if self.line.minimum is None else self.line.minimum
            most = self._option.maximum if self.line.maximum is None else self.line.maximum
            if (self.line.minimum, self.line.maximum) != (None, None):
                texts.append(Text(range_words(self._option, least, most, self._words), "caption", self))
        for word, cause in self.line.withheld.items():
            parameters = {
                "choice": value_words(self._option, word, self._words),
                "reason": unavailable_words(cause, self._words),
            }
            template = gettext('"{choice}" cannot be offered here: {reason}')
            texts.append(Text(filled(template, parameters), "caption", self))
        return texts

    def _fit(self) -> None:
        assert self.editor is not None
        self.editor.setMinimumWidth(self._look.theme.px(_EDITOR_WIDTH))
        self.editor.setMaximumWidth(self._look.theme.px(_EDITOR_WIDTH))
