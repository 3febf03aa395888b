"""Joining and leaving."""

from collections.abc import Callable

import msgspec
import pytest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from sparewatt.errors import RefusedError
from sparewatt.signing import digest, sign
from sparewatt.testing.run import FakeRun
from sparewatt.testing.snapshots import RUN
from sparewatt.work.invite import Invite, format_invite, parse_invite
from sparewatt.work.manifest import MANIFEST_KIND, Manifest
from sparewatt_desktop.testing.scenes import HOSTILE_TITLE
from sparewatt_desktop.testing.stage import Stage

Make = Callable[[str], Stage]


@pytest.fixture
def opened(stage: Make) -> Stage:
    made = stage("contributing")
    made.desktop.window.open_page("join")
    return made


def page(stage: Stage) -> QWidget:
    return stage.desktop.window._made["join"]


def texts(stage: Stage) -> str:
    labels = (label for label in page(stage).findChildren(QLabel) if label.isVisibleTo(page(stage)))
    return "\n".join(label.text() for label in labels)


def press(stage: Stage, text: str) -> None:
    found = [each for each in page(stage).findChildren(QPushButton) if each.isVisibleTo(page(stage))]
    next(each for each in found if each.text() == text).click()


def paste(stage: Stage, text: str) -> None:
    field = page(stage).findChild(QLineEdit, "invite")
    assert field is not None
    field.setText(text)
    press(stage, "Show the run")


def consented(stage: Stage, manifest: Manifest) -> None:
    """Let the invite lead to another manifest."""
    made = FakeRun()
    stage.engine.manifest = sign(MANIFEST_KIND, manifest, made.run_key)
    stage.invite = format_invite(Invite("wss://x.example:1", digest(manifest), made.run_key_sha256, "s" * 32))


def test_what_is_shown_is_what_is_consented_to(opened: Stage, qtbot: QtBot) -> None:
    paste(opened, f"  {opened.invite}\n")
    qtbot.waitUntil(lambda: "Weather notes" in texts(opened))
    run = parse_invite(opened.invite).run
    for part in ("Institute of Mountain Weather", "CC0-1.0", "310 MB at first", "at most 1.5 GB", "at most 4.2 GB",
                 "Unaudited", "reaches only its own folder", run):  # fmt: skip
        assert part in texts(opened)
    press(opened, "Contribute to this run")
    qtbot.waitUntil(lambda: "Joined." in texts(opened))
    assert opened.engine.commands == [("join", opened.invite, run)]
    assert "Weather notes" not in texts(opened)


@pytest.mark.parametrize("text", ["", "hello", "sparewatt+wss://", "https://x.example/", "\x00" * 50, "a" * 4_000])
def test_what_is_no_invite_is_told_without_asking_anybody(opened: Stage, text: str) -> None:
    opened.engine.refuses = AssertionError  # type: ignore[assignment]
    paste(opened, text)
    assert "invite" in texts(opened).lower()
    assert "Weather notes" not in texts(opened)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_half_pasted_invite_is_told_as_such(opened: Stage, share: float) -> None:
    paste(opened, opened.invite[: int(len(opened.invite) * share)])
    assert "This is no whole invite" in texts(opened)


def test_a_manifest_that_is_not_the_invite_s_is_never_shown(opened: Stage, qtbot: QtBot) -> None:
    other = msgspec.structs.replace(FakeRun().manifest, title="Something else")
    opened.engine.manifest = sign(MANIFEST_KIND, other, FakeRun().run_key)
    paste(opened, opened.invite)
    qtbot.waitUntil(lambda: "not the one that the invite names" in texts(opened))
    assert "Something else" not in texts(opened)


def test_a_coordinator_that_cannot_be_reached_is_one_sentence(opened: Stage, qtbot: QtBot) -> None:
    opened.engine.manifest = None
    paste(opened, opened.invite)
    qtbot.waitUntil(lambda: "connection to the coordinator was lost" in texts(opened))


def test_a_refused_consent_can_be_given_again(opened: Stage, qtbot: QtBot) -> None:
    paste(opened, opened.invite)
    qtbot.waitUntil(lambda: "Weather notes" in texts(opened))
    opened.engine.refuses = RefusedError("invite.used_up")
    press(opened, "Contribute to this run")
    qtbot.waitUntil(lambda: "was used as often as it may be" in texts(opened))
    opened.engine.refuses = None
    press(opened, "Contribute to this run")
    qtbot.waitUntil(lambda: "Joined." in texts(opened))


def test_the_answer_to_an_earlier_question_is_not_shown(opened: Stage, qtbot: QtBot) -> None:
    paste(opened, opened.invite)
    page(opened)._decline()  # type: ignore[attr-defined]
    qtbot.wait(50)
    assert "Weather notes" not in texts(opened)


def test_markup_in_a_manifest_is_plain(opened: Stage, qtbot: QtBot) -> None:
    title = "<h1>Free money</h1><img src='https://x.example/x.png'>"
    consented(opened, msgspec.structs.replace(FakeRun().manifest, title=title))
    paste(opened, opened.invite)
    qtbot.waitUntil(lambda: title in texts(opened))


@pytest.mark.parametrize("title", [HOSTILE_TITLE, "line\nbreak", "bell\x07"])
def test_a_manifest_that_breaks_the_rules_of_titles_is_not_shown(opened: Stage, qtbot: QtBot, title: str) -> None:
    consented(opened, msgspec.structs.replace(FakeRun().manifest, title=title))
    paste(opened, opened.invite)
    qtbot.waitUntil(lambda: "Do not join" in texts(opened))
    assert "money" not in texts(opened)


def test_a_changed_manifest_of_the_same_organiser_says_what_changed(opened: Stage, qtbot: QtBot) -> None:
    made = FakeRun()
    opened.engine.joined_manifest = made.signed_manifest
    consented(opened, msgspec.structs.replace(made.manifest, licence="proprietary"))
    paste(opened, opened.invite)
    qtbot.waitUntil(lambda: "What changed since you joined" in texts(opened))
    assert "was: CC0-1.0" in texts(opened)


def test_a_run_that_is_joined_is_not_joined_again(opened: Stage) -> None:
    paste(opened, f"sparewatt+wss://x.example:7520/{RUN}/{'0' * 64}#{'s' * 32}")
    assert "You contribute to this run already." in texts(opened)


def test_leaving_is_asked_once_more(opened: Stage, qtbot: QtBot) -> None:
    press(opened, "Leave…")
    assert "Receipts and credit are kept" in texts(opened)
    press(opened, "Stay")
    assert opened.engine.commands == []
    press(opened, "Leave…")
    press(opened, "Leave")
    qtbot.waitUntil(lambda: opened.engine.commands == [("leave", RUN)])


def test_a_changed_run_says_what_is_new_and_takes_consent_to_exactly_that(stage: Make, qtbot: QtBot) -> None:
    made = stage("run-changed")
    made.desktop.window.open_page("join")
    qtbot.waitUntil(lambda: "Licence: CC-BY-4.0 → CC-BY-NC-4.0" in texts(made))
    shown = texts(made)
    assert "Disk: 1.5 GB → 4.0 GB" in shown
    press(made, "Agree and go on")
    qtbot.waitUntil(lambda: made.engine.commands == [("consent_again", RUN, "cd" * 32)])


def test_a_consent_that_is_refused_can_be_given_again(stage: Make, qtbot: QtBot) -> None:
    made = stage("run-changed")
    made.desktop.window.open_page("join")
    made.engine.refuses = RefusedError("run.refused", reason="revoked")
    qtbot.waitUntil(lambda: "This run has changed" in texts(made))
    press(made, "Agree and go on")
    button = next(each for each in page(made).findChildren(QPushButton) if each.text() == "Agree and go on")
    qtbot.waitUntil(button.isEnabled)


def test_a_run_that_has_not_changed_asks_for_nothing(opened: Stage) -> None:
    assert "This run has changed" not in texts(opened)


def test_how_strongly_training_is_held_in(stage: Make) -> None:
    made = stage("not-isolated")
    made.desktop.window.open_page("join")
    assert "can still open connections, gain rights by programs that grant them." in texts(made)
