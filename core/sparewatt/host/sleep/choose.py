"""Which adapter watches a computer's sleep, by its system."""

import sys

from sparewatt.host.desktop_session import DesktopSession
from sparewatt.host.sleep.logind import LogindSleepWatch
from sparewatt.host.sleep.macos import MacosSleepWatch
from sparewatt.host.sleep.port import SleepWatch, Told
from sparewatt.host.sleep.windows import WindowsSleepWatch


def sleep_watch(session: DesktopSession, told: Told, platform: str = sys.platform) -> SleepWatch:
    """Registers nothing before something computes."""
    if platform == "win32":
        return WindowsSleepWatch(told)
    if platform == "darwin":
        return MacosSleepWatch(told)
    return LogindSleepWatch(session.system_bus, told)
