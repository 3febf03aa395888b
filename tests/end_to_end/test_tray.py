"""A real tray on a real (virtual) screen: the icon is there, its menu opens, and what is chosen reaches the engine."""

import os
import sys
from pathlib import Path

import pytest

from sparewatt.control.address import SocketAddress
from sparewatt.testing.control_engine import ControlEngine, served
from sparewatt_desktop.platform.place import place_of
from sparewatt_desktop.testing.virtual_screen import VirtualScreen, running, until

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="needs a screen of its own, which Xvfb gives on Linux alone"),
]


def test_the_icon_is_in_the_tray_and_its_menu_pauses(screen: VirtualScreen, tmp_path: Path) -> None:
    place = place_of(tmp_path / "data", str(screen.runtime), str(tmp_path))
    path = Path(place.server)
    engine = ControlEngine()
    command = (sys.executable, "-P", "-m", "sparewatt_desktop", "--no-engine", "--data-folder", str(tmp_path / "data"))
    address = SocketAddress(path.parent, path.name)
    with served(engine, address), running(*command, environment=screen.environment) as desktop:
        until(lambda: bool(screen.windows("--name", "Contributing")), "the window shows the engine's state")
        tray = screen.windows("--class", "trayer")[0]
        # An empty tray is two pixels wide; one with an icon is as wide as it is high.
        until(lambda: screen.place_of(tray)["WIDTH"] >= 16, "the icon is in the tray")
        found = screen.place_of(tray)
        middle = (str(found["X"] + found["WIDTH"] // 2), str(found["Y"] + found["HEIGHT"] // 2))
        screen.type("mousemove", *middle, "click", "3")
        until(lambda: len(screen.windows("--pid", str(desktop.pid))) >= 2, "the menu is open")
        picture = os.environ.get("SPAREWATT_TRAY_PICTURE")
        if picture:
            screen.photograph(picture)
        # Past the state, which cannot be chosen, to "Pause"; into it; and its last line.
        screen.type("key", "Down", "Right", "Up", "Return")
        until(lambda: ("pause", 0) in engine.commands, "the pause until resumed reaches the engine")

        screen.type("search", "--name", "Contributing", "windowclose")
        assert desktop.poll() is None, "closing the window does not end the desktop"
