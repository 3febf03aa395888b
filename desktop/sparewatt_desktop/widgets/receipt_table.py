"""Receipts in rows."""

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from sparewatt.wording.catalogue import Translations
from sparewatt_desktop.look import Look
from sparewatt_desktop.presentation.receipt_words import ReceiptRow
from sparewatt_desktop.widgets.text import plain
from sparewatt_desktop.widgets.text_table import TextTable

_RUN = 1
_RIGHT = (2, 3, 4)


class ReceiptTable(TextTable):
    """A table of receipts, newest first."""

    def __init__(self, look: Look, words: Translations, parent: QWidget | None = None) -> None:
        gettext = words.gettext
        titles = (
            gettext("When"),
            gettext("Run"),
            gettext("Round"),
            gettext("Tokens"),
            gettext("Credits"),
            gettext("State"),
        )
        super().__init__(gettext("Receipts"), titles, _RIGHT, look, parent)

    def show_rows(self, rows: Sequence[ReceiptRow]) -> None:
        """Show these."""
        self.show_cells(
            [(each.time, plain(each.run), each.round, each.tokens, each.credit, each.state) for each in rows]
        )
        self.hide_if_alike(_RUN, [shown.run for shown in rows])
