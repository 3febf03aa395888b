"""Rows of text that can be walked with the keyboard and read aloud cell by cell."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from sparewatt_desktop.look import Look

_Index = QModelIndex | QPersistentModelIndex
_ROW_HEIGHT = 30
_MEASURED_ROWS = 40
Cells = tuple[str, ...]


class TextTable(QTableView):
    """A table that is only read.

    Args:
        name: for a screen reader.
        right: the columns that hold numbers.
    """

    def __init__(
        self, name: str, titles: Cells, right: tuple[int, ...], look: Look, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._look = look
        self._model = _Model(titles, right, self)
        self.setModel(self._model)
        self.setAccessibleName(name)
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

    def show_cells(self, rows: Sequence[Cells]) -> None:
        """Show these instead."""
        self._model.show_cells(tuple(rows))

    def hide_if_alike(self, column: int, values: Sequence[str]) -> None:
        """Leave out a column that says the same in every row."""
        self.setColumnHidden(column, len(set(values)) <= 1)

    def _fit(self) -> None:
        self.verticalHeader().setDefaultSectionSize(self._look.theme.px(_ROW_HEIGHT))


class _Model(QAbstractTableModel):
    def __init__(self, titles: Cells, right: tuple[int, ...], parent: QWidget) -> None:
        super().__init__(parent)
        self._titles, self._right = titles, right
        self._rows: tuple[Cells, ...] = ()

    def show_cells(self, rows: tuple[Cells, ...]) -> None:
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
            side = Qt.AlignmentFlag.AlignRight if index.column() in self._right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return self._rows[index.row()][index.column()] if role == Qt.ItemDataRole.DisplayRole else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Vertical:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole and section in self._right:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return self._titles[section] if role == Qt.ItemDataRole.DisplayRole else None
