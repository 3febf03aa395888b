"""Boxes with the spacing of the design, which grow with its scale."""

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from sparewatt_desktop.look import Look
from sparewatt_desktop.theme import SPACING

# Lines longer than this are hard to read.
CONTENT_WIDTH_MOST = 760


class Card(QFrame):
    """A panel that holds one thing; add to its `box`."""

    def __init__(self, look: Look, spacing: int = SPACING.small, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.box = column(self, look, SPACING.large, spacing)


class ScrollingPage(QScrollArea):
    """A page that scrolls up and down and keeps its lines short; add to its `box`."""

    def __init__(self, look: Look, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        content = QWidget()
        content.setObjectName("content")
        outer = QHBoxLayout(content)
        outer.setContentsMargins(0, 0, 0, 0)
        self._column = QWidget()
        self._column.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        outer.addStretch(1)
        outer.addWidget(self._column, 100)
        outer.addStretch(1)
        self.box = column(self._column, look, SPACING.wide, SPACING.large)
        self.setWidget(content)
        self._fit()
        look.changed.connect(self._fit)

    def _fit(self) -> None:
        self._column.setMaximumWidth(self._look.theme.px(CONTENT_WIDTH_MOST))


def column(owner: QWidget, look: Look, margin: int = 0, spacing: int = SPACING.small) -> QVBoxLayout:
    """A vertical box for `owner`, in pixels of the design."""
    box = QVBoxLayout(owner)
    _Fitting(owner, box, look, margin, spacing)
    return box


def row(owner: QWidget, look: Look, margin: int = 0, spacing: int = SPACING.small) -> QHBoxLayout:
    """A horizontal box for `owner`, in pixels of the design."""
    box = QHBoxLayout(owner)
    _Fitting(owner, box, look, margin, spacing)
    return box


def rule_line(parent: QWidget | None = None) -> QFrame:
    """A hairline between two things."""
    line = QFrame(parent)
    line.setProperty("role", "line")
    return line


class _Fitting(QObject):
    """Keeps a box at the theme's scale; it ends with its owner, and its connection with it."""

    def __init__(self, owner: QWidget, box: QBoxLayout, look: Look, margin: int, spacing: int) -> None:
        super().__init__(owner)
        self._box, self._look, self._margin, self._spacing = box, look, margin, spacing
        self._fit()
        look.changed.connect(self._fit)

    def _fit(self) -> None:
        px = self._look.theme.px
        side = px(self._margin) if self._margin else 0
        self._box.setContentsMargins(side, side, side, side)
        self._box.setSpacing(px(self._spacing) if self._spacing else 0)
