"""Settings that cannot be kept together, each with the way to the one that resolves it."""

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from sparewatt.snapshot import ConflictSnapshot
from sparewatt.wording.catalogue import Translations, filled
from sparewatt.wording.conflicts import conflict_words
from sparewatt_desktop.look import Look
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.layout import column, row
from sparewatt_desktop.widgets.text import Text, plain


class ConflictList(QWidget):
    """One banner for each conflict; nothing while there is none.

    Args:
        open_setting: brings the setting with an address into view.
    """

    def __init__(
        self, look: Look, words: Translations, open_setting: Callable[[str], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._look, self._words, self._open_setting = look, words, open_setting
        self._box = column(self, look, spacing=SPACING.small)
        self._banners: list[QFrame] = []
        self._shown: tuple[ConflictSnapshot, ...] = ()
        self.hide()

    def show_conflicts(self, conflicts: Sequence[ConflictSnapshot]) -> None:
        """Show these instead."""
        if tuple(conflicts) == self._shown:
            return
        self._shown = tuple(conflicts)
        for banner in self._banners:
            banner.hide()
            banner.deleteLater()
        self._banners = [self._banner(conflict) for conflict in conflicts]
        for banner in self._banners:
            self._box.addWidget(banner)
        self.setVisible(bool(conflicts))

    def _banner(self, conflict: ConflictSnapshot) -> QFrame:
        sentence = plain(conflict_words(conflict.conflict, conflict.parameters, self._words), 400)
        banner = QFrame(self)
        banner.setProperty("role", "banner")
        banner.setProperty("tone", "caution")
        line = row(banner, self._look, SPACING.medium, SPACING.medium)
        line.addWidget(Text(sentence, "", banner), 1)
        change = QPushButton(self._words.gettext("Change"), banner)
        change.setAccessibleName(filled(self._words.gettext("Change what this is about: {words}"), {"words": sentence}))
        change.clicked.connect(lambda: self._open_setting(conflict.setting))
        line.addWidget(change)
        return banner
