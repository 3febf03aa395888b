"""What a person sees and does on the page of settings."""

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QPushButton, QSpinBox
from pytestqt.qtbot import QtBot

from sparewatt.control.messages import DevicePreview, ListSettings, PreviewSetting, SetSetting
from sparewatt.errors import UnavailableError
from sparewatt.settings.schema import HOURS, OPTIONS
from sparewatt.snapshot import ConflictSnapshot, ErrorSnapshot
from sparewatt_desktop.page import PageTools, ShowsSettings
from sparewatt_desktop.pages.settings import SettingsPage
from sparewatt_desktop.testing.examples import CARD, PAUSED
from sparewatt_desktop.testing.memory_engine import MemoryEngine
from sparewatt_desktop.widgets.hours_grid import HoursGrid
from sparewatt_desktop.widgets.setting_editors import TextEditor
from sparewatt_desktop.widgets.text import Text


@pytest.fixture
def page(qtbot: QtBot, tools: PageTools, engine: MemoryEngine) -> SettingsPage:
    made = SettingsPage(tools)
    qtbot.addWidget(made)
    made.resize(760, 600)
    made.show()
    show(made, engine, qtbot)
    return made


def show(page: SettingsPage, engine: MemoryEngine, qtbot: QtBot) -> None:
    """The engine's state and all its answers, until the form is whole."""
    page.show_snapshot(engine.snapshot)
    engine.deliver()
    whole = {option.key for option in OPTIONS}
    qtbot.waitUntil(lambda: {address.partition("@")[0] for address in page.form.rows} == whole)


def spin(page: SettingsPage, address: str) -> QSpinBox:
    found = page.form.rows[address].findChild(QSpinBox)
    assert isinstance(found, QSpinBox)
    return found


def seen(page: SettingsPage, address: str) -> str:
    """Every visible word of a row."""
    texts = page.form.rows[address].findChildren(Text)
    return "\n".join(text.text() for text in texts if text.isVisible())


def preview(page: SettingsPage, engine: MemoryEngine, qtbot: QtBot) -> None:
    before = len(engine.asked(PreviewSetting))
    qtbot.waitUntil(lambda: len(engine.asked(PreviewSetting)) > before)
    engine.deliver()


def test_every_setting_has_a_row_and_a_device_s_one_for_each_device(page: SettingsPage) -> None:
    expected = {option.key for option in OPTIONS if option.scope != "device"}
    expected |= {f"{option.key}@{device}" for option in OPTIONS if option.scope == "device" for device in (CARD, "cpu")}
    assert page.form.rows.keys() == expected
    assert isinstance(page, ShowsSettings)


def test_a_value_is_previewed_then_saved_with_the_revision_that_was_seen(
    page: SettingsPage, engine: MemoryEngine, qtbot: QtBot
) -> None:
    address = f"speed_limit_percent@{CARD}"
    engine.previews = lambda _address, _text: [DevicePreview(CARD, PAUSED)]
    spin(page, address).setValue(40)
    assert "Not saved; it is 100 % now." in seen(page, address)
    assert page.foot_words.text() == "1 change is not saved."
    preview(page, engine, qtbot)
    assert engine.asked(PreviewSetting)[-1].value == "40"
    assert "Would pause now: Paused by you. It ends in 15 min." in seen(page, address)
    QTest.keyClick(page, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert [(each.revision, each.key, each.value) for each in engine.asked(SetSetting)] == [(0, address, "40")]
    engine.deliver()
    assert engine.settings.texts == {address: "40"}
    assert not page.foot_words.isVisible()
    assert "Not saved" not in seen(page, address)


def test_several_values_are_saved_one_after_the_other(page: SettingsPage, engine: MemoryEngine) -> None:
    spin(page, "idle_minutes").setValue(10)
    spin(page, "disk_cache_limit_gb").setValue(50)
    assert page.foot_words.text() == "2 changes are not saved."
    page.desk.save()
    engine.deliver()
    assert dict(engine.settings.texts) == {"idle_minutes": "10", "disk_cache_limit_gb": "50"}
    assert [each.revision for each in engine.asked(SetSetting)] == [0, 1]


def test_a_conflict_keeps_what_was_typed_and_says_so(page: SettingsPage, engine: MemoryEngine) -> None:
    spin(page, "idle_minutes").setValue(10)
    engine.change("idle_minutes", "7")
    page.desk.save()
    engine.deliver()
    assert page.foot_words.text().startswith("The settings were changed elsewhere meanwhile.")
    assert spin(page, "idle_minutes").value() == 10
    assert "Meanwhile it was set to 7 min elsewhere" in seen(page, "idle_minutes")
    page.desk.save()
    engine.deliver()
    assert engine.settings.texts["idle_minutes"] == "10"
    assert not page.foot_words.isVisible()


def test_a_change_elsewhere_shows_by_itself(page: SettingsPage, engine: MemoryEngine, qtbot: QtBot) -> None:
    engine.change("idle_minutes", "30")
    show(page, engine, qtbot)
    assert spin(page, "idle_minutes").value() == 30
    assert not page.foot_words.isVisible()


def test_the_same_revision_is_not_asked_for_twice(page: SettingsPage, engine: MemoryEngine) -> None:
    for _ in range(5):
        page.show_snapshot(engine.snapshot)
        engine.deliver()
    assert len(engine.asked(ListSettings)) == 1


def test_a_value_goes_back_to_its_default(page: SettingsPage, engine: MemoryEngine, qtbot: QtBot) -> None:
    engine.change("idle_minutes", "30")
    show(page, engine, qtbot)
    reset = next(each for each in page.form.rows["idle_minutes"].findChildren(QPushButton) if each.isVisible())
    assert reset.text() == "Reset to 3 min"
    reset.click()
    assert spin(page, "idle_minutes").value() == 3
    assert not reset.isVisible()
    page.desk.save()
    engine.deliver()
    assert engine.settings.texts["idle_minutes"] == "3"


def test_undo_brings_back_what_is_stored(page: SettingsPage, engine: MemoryEngine) -> None:
    spin(page, "idle_minutes").setValue(10)
    page.desk.undo()
    assert spin(page, "idle_minutes").value() == 3
    assert not page.foot_words.isVisible()
    page.desk.save()
    assert engine.asked(SetSetting) == []


def test_a_switch_and_a_choice_pass_on_their_words(page: SettingsPage, engine: MemoryEngine) -> None:
    box = page.form.rows["run_on_battery"].findChild(QCheckBox)
    choice = page.form.rows["when_to_run"].findChild(QComboBox)
    assert box is not None
    assert choice is not None
    box.click()
    choice.setCurrentIndex(2)
    choice.activated.emit(2)
    page.desk.save()
    engine.deliver()
    assert dict(engine.settings.texts) == {"run_on_battery": "on", "when_to_run": "always"}


def test_hours_are_painted_with_the_keyboard(page: SettingsPage, engine: MemoryEngine) -> None:
    grid = page.form.rows["hours"].findChild(HoursGrid)
    assert grid is not None
    assert grid.accessibleName() == "Hours: Monday 0:00 to 1:00, may run"
    QTest.keyClick(grid, Qt.Key.Key_Down)
    QTest.keyClick(grid, Qt.Key.Key_Right)
    QTest.keyClick(grid, Qt.Key.Key_Space)
    assert grid.accessibleName() == "Hours: Tuesday 1:00 to 2:00, must not run"
    page.desk.save()
    engine.deliver()
    stored = engine.settings.get(HOURS)
    assert not stored.open_at(1, 60)
    assert stored.open_at(1, 59)
    assert stored.open_at(1, 120)
    assert stored.open_at(0, 60)


def test_a_pattern_that_is_none_is_told_and_not_passed_on(page: SettingsPage, engine: MemoryEngine) -> None:
    line = page.form.rows["hours"].findChild(QLineEdit)
    assert line is not None
    line.selectAll()
    QTest.keyClicks(line, "mo-fr 25:00")
    assert '"mo-fr 25:00" is no span of hours.' in seen(page, "hours")
    assert page.foot_words.text() == "What is marked above cannot be used yet."
    page.desk.save()
    assert engine.asked(SetSetting) == []
    assert line.text() == "mo-fr 25:00"


def test_a_device_s_own_bounds_hold_and_no_cap_stays_possible(
    page: SettingsPage, engine: MemoryEngine, qtbot: QtBot
) -> None:
    address = f"power_cap_watts@{CARD}"
    engine.bounds[address] = {"minimum": 95, "maximum": 200}
    engine.change("idle_minutes", "5")
    show(page, engine, qtbot)
    box = spin(page, address)
    assert box.text() == "No cap"
    assert "No cap, or 95 to 200 W" in seen(page, address)
    box.stepUp()
    assert box.value() == 95
    box.selectAll()
    QTest.keyClicks(box, "7")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert box.value() == 95
    box.setValue(9_999)
    assert box.value() == 200
    for _ in range(200):
        box.stepDown()
    assert box.text() == "No cap"


def test_what_cannot_be_kept_is_explained_instead_of_offered(
    page: SettingsPage, engine: MemoryEngine, qtbot: QtBot
) -> None:
    engine.bounds["power_cap_watts@cpu"] = {"unavailable": "no_power_sensor"}
    engine.bounds["when_to_run"] = {"withheld": {"idle": "idle_unknown"}}
    engine.change("idle_minutes", "5")
    show(page, engine, qtbot)
    assert page.form.rows["power_cap_watts@cpu"].findChild(QSpinBox) is None
    assert "The power of this device cannot be read" in seen(page, "power_cap_watts@cpu")
    assert '"While I am away" cannot be offered here: It cannot be known here whether' in seen(page, "when_to_run")
    choice = page.form.rows["when_to_run"].findChild(QComboBox)
    assert choice is not None
    assert not choice.model().flags(choice.model().index(0, 0)) & Qt.ItemFlag.ItemIsEnabled
    assert choice.model().flags(choice.model().index(1, 0)) & Qt.ItemFlag.ItemIsEnabled


def test_a_setting_is_brought_into_view_by_its_address_or_its_key(
    page: SettingsPage, engine: MemoryEngine, qtbot: QtBot
) -> None:
    page.show_setting("disk_free_min_mb")
    assert page.focusWidget() is spin(page, "disk_free_min_mb")
    assert not page.form.rows["disk_free_min_mb"].visibleRegion().isEmpty()
    page.show_setting("speed_limit_percent")
    assert page.focusWidget() is spin(page, f"speed_limit_percent@{CARD}")
    page.show_setting("speed_limit_percent@cpu")
    assert page.focusWidget() is spin(page, "speed_limit_percent@cpu")


def test_a_setting_that_is_not_there_yet_is_shown_as_soon_as_it_is(
    qtbot: QtBot, tools: PageTools, engine: MemoryEngine
) -> None:
    page = SettingsPage(tools)
    qtbot.addWidget(page)
    page.show()
    page.show_snapshot(engine.snapshot)
    page.show_setting("start_at_logon")
    engine.deliver()
    qtbot.waitUntil(lambda: "start_at_logon" in page.form.rows)
    qtbot.waitUntil(lambda: page.focusWidget() is page.form.rows["start_at_logon"].findChild(QComboBox))


def test_a_search_leaves_what_it_finds(page: SettingsPage) -> None:
    page.search.setText("battery")
    shown = {address for address, row in page.form.rows.items() if row.isVisible()}
    assert "run_on_battery" in shown
    assert "idle_minutes" not in shown
    page.search.clear()
    assert all(row.isVisible() for row in page.form.rows.values())


def test_without_an_engine_nothing_can_be_changed_and_nothing_is_lost(
    page: SettingsPage, engine: MemoryEngine, qtbot: QtBot
) -> None:
    spin(page, "idle_minutes").setValue(10)
    page.show_snapshot(None)
    assert not spin(page, "idle_minutes").isEnabled()
    page.desk.save()
    assert engine.asked(SetSetting) == []
    show(page, engine, qtbot)
    assert spin(page, "idle_minutes").isEnabled()
    assert spin(page, "idle_minutes").value() == 10


def test_an_engine_that_does_not_answer_is_told_and_asked_again(
    qtbot: QtBot, tools: PageTools, engine: MemoryEngine
) -> None:
    page = SettingsPage(tools)
    qtbot.addWidget(page)
    page.show()
    engine.refuses = UnavailableError("engine.silent", seconds=5)
    page.show_snapshot(engine.snapshot)
    engine.deliver()
    assert page.foot_words.text().startswith("The engine did not answer within 5 s.")
    engine.refuses = None
    show(page, engine, qtbot)
    assert not page.foot_words.isVisible()


def test_a_conflict_is_shown_with_the_way_to_the_setting_that_resolves_it(
    page: SettingsPage, engine: MemoryEngine
) -> None:
    conflict = ConflictSnapshot("hours_ignored", {"hours": "mo 10:00-12:00"}, "when_to_run")
    page.show_snapshot(msgspec.structs.replace(engine.snapshot, conflicts=(conflict,)))
    texts = [text.text() for text in page.conflicts.findChildren(Text) if text.isVisible()]
    assert texts == ["You chose always, so your hours (mo 10:00-12:00) do not matter."]
    page.conflicts.findChildren(QPushButton)[0].click()
    assert page.focusWidget() is page.form.rows["when_to_run"].findChild(QComboBox)
    page.show_snapshot(engine.snapshot)
    assert not page.conflicts.isVisible()


def test_a_preview_tells_a_conflict_that_a_value_would_bring(
    page: SettingsPage, engine: MemoryEngine, qtbot: QtBot
) -> None:
    engine.conflicts = lambda _address, _text: [ConflictSnapshot("devices_off", {}, "device_use@cpu")]
    spin(page, "idle_minutes").setValue(10)
    preview(page, engine, qtbot)
    assert "You switched every device off, so nothing ever computes." in seen(page, "idle_minutes")


def test_programs_are_typed_and_checked(page: SettingsPage, engine: MemoryEngine) -> None:
    line = page.form.rows["pause_programs"].findChild(QLineEdit)
    assert line is not None
    line.selectAll()
    QTest.keyClicks(line, "blender; C:\\bad")
    assert "pause_programs cannot be" in seen(page, "pause_programs")
    line.selectAll()
    QTest.keyClicks(line, "blender; obs64.exe")
    page.desk.save()
    engine.deliver()
    assert engine.settings.texts["pause_programs"] == "blender; obs64.exe"


def test_settings_that_were_lost_are_told(page: SettingsPage, engine: MemoryEngine) -> None:
    error = ErrorSnapshot("settings.dropped", {"path": "settings.json.damaged", "keys": "hours"}, None)
    page.show_snapshot(msgspec.structs.replace(engine.snapshot, settings_error=error))
    shown = [text.text() for text in page.findChildren(Text) if text.isVisible()]
    assert any(text.startswith("Some of your settings could not be understood") for text in shown)


def test_a_device_that_goes_takes_its_settings_along(page: SettingsPage, engine: MemoryEngine, qtbot: QtBot) -> None:
    engine.snapshot = msgspec.structs.replace(engine.snapshot, devices=engine.snapshot.devices[1:])
    show(page, engine, qtbot)
    qtbot.waitUntil(lambda: f"speed_limit_percent@{CARD}" not in page.form.rows)
    assert "speed_limit_percent@cpu" in page.form.rows


def test_scrolling_past_a_number_or_a_list_changes_neither(page: SettingsPage, engine: MemoryEngine) -> None:
    from PySide6.QtCore import QPoint, QPointF
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    for widget in (spin(page, "idle_minutes"), page.form.rows["when_to_run"].findChild(QComboBox)):
        assert widget is not None
        wheel = QWheelEvent(
            QPointF(5, 5), QPointF(5, 5), QPoint(0, -120), QPoint(0, -120), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(widget, wheel)
    assert page.desk.edits.unsaved == {}


def test_a_kind_of_option_without_a_control_gets_a_checked_line(qtbot: QtBot, tools: PageTools) -> None:
    said: list[str] = []
    editor = TextEditor(HOURS, "Hours", tools.words)
    qtbot.addWidget(editor)
    editor.edited.connect(said.append)
    editor.refused.connect(said.append)
    line = editor.focusProxy()
    assert isinstance(line, QLineEdit)
    QTest.keyClicks(line, "mo 10:00-12:00")
    assert said[-1] == "mo 10:00-12:00"
    assert said[0] == '"m" is no span of hours. Use a pattern such as mo-fr 22:00-07:00, or always.'


def test_every_control_has_a_name_for_a_screen_reader(page: SettingsPage) -> None:
    kinds = (QSpinBox, QComboBox, QCheckBox, QPushButton, QLineEdit)
    nameless = [
        widget
        for kind in kinds
        for widget in page.findChildren(kind)
        if widget.objectName() != "qt_spinbox_lineedit"
        and not (widget.accessibleName() or getattr(widget, "text", str)())
    ]
    assert nameless == []


def test_a_switch_says_its_state_in_a_word_and_emits_only_for_the_person(
    page: SettingsPage, engine: MemoryEngine, qtbot: QtBot
) -> None:
    box = page.form.rows["run_on_battery"].findChild(QCheckBox)
    assert box is not None
    assert box.text() == "Off"
    engine.change("run_on_battery", "on")
    page.show_snapshot(engine.snapshot)
    engine.deliver()
    assert box.text() == "On"
    assert page.desk.edits.unsaved == {}
    QTest.keyClick(box, Qt.Key.Key_Space)
    assert page.desk.edits.unsaved == {"run_on_battery": "off"}
