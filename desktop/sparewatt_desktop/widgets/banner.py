"""What is amiss with the engine, above every page but the one that says it anyway."""

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from sparewatt_desktop.actions import Action
from sparewatt_desktop.engine_words import Notice
from sparewatt_desktop.look import Look
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.layout import row
from sparewatt_desktop.widgets.text import Text


class Banner(QFrame):
    """One notice in one strip; hidden without one."""

    def __init__(self, look: Look, perform: Callable[[Action], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "banner")
        box = row(self, look, SPACING.medium, SPACING.large)
        self._text = Text("", "", self)
        self._button = QPushButton(self)
        self._notice: Notice | None = None
        box.addWidget(self._text, 1)
        box.addWidget(self._button)
        self._button.clicked.connect(lambda: self._notice and self._notice.action and perform(self._notice.action))
        self.hide()

    def show_notice(self, notice: Notice | None) -> None:
        self._notice = notice
        self.setVisible(notice is not None)
        if notice is None:
            return
        self._text.show_text(f"{notice.title}. {notice.text}".replace("..", "."))
        self.setAccessibleName(self._text.text())
        self._button.setVisible(notice.action is not None)
        if notice.action is not None:
            self._button.setText(notice.action.label)
        if self.property("tone") != notice.tone:
            self.setProperty("tone", notice.tone)
            self.style().polish(self)
