"""The newest receipts of all joined runs, asked for as they come."""

from typing import Final

from PySide6.QtCore import QObject, Signal

from sparewatt.control.messages import ReceiptsAfter, ReceiptsReply
from sparewatt.errors import SparewattError
from sparewatt.signing import Signed
from sparewatt.snapshot import Snapshot
from sparewatt_desktop.page import Commands
from sparewatt_desktop.presentation.receipt_words import ReceiptList, newest_receipts

# A round of an audit brings several receipts of one assignment, so that this many rows need more receipts.
RECEIPTS_MOST: Final = 500


class ReceiptFeed(QObject):
    """Asks for receipts of a run whenever the snapshot counts others than it has seen; one question at a time.

    Args:
        most: the newest so many receipts of each run.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(self, commands: Commands, most: int = RECEIPTS_MOST, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._commands = commands
        self._most = most
        self._seen: dict[str, tuple[int, int]] = {}
        self._signed: dict[str, tuple[Signed, ...]] = {}
        self._asking: set[str] = set()
        self.listed = ReceiptList(())

    def follow(self, snapshot: Snapshot) -> None:
        """Ask for what is new in `snapshot`."""
        runs = {run.run: run for run in snapshot.runs}
        gone = self._signed.keys() - runs.keys()
        for run_gone in gone:
            del self._signed[run_gone]
            self._seen.pop(run_gone, None)
        if gone:
            self._sort()
        for run in runs.values():
            # A changed state brings a new receipt, and so does new credit; either changes one of these.
            count = (run.receipts, run.credit_micro)
            if (
                run.run not in self._asking
                and self._seen.get(run.run) != count
                and (run.receipts or run.run in self._seen)
            ):
                self._ask(run.run, count)

    def _ask(self, run: str, count: tuple[int, int]) -> None:
        self._asking.add(run)

        def answered(reply: ReceiptsReply) -> None:
            self._asking.discard(run)
            self._seen[run] = count
            self._signed[run] = reply.receipts
            self._sort()

        def refused(error: SparewattError) -> None:
            self._asking.discard(run)
            self.failed.emit(error)

        self._commands.ask(
            lambda id_: ReceiptsAfter(id=id_, run=run, sequence=0, limit=self._most, newest=True),
            ReceiptsReply,
            answered,
            refused,
        )

    def _sort(self) -> None:
        self.listed = newest_receipts(signed for each in self._signed.values() for signed in each)
        self.changed.emit()
