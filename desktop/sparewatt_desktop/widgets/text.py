"""Labels that show what they are given as plain text, whoever wrote it."""

import unicodedata
from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

FOREIGN_CHARACTERS_MOST: Final = 200


def plain(text: str, most: int = FOREIGN_CHARACTERS_MOST) -> str:
    """`text` from elsewhere, fit for one line of a screen.

    Control characters become spaces, marks that turn the direction of what follows are dropped (they could make a
    title read as something else), white space is joined, and what is longer than `most` ends in an ellipsis.
    """
    kept = "".join(_shown(mark) for mark in text[: 8 * most])
    joined = " ".join(kept.split())
    return joined if len(joined) <= most else joined[: most - 1].rstrip() + "…"


def _shown(mark: str) -> str:
    category = unicodedata.category(mark)
    if category == "Cf":
        # Joiners belong to scripts and emoji; everything else of the kind is invisible or turns the direction.
        return mark if mark in "\u200c\u200d" else ""
    return " " if category in ("Cc", "Zl", "Zp", "Cs", "Co", "Cn") else mark


class Text(QLabel):
    """Plain text that wraps.

    Args:
        role: a look of the style sheet; see `theme`.
    """

    def __init__(self, text: str = "", role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setProperty("role", role)
        self.setText(text)

    def show_text(self, text: str) -> None:
        """Show `text`, and nothing at all where it is empty; repaints only when it changed."""
        if self.text() != text:
            self.setText(text)
        self.setVisible(bool(text))

    def set_tone(self, tone: str) -> None:
        """Give it the colour of a tone, or none for an empty one."""
        if self.property("tone") != tone:
            self.setProperty("tone", tone)
            self.style().polish(self)


class Line(QLabel):
    """Plain text on one line that ends in an ellipsis where it does not fit; then the whole is in its tool tip."""

    def __init__(self, text: str = "", role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._whole = ""
        self.show_text(text)

    def show_text(self, text: str) -> None:
        if text != self._whole:
            self._whole = text
            self.setAccessibleName(text)
            self._elide()
            self.updateGeometry()

    @property
    def whole(self) -> str:
        """The text, however much of it fits."""
        return self._whole

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._elide()

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(self.fontMetrics().horizontalAdvance(self._whole), hint.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def _elide(self) -> None:
        fitting = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, max(0, self.width()))
        if fitting != self.text():
            self.setText(fitting)
        # A tool tip guesses whether its text is markup; a line break without tags keeps it plain.
        self.setToolTip("" if fitting == self._whole else plain(self._whole).replace("<", "‹"))
