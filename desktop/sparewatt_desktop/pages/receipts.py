"""The receipts: what was contributed, what it counts for, and how to prove it."""

from PySide6.QtWidgets import QHBoxLayout, QWidget

from sparewatt.errors import SparewattError
from sparewatt.snapshot import Snapshot
from sparewatt.wording.errors import sentence
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.presentation.receipt_words import credit_sums, export_hint, proof_sentence, receipt_row
from sparewatt_desktop.theme import SPACING
from sparewatt_desktop.widgets.layout import Card, column, row
from sparewatt_desktop.widgets.receipt_feed import ReceiptFeed
from sparewatt_desktop.widgets.receipt_table import ReceiptTable
from sparewatt_desktop.widgets.text import Text


class ReceiptsPage(QWidget):
    """Credit today and in all, and a table that grows as receipts come."""

    def __init__(self, tools: PageTools) -> None:
        super().__init__()
        self.setObjectName("page")
        self._tools = tools
        self._words = tools.words
        self._snapshot: Snapshot | None = None
        self._feed = ReceiptFeed(tools.commands, parent=self)
        self._feed.changed.connect(self._show_receipts)
        self._feed.failed.connect(self._refused)
        self._build()

    def show_snapshot(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot
        if snapshot is None:
            self._notice.show_text(self._words.gettext("The engine cannot be heard; these were its receipts before."))
            return
        today, in_all = credit_sums(snapshot.runs, self._words)
        self._today.show_text(today)
        self._in_all.show_text(in_all)
        self._notice.show_text("")
        self._feed.follow(snapshot)
        self._show_receipts()

    def _build(self) -> None:
        look, gettext = self._tools.look, self._words.gettext
        box = column(self, look, SPACING.wide, SPACING.large)
        box.addWidget(Text(gettext("Receipts"), "title", self))
        sums = Card(look, parent=self)
        holder = QWidget(sums)
        side_by_side = row(holder, look, spacing=SPACING.wide)
        self._today = self._figure(side_by_side, gettext("Credit today"))
        self._in_all = self._figure(side_by_side, gettext("Credit in all"))
        sums.box.addWidget(holder)
        explained = gettext("One credit is 10¹⁵ floating-point operations of training that were accepted.")
        sums.box.addWidget(Text(explained, "caption", sums))
        box.addWidget(sums)
        self._notice = Text("", "quiet", self)
        self._notice.hide()
        box.addWidget(self._notice)
        self._proof = Text(proof_sentence(self._feed.listed, self._words), "quiet", self)
        box.addWidget(self._proof)
        self._table = ReceiptTable(look, self._words, self)
        box.addWidget(self._table, 1)
        self._nothing = QWidget(self)
        box.addWidget(self._nothing, 1)
        self._table.hide()
        self._hint = Text(export_hint(self._words), "caption", self)
        box.addWidget(self._hint)

    def _figure(self, side_by_side: QHBoxLayout, name: str) -> Text:
        holder = QWidget(self)
        stacked = column(holder, self._tools.look, spacing=SPACING.hair)
        stacked.addWidget(Text(name, "caption", holder))
        figure = Text("", "figure", holder)
        stacked.addWidget(figure)
        side_by_side.addWidget(holder, 1)
        return figure

    def _show_receipts(self) -> None:
        snapshot, listed = self._snapshot, self._feed.listed
        self._proof.show_text(proof_sentence(listed, self._words))
        self._table.setVisible(bool(listed.receipts))
        self._nothing.setVisible(not listed.receipts)
        if snapshot is None:
            return
        titles = {run.run: run.title for run in snapshot.runs}
        self._table.show_rows(
            [
                receipt_row(receipt, titles.get(receipt.run, receipt.run[:8]), snapshot.taken_unix_s, self._words)
                for receipt in listed.receipts
            ]
        )

    def _refused(self, error: SparewattError) -> None:
        self._notice.show_text(sentence(error, self._words))
