import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from sparewatt.host.state.games import AllGames, Player
from sparewatt.host.state.games_linux import FullScreenX11
from sparewatt.host.state.games_windows import WindowsGames, engine_percent
from sparewatt.host.unknown import Unknown
from sparewatt.host.x11 import X11Display

Server = tuple[str, "subprocess.Popen[str]"]
Until = Callable[[Callable[[], bool]], None]
# A window that asks the window manager for the whole screen when it is told to, and gives it back when told again.
WINDOW = """
import sys
from PySide6.QtWidgets import QApplication, QWidget
application = QApplication([])
window = QWidget()
window.show()
def changed():
    sys.stdin.readline()
    window.showNormal() if window.isFullScreen() else window.showFullScreen()
from PySide6.QtCore import QSocketNotifier
notifier = QSocketNotifier(0, QSocketNotifier.Type.Read)
notifier.activated.connect(changed)
application.exec()
"""


class Fixed:
    def __init__(self, found: tuple[Player, ...] | Unknown) -> None:
        self.found = found

    def read(self) -> tuple[Player, ...] | Unknown:
        return self.found


@pytest.fixture
def window(x_server: Server) -> Iterator["subprocess.Popen[str]"]:
    if shutil.which("openbox") is None:
        # A window fills a screen only by a window manager, which a developer's computer may lack. In CI a skip fails.
        pytest.skip("not installed: openbox, the window manager that makes a window fill the screen")
    environment = {**os.environ, "DISPLAY": x_server[0], "QT_QPA_PLATFORM": "xcb"}
    with (
        subprocess.Popen(["openbox"], env=environment, stderr=subprocess.DEVNULL) as manager,
        subprocess.Popen([sys.executable, "-c", WINDOW], env=environment, stdin=subprocess.PIPE, text=True) as shown,
    ):
        yield shown
        shown.kill()
        manager.kill()


def test_a_window_that_fills_a_real_x_screen_is_a_player_and_a_smaller_one_is_not(
    x_server: Server, window: "subprocess.Popen[str]", until: Until
) -> None:
    display = X11Display(x_server[0])
    source = FullScreenX11(display, lambda pid: f"program {pid}")
    until(lambda: source.read() == () and bool(display.words(display.root(), "_NET_ACTIVE_WINDOW")))
    until(lambda: display.words(display.root(), "_NET_ACTIVE_WINDOW")[0] != 0)
    assert source.read() == ()
    assert window.stdin is not None
    window.stdin.write("\n")
    window.stdin.flush()
    until(lambda: source.read() == (Player(window.pid, f"program {window.pid}"),))
    window.stdin.write("\n")
    window.stdin.flush()
    until(lambda: source.read() == ())
    display.close()


def test_without_a_window_manager_nothing_fills_the_screen(x_server: Server) -> None:
    display = X11Display(x_server[0])
    assert FullScreenX11(display).read() == ()
    display.close()
    assert FullScreenX11(X11Display("")).read() == Unknown("no_display")


def test_several_sources_are_put_together_and_each_program_counts_once() -> None:
    both = AllGames(
        [Fixed((Player(1, "a"),)), Fixed((Player(1, "a"), Player(2, "b"))), Fixed(Unknown("hangs"))], "none"
    )
    assert both.read() == (Player(1, "a"), Player(2, "b"))


def test_games_are_unknown_only_where_no_source_can_tell() -> None:
    assert AllGames([Fixed(Unknown("no_display")), Fixed(())], "none").read() == ()
    assert AllGames([Fixed(Unknown("no_display"))], "none").read() == Unknown("no_display")
    assert AllGames([], "no_display").read() == Unknown("no_display")


def test_on_windows_the_busiest_engine_of_one_process_counts() -> None:
    instances = [
        ("pid_12_luid_0x0_0x1_phys_0_eng_0_engtype_3D", 14.0),
        ("pid_12_luid_0x0_0x1_phys_0_eng_3_engtype_3D", 40.0),
        ("pid_120_luid_0x0_0x1_phys_0_eng_0_engtype_3D", 90.0),
    ]
    assert engine_percent(instances, 12) == 40.0
    assert engine_percent(instances, 1) == 0.0


@pytest.mark.skipif(
    sys.platform == "win32",
    reason="says what the source for Windows answers elsewhere; on Windows it reads real counters",
)
def test_elsewhere_the_source_for_windows_says_so() -> None:
    assert WindowsGames().read() == Unknown("not_on_this_system")
