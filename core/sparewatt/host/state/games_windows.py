"""Games on Windows: the window in front covers a whole monitor, and its program uses the card's 3D engine.

A window over the whole monitor alone says little: a desktop with nothing on it, a film, and an overlay look the same.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import Any, Final

from sparewatt.host.state.games import Player
from sparewatt.host.state.programs import process_name
from sparewatt.host.unknown import Unknown

ENGINE_PERCENT_LEAST: Final = 15.0
_NEAREST_MONITOR: Final = 2  # MONITOR_DEFAULTTONEAREST
_EXCLUSIVE_FULL_SCREEN: Final = 3  # QUNS_RUNNING_D3D_FULL_SCREEN
_PDH_FORMAT_DOUBLE: Final = 0x200
_PDH_MORE_DATA: Final = 0x800007D2
# The desktop's own windows, which cover the monitor when nothing else is open.
_SHELL_CLASSES: Final = frozenset({"Progman", "WorkerW", "Shell_TrayWnd"})


class _Rectangle(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int32) for name in ("left", "top", "right", "bottom"))


class _MonitorInfo(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint32),
        ("monitor", _Rectangle),
        ("work", _Rectangle),
        ("flags", ctypes.c_uint32),
    )


class _CounterValue(ctypes.Structure):
    """PDH_FMT_COUNTERVALUE with a double; its union begins at a multiple of 8."""

    _fields_ = (("status", ctypes.c_uint32), ("padding", ctypes.c_uint32), ("value", ctypes.c_double))


class _CounterItem(ctypes.Structure):
    _fields_ = (("name", ctypes.c_wchar_p), ("value", _CounterValue))


class EngineCounters:
    """The system's counters of how busy each process keeps the cards' 3D engines; need no rights."""

    def __init__(self) -> None:
        self._query: Any = None
        self._counter = ctypes.c_void_p()

    def percent(self, pid: int) -> float | Unknown:
        """Of the busiest engine; since the call before, so the first one is unknown."""
        if sys.platform != "win32":
            return Unknown("not_on_this_system")
        library = ctypes.windll.pdh
        if self._query is None:
            query = ctypes.c_void_p()
            path = "\\GPU Engine(*engtype_3D)\\Utilization Percentage"
            if library.PdhOpenQueryW(None, None, ctypes.byref(query)) or library.PdhAddEnglishCounterW(
                query, path, None, ctypes.byref(self._counter)
            ):
                return Unknown("no_counters")
            self._query = query
            library.PdhCollectQueryData(query)
            return Unknown("not_yet")
        if library.PdhCollectQueryData(self._query):
            return Unknown("no_counters")
        size, count = ctypes.c_uint32(), ctypes.c_uint32()
        arguments = (self._counter, _PDH_FORMAT_DOUBLE, ctypes.byref(size), ctypes.byref(count))
        status = library.PdhGetFormattedCounterArrayW(*arguments, None)
        if status & 0xFFFFFFFF != _PDH_MORE_DATA:
            return Unknown("no_counters")
        buffer = ctypes.create_string_buffer(size.value)
        if library.PdhGetFormattedCounterArrayW(*arguments, buffer):
            return Unknown("no_counters")
        items = ctypes.cast(buffer, ctypes.POINTER(_CounterItem))
        return engine_percent([(items[i].name or "", items[i].value.value) for i in range(count.value)], pid)


def engine_percent(instances: list[tuple[str, float]], pid: int) -> float:
    """The busiest engine of one process among instances such as ``pid_1234_luid_0x0_0x1_phys_0_eng_0_engtype_3D``."""
    return max((percent for name, percent in instances if name.startswith(f"pid_{pid}_")), default=0.0)


class WindowsGames:
    """A `GameSource`."""

    def __init__(self, counters: EngineCounters | None = None, name_of: Callable[[int], str] = process_name) -> None:
        self._counters = counters or EngineCounters()
        self._name_of = name_of

    def read(self) -> tuple[Player, ...] | Unknown:
        if sys.platform != "win32":
            return Unknown("not_on_this_system")
        pid = self._full_screen_process()
        if pid is None:
            return ()
        percent = self._counters.percent(pid)
        playing = self._exclusive() if isinstance(percent, Unknown) else percent >= ENGINE_PERCENT_LEAST
        return (Player(pid, self._name_of(pid)),) if playing else ()

    def _full_screen_process(self) -> int | None:
        if sys.platform != "win32":
            return None
        library = ctypes.windll.user32
        for function in (library.GetForegroundWindow, library.MonitorFromWindow):
            function.restype = ctypes.c_void_p
        window = library.GetForegroundWindow()
        if not window or self._class_of(window) in _SHELL_CLASSES:
            return None
        handle = ctypes.c_void_p(window)
        rectangle, monitor = _Rectangle(), _MonitorInfo(ctypes.sizeof(_MonitorInfo))
        screen = ctypes.c_void_p(library.MonitorFromWindow(handle, _NEAREST_MONITOR))
        if not library.GetWindowRect(handle, ctypes.byref(rectangle)) or not library.GetMonitorInfoW(
            screen, ctypes.byref(monitor)
        ):
            return None
        if not _covers(rectangle, monitor.monitor):
            return None
        pid = ctypes.c_uint32()
        library.GetWindowThreadProcessId(handle, ctypes.byref(pid))
        return pid.value or None

    def _class_of(self, window: int) -> str:
        if sys.platform != "win32":
            return ""
        name = ctypes.create_unicode_buffer(256)
        ctypes.windll.user32.GetClassNameW(ctypes.c_void_p(window), name, 256)
        return name.value

    def _exclusive(self) -> bool:
        if sys.platform != "win32":
            return False
        state = ctypes.c_int32()
        failed = ctypes.windll.shell32.SHQueryUserNotificationState(ctypes.byref(state))
        return not failed and state.value == _EXCLUSIVE_FULL_SCREEN


def _covers(window: _Rectangle, monitor: _Rectangle) -> bool:
    return bool(
        window.left <= monitor.left
        and window.top <= monitor.top
        and window.right >= monitor.right
        and window.bottom >= monitor.bottom
    )
