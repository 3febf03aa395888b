"""PySide6 6.12.0 loses a reference to None at every call under Python 3.11, until the interpreter dies. The version
that is pinned must not, whatever is called as often as a day of snapshots calls it."""

import sys

import pytest
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication, QLabel

CALLS = 20_000
# What else happens meanwhile (caches, frames) takes or gives a handful.
DRIFT_MOST = 200


class Talker(QObject):
    said = Signal(object)
    flagged = Signal(bool)

    @Slot(object)
    def hear(self, _: object) -> None:
        pass


@pytest.mark.parametrize("value", [None, True, False], ids=str)
def test_no_reference_drifts_over_signals_and_calls(qapp: QApplication, value: bool | None) -> None:
    talker, label = Talker(), QLabel()
    talker.said.connect(talker.hear)
    talker.flagged.connect(lambda _: None)
    before = sys.getrefcount(value)
    for _ in range(CALLS):
        talker.said.emit(value)
        talker.flagged.emit(bool(value))
        label.setVisible(False)
        label.setParent(None)
        label.setText("")
        label.isVisible()
    assert abs(sys.getrefcount(value) - before) < DRIFT_MOST
