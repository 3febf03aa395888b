"""A screen that nobody looks at, with a window manager, a tray and a message bus of its own."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROGRAMS: Final = ("Xvfb", "openbox", "trayer", "xdotool", "scrot", "dbus-daemon", "xprop")
# A bound for what a busy computer may need; nothing waits for it where all is well.
LONG_S: Final = 60.0
_INHERITED: Final = ("PATH", "HOME")


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for something; fails with `what` when it does not come."""
    end = time.monotonic() + LONG_S
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


@contextmanager
def running(*command: str, environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A program that is gone afterwards, whatever happened."""
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


@dataclass(frozen=True)
class VirtualScreen:
    """Attributes:
    environment: of programs that are to be seen on it.
    runtime: the person's runtime folder.
    """

    environment: dict[str, str]
    runtime: Path

    @property
    def bus(self) -> str:
        """The address of the session's message bus."""
        return self.environment["DBUS_SESSION_BUS_ADDRESS"]

    def type(self, *arguments: str) -> str:
        """What xdotool says when it moves the mouse, presses keys, or looks for windows."""
        ran = subprocess.run(
            ["xdotool", *arguments], env=self.environment, capture_output=True, text=True, check=False, timeout=30
        )
        return ran.stdout

    def windows(self, *look: str) -> list[str]:
        """Numbers of the windows that are seen."""
        return self.type("search", "--onlyvisible", *look).split()

    def place_of(self, window: str) -> dict[str, int]:
        """``X``, ``Y``, ``WIDTH`` and ``HEIGHT`` of a window."""
        lines = self.type("getwindowgeometry", "--shell", window).splitlines()
        return {name: int(value) for name, _, value in (line.partition("=") for line in lines)}

    def photograph(self, picture: str) -> None:
        """Save all that is seen."""
        subprocess.run(["scrot", "--overwrite", picture], env=self.environment, check=True, timeout=30)


@contextmanager
def virtual_screen(folder: Path) -> Iterator[VirtualScreen]:
    """A new screen; its programs are gone afterwards.

    Args:
        folder: for its runtime folder; a short path, because sockets lie in it.
    """
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    assert missing == [], f"this needs {', '.join(missing)}: see dev.py"
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environment = {**inherited, "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": str(runtime), "QT_QPA_PLATFORM": "xcb"}
    with ExitStack() as stack:
        screen = ("-screen", "0", "1200x800x24", "-nolisten", "tcp")
        number = stack.enter_context(_announced("-displayfd", "Xvfb", *screen, environment=environment))
        environment["DISPLAY"] = f":{number}"
        bus = ("dbus-daemon", "--session", "--nofork", "--nopidfile")
        address = stack.enter_context(_announced("--print-address", *bus, environment=environment))
        environment["DBUS_SESSION_BUS_ADDRESS"] = address
        stack.enter_context(running("openbox", environment=environment))
        # A tray that comes before its window manager may stay unseen for ever.
        until(lambda: _managed(environment), "the window manager is there")
        tray = ("trayer", "--edge", "bottom", "--align", "right", "--widthtype", "request", "--height", "32")
        stack.enter_context(running(*tray, environment=environment))
        made = VirtualScreen(environment, runtime)
        until(lambda: bool(made.windows("--class", "trayer")), "the tray is there")
        yield made


def _managed(environment: dict[str, str]) -> bool:
    """Whether a window manager has taken the screen (`_NET_SUPPORTING_WM_CHECK` of EWMH)."""
    asked = ("xprop", "-root", "_NET_SUPPORTING_WM_CHECK")
    ran = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False, timeout=30)
    return "window id" in ran.stdout


@contextmanager
def _announced(option: str, *command: str, environment: dict[str, str]) -> Iterator[str]:
    """A program that writes where it can be reached to the descriptor that `option` names."""
    told, tells = os.pipe()
    named = [f"{option}={tells}"] if option.startswith("--") else [option, str(tells)]
    process = subprocess.Popen(
        [*command, *named],
        env=environment,
        pass_fds=(tells,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(tells)
    try:
        with os.fdopen(told) as answer:
            yield answer.readline().strip()
    finally:
        process.terminate()
        process.wait(10)
