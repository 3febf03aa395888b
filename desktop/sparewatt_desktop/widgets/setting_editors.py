"""One control for each kind of option. A value that the option does not take cannot be entered, or is not passed on."""

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QStandardItemModel, QValidator
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSpinBox, QToolButton, QWidget

from sparewatt.control.messages import SettingValue
from sparewatt.errors import InputError, SparewattError
from sparewatt.settings.option import Choice, Hours, Number, Option, Switch
from sparewatt.wording.catalogue import Translations, filled
from sparewatt.wording.errors import sentence
from sparewatt.wording.settings import allowed_words
from sparewatt_desktop.look import Look
from sparewatt_desktop.presentation.number_words import zero_words
from sparewatt_desktop.presentation.week_cells import Span, hours_text
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.calm_fields import CalmComboBox, CalmSpinBox, CalmSwitch
from sparewatt_desktop.widgets.hours_grid import HoursGrid
from sparewatt_desktop.widgets.layout import column, row
from sparewatt_desktop.widgets.text import Text

# A spin box counts in 32 bits.
SPIN_MOST: Final = 2**31 - 1
TEXT_CHARACTERS_MOST: Final = 2_000


class _Editing(QWidget):
    """What all editors have beside `show_value`, which shows a stored text without emitting.

    Given the focus, an editor passes it to the control that takes the keyboard.

    Attributes:
        edited: the person chose a value that the option takes.
        refused: what they typed is no value; the sentence why. It is not passed on.
        wide: whether it needs a line of its own.
    """

    edited = Signal(str)
    refused = Signal(str)
    wide: bool = False

    def _hold(self, widget: QWidget) -> None:
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(widget)
        self.setFocusProxy(widget)


class SwitchEditor(_Editing):
    """A switch."""

    def __init__(self, option: Switch, name: str, look: Look, words: Translations) -> None:
        super().__init__()
        self._option = option
        self._box = CalmSwitch(words.gettext("On"), words.gettext("Off"), look, self)
        self._box.setAccessibleName(name)
        self._shown: bool | None = None
        self._box.toggled.connect(self._toggled)
        self._hold(self._box)

    def show_value(self, text: str) -> None:
        on = self._option.parse(text)
        if on != self._box.isChecked():
            # Its own word must follow, so that not all signals are blocked.
            self._shown = on
            self._box.setChecked(on)

    def _toggled(self, on: bool) -> None:
        if on != self._shown:
            self.edited.emit(self._option.text(on))
        self._shown = None


class ChoiceEditor(_Editing):
    """A list; what cannot be offered here stays in it, greyed, for a missing line explains nothing."""

    def __init__(self, option: Choice, withheld: Sequence[str], name: str, look: Look, words: Translations) -> None:
        super().__init__()
        self._words = list(option.choices)
        self._box = CalmComboBox(look, self)
        self._box.setAccessibleName(name)
        for label in option.choices.values():
            self._box.addItem(words.gettext(label))
        model = self._box.model()
        assert isinstance(model, QStandardItemModel)
        for word in withheld:
            if word in self._words:
                model.item(self._words.index(word)).setEnabled(False)
        self._box.activated.connect(lambda place: self.edited.emit(self._words[place]))
        self._hold(self._box)

    def show_value(self, text: str) -> None:
        with QSignalBlocker(self._box):
            self._box.setCurrentIndex(self._words.index(text) if text in self._words else -1)


class NumberEditor(_Editing):
    """A number between the option's bounds, or this device's tighter ones; 0 stays apart where it stands for a word."""

    def __init__(self, option: Number, line: SettingValue, name: str, look: Look, words: Translations) -> None:
        super().__init__()
        self._box = _BoundedSpinBox(option, line, words)
        self._box.setParent(self)
        self._box.setAccessibleName(name)
        self._box.valueChanged.connect(lambda value: self.edited.emit(option.text(value)))
        line_up = row(self, look, spacing=SPACING.hair)
        line_up.addWidget(self._step("−", -1, filled(words.gettext("Less: {name}"), {"name": name})))
        line_up.addWidget(self._box, 1)
        line_up.addWidget(self._step("+", 1, filled(words.gettext("More: {name}"), {"name": name})))
        self.setFocusProxy(self._box)

    def show_value(self, text: str) -> None:
        value = int(text)
        with QSignalBlocker(self._box):
            if value != self._box.value():
                self._box.setValue(value)

    def _step(self, sign: str, steps: int, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("role", "step")
        button.setText(sign)
        button.setAccessibleName(name)
        button.setAutoRepeat(True)
        # With the keyboard, the arrow keys do the same in the field itself.
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(lambda: self._box.stepBy(steps))
        return button


class TextEditor(_Editing):
    """A line that is checked as it is typed; for any kind of option that has no control of its own."""

    wide = True

    def __init__(self, option: Option[Any], name: str, words: Translations) -> None:
        super().__init__()
        self._option = option
        self._words = words
        self._line = QLineEdit(self)
        self._line.setMaxLength(TEXT_CHARACTERS_MOST)
        self._line.setAccessibleName(name)
        self._line.setPlaceholderText(allowed_words(option, words))
        self._line.textEdited.connect(self._check)
        self._hold(self._line)

    def show_value(self, text: str) -> None:
        _show_line(self._line, self._option, text)

    def _check(self, text: str) -> None:
        try:
            value = self._option.parse(text)
        except InputError as error:
            self.refused.emit(sentence(error, self._words))
        else:
            self.edited.emit(self._option.text(value))


class HoursEditor(_Editing):
    """A week to paint, and its pattern to type."""

    wide = True

    def __init__(self, option: Hours, name: str, look: Look, words: Translations) -> None:
        super().__init__()
        self._option = option
        self._words = words
        self._grid = HoursGrid(name, look, words, self)
        self._line = QLineEdit(self)
        self._line.setMaxLength(TEXT_CHARACTERS_MOST)
        self._line.setAccessibleName(name)
        box = column(self, look)
        box.addWidget(self._grid)
        box.addWidget(Text(words.gettext("The same as a pattern:"), "caption", self))
        box.addWidget(self._line)
        self.setFocusProxy(self._grid)
        self._grid.changed.connect(self._painted)
        self._line.textEdited.connect(self._typed)

    def show_value(self, text: str) -> None:
        self._grid.show_spans(self._option.parse(text).spans)
        _show_line(self._line, self._option, text)

    def _painted(self, spans: tuple[Span, ...]) -> None:
        text = hours_text(spans)
        if text is None:
            self._line.setText("")
            self.refused.emit(
                self._words.gettext('Leave at least one hour. To stop altogether, choose "Never" as when to run.')
            )
            return
        self._line.setText(text)
        self._pass_on(text)

    def _typed(self, text: str) -> None:
        if self._pass_on(text):
            self._grid.show_spans(self._option.parse(text).spans)

    def _pass_on(self, text: str) -> bool:
        try:
            value = self._option.parse(text)
        except SparewattError as error:
            self.refused.emit(sentence(error, self._words))
            return False
        self.edited.emit(self._option.text(value))
        return True


# The checker holds each of them to `show_value`, wherever an editor is used.
Editor = SwitchEditor | ChoiceEditor | NumberEditor | TextEditor | HoursEditor


def editor_of(option: Option[Any], line: SettingValue, name: str, look: Look, words: Translations) -> Editor:
    """The control for an option; `name` is what a screen reader says."""
    match option:
        case Switch():
            return SwitchEditor(option, name, look, words)
        case Choice():
            return ChoiceEditor(option, tuple(line.withheld), name, look, words)
        case Hours():
            return HoursEditor(option, name, look, words)
        case Number() if option.maximum <= SPIN_MOST and option.minimum >= -SPIN_MOST:
            return NumberEditor(option, line, name, look, words)
        case _:
            return TextEditor(option, name, words)


class _BoundedSpinBox(CalmSpinBox):
    """Values from `least` to the maximum, and 0 below them where it stands for a word such as "No cap"."""

    def __init__(self, option: Number, line: SettingValue, words: Translations) -> None:
        super().__init__()
        zero = zero_words(option, words)
        least = option.minimum if line.minimum is None else max(option.minimum, line.minimum)
        most = option.maximum if line.maximum is None else min(option.maximum, line.maximum)
        self._apart = bool(zero) and option.minimum == 0
        self._least = max(1, least) if self._apart else least
        # A stored value stays as it is until the person changes it, even where the device's bounds have moved.
        stored = int(line.value)
        self.setRange(min(stored, 0 if self._apart else least), max(stored, most))
        if self._apart:
            self.setSpecialValueText(zero)
        if option.unit:
            self.setSuffix(f" {words.gettext(option.unit)}")
        self.setSingleStep(_step_of(most - self._least))
        self.setCorrectionMode(QSpinBox.CorrectionMode.CorrectToNearestValue)

    def stepBy(self, steps: int) -> None:
        target = self.value() + steps * self.singleStep()
        if self._apart and 0 < target < self._least:
            target = self._least if steps > 0 else 0
        elif self._apart and target <= 0 and self.value() > self._least:
            target = self._least
        self.setValue(target)
        self.selectAll()

    def validate(self, text: str, place: int) -> tuple[QValidator.State, str, int]:
        state, text, place = super().validate(text, place)
        if state == QValidator.State.Acceptable and 0 < self.valueFromText(text) < self._least:
            state = QValidator.State.Intermediate
        return state, text, place

    def fixup(self, _text: str) -> str:
        return self.textFromValue(self._least)


def _show_line(line: QLineEdit, option: Option[Any], text: str) -> None:
    """Show `text`, unless the line says the same in other words: who types "a; b" is not stopped at "a;"."""
    try:
        same = option.text(option.parse(line.text())) == text
    except InputError:
        same = False
    if not same:
        line.setText(text)


def _step_of(span: int) -> int:
    """About a hundred steps from end to end, in round numbers."""
    step = 1
    for each in (5, 10, 50, 100, 500, 1_000, 5_000, 10_000):
        if span / each >= 60:
            step = each
    return step
