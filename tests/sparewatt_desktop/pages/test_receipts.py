"""What a person sees on the page of receipts, and of them on other pages."""

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from sparewatt.control.messages import ReceiptsAfter
from sparewatt.errors import UnavailableError
from sparewatt.snapshot import Snapshot
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.pages.receipts import ReceiptsPage
from sparewatt_desktop.testing.examples import receipt, run, signed
from sparewatt_desktop.testing.memory_engine import MemoryEngine
from sparewatt_desktop.widgets.last_receipts import LastReceipts
from sparewatt_desktop.widgets.receipt_table import ReceiptTable
from sparewatt_desktop.widgets.text import Text


def with_receipts(engine: MemoryEngine, count: int) -> Snapshot:
    """The engine holds so many receipts now."""
    engine.receipts = tuple(signed(receipt(number)) for number in range(count))
    engine.snapshot = msgspec.structs.replace(engine.snapshot, runs=(run(receipts=count),))
    return engine.snapshot


@pytest.fixture
def page(qtbot: QtBot, tools: PageTools, engine: MemoryEngine) -> ReceiptsPage:
    made = ReceiptsPage(tools)
    qtbot.addWidget(made)
    made.resize(760, 600)
    made.show()
    made.show_snapshot(with_receipts(engine, 3))
    engine.deliver()
    return made


def words(widget: QWidget) -> str:
    return "\n".join(text.text() for text in widget.findChildren(Text) if text.isVisible())


def column(page: ReceiptsPage, number: int) -> list[str]:
    model = page.findChildren(ReceiptTable)[0].model()
    return [str(model.index(row, number).data()) for row in range(model.rowCount())]


def test_receipts_are_listed_newest_first_with_their_sums(page: ReceiptsPage) -> None:
    assert column(page, 2) == ["282", "281", "280"]
    assert column(page, 5) == ["to be checked"] * 3
    assert "2.31 credits" in words(page)
    assert "31.41 credits" in words(page)
    assert "Of the newest 3 receipts: 3 may still be checked." in words(page)
    assert "sparewatt receipts verify receipts.json" in words(page)


def test_a_new_receipt_is_asked_for_once(page: ReceiptsPage, engine: MemoryEngine) -> None:
    for _ in range(4):
        page.show_snapshot(engine.snapshot)
        engine.deliver()
    assert len(engine.asked(ReceiptsAfter)) == 1
    page.show_snapshot(with_receipts(engine, 4))
    engine.deliver()
    assert len(engine.asked(ReceiptsAfter)) == 2
    assert column(page, 2)[0] == "283"


def test_a_receipt_that_changed_its_state_shows_the_new_one(page: ReceiptsPage, engine: MemoryEngine) -> None:
    engine.receipts = (*engine.receipts, signed(receipt(0, state="revoked", credit_micro=0, sequence=9)))
    page.show_snapshot(msgspec.structs.replace(engine.snapshot, runs=(run(receipts=4),)))
    engine.deliver()
    assert column(page, 5) == ["to be checked", "to be checked", "taken back"]


def test_the_run_is_named_only_where_there_are_several(page: ReceiptsPage, engine: MemoryEngine) -> None:
    table = page.findChildren(ReceiptTable)[0]
    assert table.isColumnHidden(1)
    other = run(run="cd" * 32, title="Another <b>run</b>\u202e", receipts=1)
    engine.receipts = (*engine.receipts, signed(receipt(7, run=other.run)))
    page.show_snapshot(msgspec.structs.replace(engine.snapshot, runs=(run(receipts=3), other)))
    engine.deliver()
    assert not table.isColumnHidden(1)
    assert column(page, 1)[0] == "Another <b>run</b>"


def test_a_run_that_was_left_takes_its_receipts_from_the_list(page: ReceiptsPage, engine: MemoryEngine) -> None:
    page.show_snapshot(msgspec.structs.replace(engine.snapshot, runs=()))
    assert column(page, 2) == []
    assert "0.0000 credits" in words(page)


def test_without_receipts_the_page_says_what_brings_one(qtbot: QtBot, tools: PageTools, engine: MemoryEngine) -> None:
    page = ReceiptsPage(tools)
    qtbot.addWidget(page)
    page.show()
    page.show_snapshot(with_receipts(engine, 0))
    assert engine.asked(ReceiptsAfter) == []
    assert "No receipts yet. Each accepted result brings one" in words(page)


def test_an_engine_that_refuses_is_told_and_asked_again(page: ReceiptsPage, engine: MemoryEngine) -> None:
    engine.refuses = UnavailableError("engine.silent", seconds=5)
    page.show_snapshot(with_receipts(engine, 5))
    engine.deliver()
    assert "The engine did not answer within 5 s." in words(page)
    engine.refuses = None
    page.show_snapshot(engine.snapshot)
    engine.deliver()
    assert len(column(page, 2)) == 5


def test_the_table_is_walked_with_the_keyboard(page: ReceiptsPage, qtbot: QtBot) -> None:
    table = page.findChildren(ReceiptTable)[0]
    assert table.accessibleName() == "Receipts"
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert table.currentIndex().row() == 0 or table.currentIndex().row() == 1


def test_the_last_receipts_fit_into_another_page(qtbot: QtBot, tools: PageTools, engine: MemoryEngine) -> None:
    last = LastReceipts(tools)
    qtbot.addWidget(last)
    last.show()
    assert words(last) == "No receipts yet."
    last.show_snapshot(with_receipts(engine, 9))
    engine.deliver()
    lines = [line for line in words(last).splitlines() if "credits" in line]
    assert lines == ["311 k tokens, 0.2398 credits, to be checked"] * 3
    assert engine.asked(ReceiptsAfter)[0].limit == 20
