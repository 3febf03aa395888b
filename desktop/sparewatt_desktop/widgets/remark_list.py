"""Remarks, each in a banner with the way to where it is settled."""

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from sparewatt.wording.catalogue import Translations, filled
from sparewatt_desktop.actions import Action
from sparewatt_desktop.look import Look
from sparewatt_desktop.remarks import Remark
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.layout import column, row
from sparewatt_desktop.widgets.text import Text


class RemarkList(QWidget):
    """One banner for each remark; nothing while there is none.

    Args:
        perform: does what a remark's action says.
    """

    def __init__(
        self, look: Look, words: Translations, perform: Callable[[Action], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._look, self._words, self._perform = look, words, perform
        self._box = column(self, look, spacing=SPACING.small)
        self._banners: list[QFrame] = []
        self._shown: tuple[Remark, ...] = ()
        self.hide()

    def show_remarks(self, remarks: Sequence[Remark]) -> None:
        """Show these instead."""
        if tuple(remarks) == self._shown:
            return
        self._shown = tuple(remarks)
        for banner in self._banners:
            banner.hide()
            banner.deleteLater()
        self._banners = [self._banner(remark) for remark in remarks]
        for banner in self._banners:
            self._box.addWidget(banner)
        self.setVisible(bool(remarks))

    def _banner(self, remark: Remark) -> QFrame:
        banner = QFrame(self)
        banner.setProperty("role", "banner")
        banner.setProperty("tone", remark.tone)
        banner.setAccessibleName(remark.text)
        line = row(banner, self._look, SPACING.medium, SPACING.medium)
        line.addWidget(Text(remark.text, "", banner), 1)
        action = remark.action
        if action is not None:
            button = QPushButton(action.label, banner)
            words = self._words.gettext("{label}: {words}")
            button.setAccessibleName(filled(words, {"label": action.label, "words": remark.text}))
            button.clicked.connect(lambda _checked=False: self._perform(action))
            line.addWidget(button)
        return banner
