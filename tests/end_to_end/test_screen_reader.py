"""The desktop as a screen reader has it: over the accessibility bus, from another process."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from sparewatt.control.address import SocketAddress
from sparewatt.testing.control_engine import ControlEngine, Served, served
from sparewatt_desktop.platform.place import place_of
from sparewatt_desktop.testing.assistive import Part, ScreenReader, screen_reader
from sparewatt_desktop.testing.scenes import SCENES
from sparewatt_desktop.testing.virtual_screen import VirtualScreen, running, until

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        sys.platform != "linux", reason="asks as a screen reader does, over AT-SPI, which Linux alone has"
    ),
]

PAGES = ("Status", "Runs", "Training", "Devices", "Receipts", "Energy", "Settings")
# What Qt says of a widget whose kind it does not know.
NO_ROLE = ("filler", "unknown", "invalid", "")
# What keys do to it is told by its value, not by its name; a label beside it says what it is for.
NAMED_BY_LABEL = ("combo box",)
SHOW_AGAIN_S = 2.0


@pytest.fixture
def engine() -> ControlEngine:
    return ControlEngine(snapshot=SCENES["two-devices"].snapshot)


@pytest.fixture
def serving(engine: ControlEngine, screen: VirtualScreen, tmp_path: Path) -> Iterator[Served]:
    path = Path(place_of(tmp_path / "data", str(screen.runtime), str(tmp_path)).server)
    with served(engine, SocketAddress(path.parent, path.name)) as serving, heard_again_and_again(serving):
        yield serving


@pytest.fixture
def reader(serving: Served, screen: VirtualScreen, tmp_path: Path) -> Iterator[ScreenReader]:
    """A screen reader, and the desktop before it."""
    command = (sys.executable, "-P", "-m", "sparewatt_desktop", "--no-engine", "--data-folder", str(tmp_path / "data"))
    with screen_reader(screen.bus) as reader, running(*command, environment=screen.environment):
        yield reader


@contextmanager
def heard_again_and_again(serving: Served) -> Iterator[None]:
    """An engine that says nothing for long counts as one that does not answer."""
    over = threading.Event()

    def show() -> None:
        while not over.wait(SHOW_AGAIN_S):
            serving.show(serving.engine.snapshot)

    thread = threading.Thread(target=show)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def name_of(part: Part) -> str:
    return part.label if part.role in NAMED_BY_LABEL else part.name


def chosen(reader: ScreenReader, page: str) -> bool:
    return "checked" in reader.find(page, "check box").states


def test_whatever_takes_keys_on_any_page_has_a_name_and_a_role(reader: ScreenReader) -> None:
    for page in PAGES:
        reader.act(reader.find(page, "check box"), "Press")
        until(partial(chosen, reader, page), f"{page} is chosen")
        parts = [part for part in reader.seen() if part.takes_keys]
        nameless = [part for part in parts if not name_of(part).strip() or part.role in NO_ROLE]
        assert nameless == [], page
        assert len(parts) > len(PAGES), f"{page} has more than the rail"


def test_settings_of_several_devices_are_told_apart(reader: ScreenReader) -> None:
    reader.act(reader.find("Settings", "check box"), "Press")
    reader.find("Price of power", "spin box")
    names = [(part.role, name_of(part)) for part in reader.seen() if part.takes_keys]
    fields = [each for each in names if each[0] in ("combo box", "spin box", "check box", "text", "canvas")]
    assert len(fields) > 30
    assert sorted(fields) == sorted(set(fields))


def test_the_state_is_read_and_the_pause_is_pressed(
    reader: ScreenReader, serving: Served, engine: ControlEngine, screen: VirtualScreen
) -> None:
    reader.find("Contributing – Sparewatt", "frame")
    reader.find("Contributing. Training on 2 devices.", "panel")
    reader.act(reader.find("Pause", "button menu"), "ShowMenu", "Press")
    choice = reader.hear("Until I resume", lambda: screen.type("key", "Up"))
    assert choice.role == "menu item"
    reader.act(choice, "Press")
    until(lambda: ("pause", 0) in engine.commands, "the pause reaches the engine")

    serving.show(SCENES["paused-until-resumed"].snapshot)
    reader.act(reader.find("Resume", "push button"), "Press")
    until(lambda: ("resume",) in engine.commands, "so does the end of it")


def test_a_switch_is_turned_over_and_read_again(reader: ScreenReader, engine: ControlEngine) -> None:
    reader.act(reader.find("Settings", "check box"), "Press")
    switch = reader.find("Run on battery", "check box")
    assert "checked" not in switch.states
    reader.act(switch, "Toggle")
    reader.act(reader.find("Save", "push button"), "Press")
    until(lambda: any(command[2:] == ("run_on_battery", "on") for command in engine.commands), "the engine is told")
    until(lambda: "checked" in reader.find("Run on battery", "check box").states, "it is read as on")
