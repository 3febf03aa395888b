"""Receipts in rows."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.look import Look
from sparewatt_desktop.presentation.receipt_words import ReceiptRow
from sparewatt_desktop.widgets.text import plain

_Index = QModelIndex | QPersistentModelIndex
_ROW_HEIGHT = 30
_MEASURED_ROWS = 40
_RUN = 1
_RIGHT = (2, 3, 4)


class ReceiptTable(QTableView):
    """A table of receipts that can be walked with the keyboard and read aloud cell by cell."""

    def __init__(self, look: Look, words: Translations, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = look
        self._model = _Model(words, self)
        self.setModel(self._model)
        self.setAccessibleName(words.gettext("Receipts"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        # As many rows as a screen shows; measuring all of them takes longer than showing them.
        header.setResizeContentsPrecision(_MEASURED_ROWS)
        look.changed.connect(self._fit)
        self._fit()

    def show_rows(self, rows: Sequence[ReceiptRow]) -> None:
        """Show these, newest first."""
        self._model.show_rows(tuple(rows))
        # A column that says the same in every row is left out.
        self.setColumnHidden(_RUN, len({shown.run for shown in rows}) <= 1)

    def _fit(self) -> None:
        self.verticalHeader().setDefaultSectionSize(self._look.theme.px(_ROW_HEIGHT))


class _Model(QAbstractTableModel):
    def __init__(self, words: Translations, parent: QWidget) -> None:
        super().__init__(parent)
        gettext = words.gettext
        self._titles = (
            gettext("When"),
            gettext("Run"),
            gettext("Round"),
            gettext("Tokens"),
            gettext("Credits"),
            gettext("State"),
        )
        self._rows: tuple[ReceiptRow, ...] = ()

    def show_rows(self, rows: tuple[ReceiptRow, ...]) -> None:
        if rows != self._rows:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  # Qt's own default
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._titles)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if index.column() in _RIGHT else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        shown = self._rows[index.row()]
        cells = (shown.time, plain(shown.run), shown.round, shown.tokens, shown.credit, shown.state)
        return cells[index.column()]

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Vertical:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole and section in _RIGHT:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return self._titles[section] if role == Qt.ItemDataRole.DisplayRole else None
