"""Names and values in two columns."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from sparewatt_desktop.look import Look
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.facts import Fact
from sparewatt_desktop.widgets.text import Text, plain

_NAME_WIDTH = 200


class FactTable(QWidget):
    """Facts as plain text; lines are kept and changed in place, so that a live table neither flickers nor costs.

    Args:
        name: what the table is about, for a screen reader.
    """

    def __init__(self, name: str, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._look = look
        self._grid = QGridLayout(self)
        self._grid.setColumnStretch(1, 1)
        self._lines: list[tuple[Text, Text, Text]] = []
        self._shown: tuple[Fact, ...] = ()
        look.changed.connect(self._fit)
        self._fit()

    def show_facts(self, facts: Sequence[Fact]) -> None:
        """Show these instead."""
        if tuple(facts) == self._shown:
            return
        self._shown = tuple(facts)
        while len(self._lines) < len(facts):
            self._add_line()
        for place, labels in enumerate(self._lines):
            fact = facts[place] if place < len(facts) else Fact("", "")
            for label, text in zip(labels, (fact.name, fact.value, fact.note), strict=True):
                label.show_text(plain(text, 400))
            labels[1].setAccessibleName(f"{fact.name}: {fact.value}")

    def _add_line(self) -> None:
        place = 2 * len(self._lines)
        labels = (Text("", "quiet", self), Text("", "", self), Text("", "caption", self))
        labels[1].setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        top = Qt.AlignmentFlag.AlignTop
        self._grid.addWidget(labels[0], place, 0, top)
        self._grid.addWidget(labels[1], place, 1, top)
        self._grid.addWidget(labels[2], place + 1, 1, top)
        labels[0].setFixedWidth(self._look.theme.px(_NAME_WIDTH))
        self._lines.append(labels)

    def _fit(self) -> None:
        px = self._look.theme.px
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(px(SPACING.large))
        self._grid.setVerticalSpacing(px(SPACING.hair))
        self._grid.setColumnMinimumWidth(0, px(_NAME_WIDTH))
        for name, _, _ in self._lines:
            # Values of several tables stand in one column, however long a language's names are.
            name.setFixedWidth(px(_NAME_WIDTH))
