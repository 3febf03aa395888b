"""Which idle sources a session can have, best first."""

import sys
from collections.abc import Callable

from sparewatt.host.bus import session_bus
from sparewatt.host.desktop_session import DesktopSession
from sparewatt.host.idle.dbus import MutterIdle, ScreenSaverIdle
from sparewatt.host.idle.ext_idle_notify import ExtIdleNotify
from sparewatt.host.idle.macos import MacosIdle
from sparewatt.host.idle.port import FirstOf, IdleSource
from sparewatt.host.idle.windows import WindowsIdle
from sparewatt.host.idle.xscreensaver import XScreenSaverIdle
from sparewatt.host.x11 import X11Display


def idle_reader(session: DesktopSession, monotonic: Callable[[], float], platform: str = sys.platform) -> FirstOf:
    """The reader of a session's idle time; nothing is opened by this."""
    return FirstOf(_sources(session, monotonic, platform), monotonic, none="no_display")


def _sources(session: DesktopSession, monotonic: Callable[[], float], platform: str) -> tuple[IdleSource, ...]:
    if platform == "win32":
        return (WindowsIdle(),)
    if platform == "darwin":
        return (MacosIdle(),)
    sources: list[IdleSource] = []
    if session.wayland_display:
        sources.append(ExtIdleNotify(session.wayland_display, monotonic))
    elif session.display and not session.on_wayland:
        sources.append(XScreenSaverIdle(X11Display(session.display)))
    if session.session_bus and session.has_screen:
        bus = session_bus(session.session_bus)
        sources += [MutterIdle(bus), ScreenSaverIdle(bus, monotonic)]
    return tuple(sources)
