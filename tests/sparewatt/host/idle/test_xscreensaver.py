"""Against a real X server."""

import subprocess
from collections.abc import Callable

from sparewatt.host.idle.xscreensaver import XScreenSaverIdle
from sparewatt.host.unknown import Unknown
from sparewatt.host.x11 import X11Display

Server = tuple[str, "subprocess.Popen[str]"]


def seconds(found: float | Unknown) -> float:
    assert isinstance(found, float), found
    return found


def test_idle_time_rises_until_the_pointer_moves(
    x_server: Server, xdotool: Callable[..., None], until: Callable[[Callable[[], bool]], None]
) -> None:
    source = XScreenSaverIdle(X11Display(x_server[0]))
    xdotool("mousemove", "10", "10")
    until(lambda: seconds(source.read()) > 0.5)
    before = seconds(source.read())
    xdotool("mousemove", "200", "100")
    assert seconds(source.read()) < before


def test_a_display_that_goes_away_is_unknown_and_the_process_lives(
    x_server: Server, until: Callable[[Callable[[], bool]], None]
) -> None:
    source = XScreenSaverIdle(X11Display(x_server[0]))
    seconds(source.read())
    x_server[1].kill()
    x_server[1].wait(10)
    until(lambda: source.read() == Unknown("no_display"))
    assert source.read() == Unknown("no_display")


def test_without_a_display_there_is_a_reason() -> None:
    assert XScreenSaverIdle(X11Display("")).read() == Unknown("no_display")
    assert XScreenSaverIdle(X11Display(":987")).read() == Unknown("no_display")
