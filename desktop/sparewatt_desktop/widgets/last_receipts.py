"""The last few receipts, for a page that is about something else."""

from PySide6.QtWidgets import QWidget

from sparewatt.snapshot import Snapshot
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.presentation.receipt_words import last_receipt_facts
from sparewatt_desktop.widgets.fact_table import FactTable
from sparewatt_desktop.widgets.layout import column
from sparewatt_desktop.widgets.receipt_feed import ReceiptFeed
from sparewatt_desktop.widgets.text import Text

SHOWN_MOST = 3


class LastReceipts(QWidget):
    """When, how many tokens, how much credit, and how sure it is."""

    def __init__(self, tools: PageTools, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = tools.words
        self._feed = ReceiptFeed(tools.commands, most=20, parent=self)
        self._feed.changed.connect(self._show)
        self._snapshot: Snapshot | None = None
        self._facts = FactTable(tools.words.gettext("Last receipts"), tools.look, self)
        self._none = Text(tools.words.gettext("No receipts yet."), "quiet", self)
        box = column(self, tools.look)
        box.addWidget(self._facts)
        box.addWidget(self._none)
        self._facts.hide()

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        """Show the newest; None leaves those that were shown."""
        self._snapshot = snapshot
        if snapshot is not None:
            self._feed.follow(snapshot)
            self._show()

    def _show(self) -> None:
        newest = self._feed.listed.receipts[:SHOWN_MOST]
        self._facts.setVisible(bool(newest))
        self._none.setVisible(not newest)
        if self._snapshot is not None:
            self._facts.show_facts(last_receipt_facts(newest, self._snapshot.taken_unix_s, self._words))
