"""A row of buttons for actions."""

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from sparewatt_desktop.actions import Action
from sparewatt_desktop.look import Look
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.layout import row


class ActionRow(QWidget):
    """Buttons for the actions of a state, and whatever is added to its `box` behind them.

    Buttons are kept and relabelled, so that the focus stays where the person put it while the state changes.

    Args:
        chosen: gets the place of the action whose button was pressed; the newest action there is what is meant, for
            an older one may name a revision of the settings that has passed.
    """

    def __init__(self, look: Look, chosen: Callable[[int], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chosen = chosen
        self._buttons: list[QPushButton] = []
        self.box: QHBoxLayout = row(self, look, spacing=SPACING.small)
        self._rest = QHBoxLayout()
        self.box.addLayout(self._rest)
        self.box.addStretch(1)

    def show_actions(self, actions: Sequence[Action]) -> None:
        """Offer these; the first is the one to be seen."""
        while len(self._buttons) < len(actions):
            self._add()
        for place, button in enumerate(self._buttons):
            button.setVisible(place < len(actions))
            if place < len(actions) and button.text() != actions[place].label:
                button.setText(actions[place].label)

    def add_behind(self, widget: QWidget) -> None:
        self._rest.addWidget(widget)

    def _add(self) -> None:
        button = QPushButton(self)
        place = len(self._buttons)
        button.setProperty("role", "primary" if place == 0 else "")
        button.clicked.connect(lambda: self._chosen(place))
        self._buttons.append(button)
        self.box.insertWidget(place, button)
