"""The first page."""

from collections.abc import Callable

import msgspec
import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from sparewatt.errors import ConflictError
from sparewatt.settings.values import Settings
from sparewatt_desktop.pages.status import Hero
from sparewatt_desktop.testing.scenes import SCENES
from sparewatt_desktop.testing.stage import Stage

Make = Callable[[str], Stage]


def texts(stage: Stage) -> str:
    """All that can be read on the page."""
    page = stage.desktop.window._made["status"]
    labels = (label for label in page.findChildren(QLabel) if label.isVisibleTo(page))
    return "\n".join(label.accessibleName() or label.text() for label in labels)


def button(stage: Stage, text: str) -> QPushButton:
    page = stage.desktop.window._made["status"]
    return next(each for each in page.findChildren(QPushButton) if each.text() == text and each.isVisibleTo(page))


@pytest.mark.parametrize("scene", SCENES)
def test_every_scene_says_its_sentence(stage: Make, scene: str) -> None:
    made = stage(scene)
    state = made.desktop.watch.state
    assert state.title in texts(made)
    assert state.sentence in texts(made)


def test_what_is_trained_for_whom_under_which_licence_and_what_came_of_it(stage: Make) -> None:
    shown = texts(stage("contributing"))
    for part in ("Tales for everyone", "Library of Ulm", "CC-BY-4.0", "unaudited", "1.20", "18.40",
                 "104 W", "66 °C", "Inner step 18 of 30"):  # fmt: skip
        assert part in shown


def test_the_button_resumes_exactly_a_pause(stage: Make, qtbot: QtBot) -> None:
    made = stage("paused")
    button(made, "Resume").click()
    qtbot.waitUntil(lambda: made.engine.commands == [("resume",)])


def test_the_button_changes_exactly_the_setting_with_the_newest_revision(stage: Make, qtbot: QtBot) -> None:
    made = stage("battery")
    made.bridge.stand(made.bridge.link, msgspec.structs.replace(SCENES["battery"].snapshot, settings_revision=99))
    made.engine.settings = Settings(99, {})
    button(made, "Run on battery, too").click()
    qtbot.waitUntil(lambda: made.engine.commands == [("set", 99, "run_on_battery", "on")])


def test_a_refusal_is_one_sentence_on_the_page(stage: Make, qtbot: QtBot) -> None:
    made = stage("paused")
    made.engine.refuses = ConflictError("settings.revision", seen=1, current=2)
    button(made, "Resume").click()
    qtbot.waitUntil(lambda: "changed meanwhile" in texts(made))


def test_the_pause_menu_sends_what_is_chosen(stage: Make, qtbot: QtBot) -> None:
    made = stage("contributing")
    menu = button(made, "Pause").menu()
    assert menu is not None
    menu.aboutToShow.emit()
    menu.actions()[-1].trigger()
    qtbot.waitUntil(lambda: made.engine.commands == [("pause", 0)])


def test_contribute_now_can_be_taken_back(stage: Make, qtbot: QtBot) -> None:
    made = stage("contribute-now")
    now = button(made, "Contributing whoever uses the computer, for 45 min more. Take it back")
    now.click()
    qtbot.waitUntil(lambda: made.engine.commands == [("contribute_now", 0)])


def test_cards_come_and_go_with_their_devices(stage: Make) -> None:
    made = stage("two-devices")
    assert "AMD Ryzen" in texts(made)
    made.play("contributing")
    assert "AMD Ryzen" not in texts(made)
    made.play("paused")
    assert "RTX 3060" not in texts(made), "a single device that rests is told by the state above"


def test_results_that_wait_for_the_coordinator_are_told(stage: Make) -> None:
    assert "2 finished results are kept here until then." in texts(stage("coordinator-gone"))


def test_a_pause_until_the_game_closes_is_offered_while_one_plays(stage: Make, qtbot: QtBot) -> None:
    made = stage("game-plays")
    hero = made.desktop.window._made["status"].findChild(Hero)
    assert hero is not None
    hero._fill_pauses()
    hero._menu.actions()[0].trigger()
    qtbot.waitUntil(lambda: made.engine.commands == [("pause_for_game",)])


def test_a_device_that_cools_down_says_so_and_leads_to_its_limit(stage: Make) -> None:
    state = stage("cooling-down").desktop.watch.state
    assert (state.mark, state.title) == ("limited", "Resting for your limits")
    assert "Cooling down: 76 °C" in state.sentence
    assert [action.label for action in state.actions] == ["Change this limit"]
