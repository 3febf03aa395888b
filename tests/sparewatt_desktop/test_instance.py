"""One desktop for each engine."""

import uuid

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from sparewatt_desktop.instance import Instance


def test_a_second_one_raises_the_first(qapp: QApplication, qtbot: QtBot) -> None:
    name = f"sparewatt-test-{uuid.uuid4().hex[:12]}"
    first, second = Instance(name), Instance(name)
    assert first.first()
    with qtbot.waitSignal(first.raise_asked):
        assert not second.first()


def test_another_engine_s_desktop_is_another_one(qapp: QApplication) -> None:
    one, other = (Instance(f"sparewatt-test-{uuid.uuid4().hex[:12]}") for _ in range(2))
    assert one.first()
    assert other.first()
