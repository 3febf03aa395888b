"""A real tray on a real (virtual) screen: the icon is there, its menu opens, and what is chosen reaches the engine."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sparewatt.control.address import SocketAddress
from sparewatt.testing.control_engine import ControlEngine, served
from sparewatt_desktop.platform.place import place_of

PROGRAMS = ("Xvfb", "openbox", "trayer", "xdotool", "scrot", "dbus-run-session")
LONG_S = 60.0

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is Linux's"),
]


def until(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


@contextmanager
def running(*command: str, environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of programs on a screen with a window manager and a tray."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    assert missing == [], f"this test needs {', '.join(missing)}: see dev.py"
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    told, tells = os.pipe()
    with ExitStack() as stack:
        process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(tells), "-screen", "0", "1200x800x24", "-nolisten", "tcp"],
            pass_fds=(tells,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        stack.callback(process.wait, 10)
        stack.callback(process.terminate)
        os.close(tells)
        with os.fdopen(told) as answer:
            display = f":{answer.readline().strip()}"
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = {**inherited, "DISPLAY": display, "XDG_RUNTIME_DIR": str(runtime), "QT_QPA_PLATFORM": "xcb"}
        stack.enter_context(running("openbox", environment=environment))
        tray = ("trayer", "--edge", "bottom", "--align", "right", "--widthtype", "request", "--height", "32")
        stack.enter_context(running(*tray, environment=environment))
        until(lambda: bool(_windows(environment, "--class", "trayer")), "the tray is there")
        yield environment


def _xdotool(environment: dict[str, str], *arguments: str) -> str:
    ran = subprocess.run(
        ["xdotool", *arguments], env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    return ran.stdout


def _windows(environment: dict[str, str], *look: str) -> list[str]:
    return _xdotool(environment, "search", "--onlyvisible", *look).split()


def _place_of(environment: dict[str, str], window: str) -> dict[str, int]:
    lines = _xdotool(environment, "getwindowgeometry", "--shell", window).splitlines()
    return {name: int(value) for name, _, value in (line.partition("=") for line in lines)}


def test_the_icon_is_in_the_tray_and_its_menu_pauses(screen: dict[str, str], tmp_path: Path) -> None:
    place = place_of(tmp_path / "data", screen["XDG_RUNTIME_DIR"], str(tmp_path))
    path = Path(place.server)
    engine = ControlEngine()
    command = (sys.executable, "-P", "-m", "sparewatt_desktop", "--no-engine", "--data-folder", str(tmp_path / "data"))
    with served(engine, SocketAddress(path.parent, path.name)), running(*command, environment=screen) as desktop:
        until(lambda: bool(_windows(screen, "--name", "Contributing")), "the window shows the engine's state")
        tray = _windows(screen, "--class", "trayer")[0]
        # An empty tray is two pixels wide; one with an icon is as wide as it is high.
        until(lambda: _place_of(screen, tray)["WIDTH"] >= 16, "the icon is in the tray")
        found = _place_of(screen, tray)
        middle = (str(found["X"] + found["WIDTH"] // 2), str(found["Y"] + found["HEIGHT"] // 2))
        _xdotool(screen, "mousemove", *middle, "click", "3")
        until(lambda: len(_windows(screen, "--pid", str(desktop.pid))) >= 2, "the menu is open")
        picture = os.environ.get("SPAREWATT_TRAY_PICTURE")
        if picture:
            subprocess.run(["scrot", "--overwrite", picture], env=screen, check=True, timeout=30)
        # Past the state, which cannot be chosen, to "Pause"; into it; and its last line.
        _xdotool(screen, "key", "Down", "Right", "Up", "Return")
        until(lambda: ("pause", 0) in engine.commands, "the pause until resumed reaches the engine")

        _xdotool(screen, "search", "--name", "Contributing", "windowclose")
        assert desktop.poll() is None, "closing the window does not end the desktop"
