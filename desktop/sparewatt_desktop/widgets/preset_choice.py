"""Three sets of limits to choose from."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QWidget

from sparewatt.control.messages import PresetValue
from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.look import Look
from sparewatt_desktop.presentation.preset_words import preset_basis, preset_numbers, preset_title
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.layout import column, row
from sparewatt_desktop.widgets.text import Text


class PresetChoice(QWidget):
    """A button for each; the one that holds is marked, and none where the person set numbers of their own."""

    chosen = Signal(object)

    def __init__(self, look: Look, words: Translations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = words
        self._presets: tuple[PresetValue, ...] = ()
        self._holds: PresetValue | None = None
        self._buttons: list[QPushButton] = []
        beside = QWidget(self)
        self._row = row(beside, look, spacing=SPACING.small)
        self._basis = Text("", "caption", self)
        box = column(self, look, spacing=SPACING.hair)
        box.addWidget(beside)
        box.addWidget(self._basis)
        self.hide()

    def show_presets(self, presets: tuple[PresetValue, ...], chosen: PresetValue | None) -> None:
        """Offer these."""
        if presets != self._presets:
            self._presets = presets
            self._label()
        self._holds = chosen
        self._mark()
        self.setVisible(bool(presets))

    def _chosen(self, place: int) -> None:
        self._mark()  # what holds is what the engine says, not what was pressed
        self.chosen.emit(self._presets[place])

    def _mark(self) -> None:
        for preset, button in zip(self._presets, self._buttons, strict=False):
            button.setChecked(preset == self._holds)

    def _label(self) -> None:
        while len(self._buttons) < len(self._presets):
            self._add()
        capped = any(preset.power_cap_watts is not None for preset in self._presets)
        for preset, button in zip(self._presets, self._buttons, strict=False):
            title = preset_title(preset, self._words)
            numbers = preset_numbers(preset, capped=capped, translations=self._words)
            button.setText(f"{title}\n{numbers}")
            button.setAccessibleName(f"{title}: {numbers}")
        for place, button in enumerate(self._buttons):
            button.setVisible(place < len(self._presets))
        self._basis.show_text(preset_basis(self._presets, self._words))

    def _add(self) -> None:
        button = QPushButton(self)
        button.setProperty("role", "choice")
        button.setCheckable(True)
        place = len(self._buttons)
        button.clicked.connect(lambda _checked=False: self._chosen(place))
        self._buttons.append(button)
        self._row.addWidget(button, 1)
