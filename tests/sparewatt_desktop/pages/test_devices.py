"""What a person sees and does on the page of devices."""

import msgspec
import pytest
from PySide6.QtWidgets import QComboBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from sparewatt.control.messages import DevicePresets, Discover, ListSettings, PresetValue
from sparewatt.errors import UnavailableError
from sparewatt_desktop.page import PageTools
from sparewatt_desktop.pages.devices import DevicesPage
from sparewatt_desktop.testing.examples import CARD, card
from sparewatt_desktop.testing.memory_engine import MemoryEngine
from sparewatt_desktop.widgets.device_card import DeviceCard
from sparewatt_desktop.widgets.text import Text

PRESETS = (
    PresetValue("quiet", 90, 65, 100, "measured"),
    PresetValue("balanced", 140, 75, 100, "measured"),
    PresetValue("full", None, 83, 100, "none"),
)


@pytest.fixture
def engine() -> MemoryEngine:
    return MemoryEngine(presets=(DevicePresets(CARD, PRESETS),))


@pytest.fixture
def page(qtbot: QtBot, tools: PageTools, engine: MemoryEngine) -> DevicesPage:
    made = DevicesPage(tools)
    qtbot.addWidget(made)
    made.resize(760, 900)
    made.show()
    made.show_snapshot(engine.snapshot)
    engine.deliver()
    return made


def cards(page: DevicesPage) -> dict[str, DeviceCard]:
    return {each.accessibleName(): each for each in page.findChildren(DeviceCard)}


def words(widget: QWidget) -> str:
    return "\n".join(text.text() for text in widget.findChildren(Text) if text.isVisible())


def test_each_device_has_a_card_with_its_state_and_sensors(page: DevicesPage) -> None:
    shown = cards(page)
    assert shown.keys() == {"NVIDIA GeForce RTX 4070", "AMD Ryzen 7 5800X (7 threads)"}
    graphics = words(shown["NVIDIA GeForce RTX 4070"])
    assert "Training on NVIDIA GeForce RTX 4070 at 78 % of its time, to stay under your watts." in graphics
    assert "174 W" in graphics
    assert "66 °C" in graphics
    assert "Outside your hours (mo-fr 22:00-07:00)." in words(shown["AMD Ryzen 7 5800X (7 threads)"])


def test_a_device_is_switched_off_and_the_engine_s_value_shows(page: DevicesPage, engine: MemoryEngine) -> None:
    choice = cards(page)["NVIDIA GeForce RTX 4070"].findChild(QComboBox)
    assert choice is not None
    assert choice.currentText() == "By my rules"
    choice.setCurrentIndex(2)
    choice.activated.emit(2)
    engine.deliver()
    assert engine.settings.texts == {f"device_use@{CARD}": "never"}
    assert choice.currentText() == "Never"


def test_a_switch_that_met_a_conflict_shows_what_holds(page: DevicesPage, engine: MemoryEngine) -> None:
    engine.change(f"device_use@{CARD}", "always")
    choice = cards(page)["NVIDIA GeForce RTX 4070"].findChild(QComboBox)
    assert choice is not None
    choice.activated.emit(2)
    engine.deliver()
    assert choice.currentText() == "Always"
    assert "The settings were changed meanwhile" in words(page)


def test_looking_again_asks_the_engine(page: DevicesPage, engine: MemoryEngine) -> None:
    button = next(each for each in page.findChildren(QPushButton) if each.text() == "Look again")
    button.click()
    assert len(engine.asked(Discover)) == 1
    assert "Looking for devices and their sensors." in words(page)


def test_limits_are_changed_on_the_page_of_settings(page: DevicesPage, opened: list[str]) -> None:
    button = next(
        each
        for each in cards(page)["NVIDIA GeForce RTX 4070"].findChildren(QPushButton)
        if each.text() == "Change its limits"
    )
    button.click()
    assert opened == [f"speed_limit_percent@{CARD}"]


def test_a_device_that_goes_takes_its_card_along(page: DevicesPage, engine: MemoryEngine, qtbot: QtBot) -> None:
    page.show_snapshot(msgspec.structs.replace(engine.snapshot, devices=engine.snapshot.devices[1:]))
    qtbot.waitUntil(lambda: cards(page).keys() == {"AMD Ryzen 7 5800X (7 threads)"})
    page.show_snapshot(msgspec.structs.replace(engine.snapshot, devices=()))
    assert "No device was found yet." in words(page)


def test_without_an_engine_nothing_pretends_to_be_of_now(page: DevicesPage) -> None:
    page.show_snapshot(None)
    assert "The engine cannot be heard" in words(page)
    assert not any(each.isEnabled() for each in page.findChildren(DeviceCard))


def test_an_engine_that_refuses_is_told(page: DevicesPage, engine: MemoryEngine) -> None:
    engine.refuses = UnavailableError("engine.silent", seconds=5)
    engine.change("idle_minutes", "5")
    page.show_snapshot(engine.snapshot)
    engine.deliver()
    assert "The engine did not answer within 5 s." in words(page)


def test_live_values_ask_for_nothing(page: DevicesPage, engine: MemoryEngine) -> None:
    for watts in range(100, 120):
        sensors = msgspec.structs.replace(card().sensors, power_mean_watts=float(watts))
        page.show_snapshot(msgspec.structs.replace(engine.snapshot, devices=(card(sensors=sensors),)))
    assert "119 W" in words(page)
    assert len(engine.asked(ListSettings)) == 1


def test_a_name_from_a_driver_is_plain_text(page: DevicesPage, engine: MemoryEngine) -> None:
    hostile = "<h1>Card</h1>\u202e\n" + "x" * 10_000
    page.show_snapshot(msgspec.structs.replace(engine.snapshot, devices=(card(name=hostile),)))
    (name,) = [each for each in cards(page) if each.startswith("<h1>")]
    assert "\u202e" not in name
    assert "\n" not in name
    assert len(name) <= 200


def presets(page: DevicesPage) -> dict[str, QPushButton]:
    card_ = cards(page)["NVIDIA GeForce RTX 4070"]
    return {each.text(): each for each in card_.findChildren(QPushButton) if each.isCheckable()}


def test_presets_show_their_numbers_and_what_they_were_made_from(page: DevicesPage) -> None:
    assert list(presets(page)) == ["Quiet\n90 W · 65 °C", "Balanced\n140 W · 75 °C", "Full\nno cap · 83 °C"]
    assert "Made from what this device was measured to draw." in words(page)
    assert not any(each.isChecked() for each in presets(page).values())


def test_choosing_a_preset_sets_exactly_its_settings(page: DevicesPage, engine: MemoryEngine) -> None:
    presets(page)["Quiet\n90 W · 65 °C"].click()
    engine.deliver()
    assert engine.settings.texts == {f"power_cap_watts@{CARD}": "90", f"temperature_limit_celsius@{CARD}": "65"}
    assert [name for name, each in presets(page).items() if each.isChecked()] == ["Quiet\n90 W · 65 °C"]


def test_numbers_of_one_s_own_are_no_preset(page: DevicesPage, engine: MemoryEngine) -> None:
    presets(page)["Quiet\n90 W · 65 °C"].click()
    engine.deliver()
    engine.change(f"power_cap_watts@{CARD}", "91")
    page.show_snapshot(engine.snapshot)
    engine.deliver()
    assert not any(each.isChecked() for each in presets(page).values())


def test_a_preset_that_is_refused_says_why(page: DevicesPage, engine: MemoryEngine) -> None:
    engine.refuses = UnavailableError("engine.silent", seconds=5)
    presets(page)["Quiet\n90 W · 65 °C"].click()
    engine.deliver()
    assert "The engine did not answer within 5 s." in words(page)
    assert engine.settings.texts == {}


def test_how_fast_it_was_free_is_told(page: DevicesPage, engine: MemoryEngine) -> None:
    freed = card(released_milliseconds=412)
    page.show_snapshot(msgspec.structs.replace(engine.snapshot, devices=(freed,)))
    assert "freed in 0.4 s" in words(page)
