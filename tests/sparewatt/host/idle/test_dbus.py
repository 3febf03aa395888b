"""Against python-dbusmock: the desktops' real services do not run here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sparewatt.host.bus import Bus
from sparewatt.host.idle.dbus import MutterIdle, ScreenSaverIdle
from sparewatt.host.unknown import Unknown

Reach = Callable[[str], Bus]
Mock = Callable[[str, str, str], Any]
MUTTER = ("org.gnome.Mutter.IdleMonitor", "/org/gnome/Mutter/IdleMonitor/Core", "org.gnome.Mutter.IdleMonitor")
SAVER = ("org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver", "org.freedesktop.ScreenSaver")


@dataclass
class SetClock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_mutter_tells_milliseconds(bus: str, session_bus_at: Reach, mock_service: Mock) -> None:
    mock_service(*MUTTER).method("GetIdletime", "", "t", "12345")
    assert MutterIdle(session_bus_at(bus)).read() == 12.345


def test_nonsense_is_no_idle_time(bus: str, session_bus_at: Reach, mock_service: Mock) -> None:
    mock_service(*MUTTER).method("GetIdletime", "", "s", "'soon'")
    assert MutterIdle(session_bus_at(bus)).read() == Unknown("implausible")


def test_a_service_that_does_not_run_is_a_reason_and_not_started(bus: str, session_bus_at: Reach) -> None:
    assert MutterIdle(session_bus_at(bus)).read() == Unknown("no_service")


def test_without_a_bus_there_is_a_reason(tmp_path: Any, session_bus_at: Reach) -> None:
    for address in ("", f"unix:path={tmp_path}/nobody", "tcp:host=localhost,port=1", "nonsense"):
        assert MutterIdle(session_bus_at(address)).read() == Unknown("no_session_bus")


def test_a_bus_that_went_away_is_reached_again(bus: str, session_bus_at: Reach, mock_service: Mock) -> None:
    service = mock_service(*MUTTER)
    service.method("GetIdletime", "", "t", "1000")
    tested = session_bus_at(bus)
    assert MutterIdle(tested).read() == 1.0
    assert tested._connection is not None
    tested._connection.sock.shutdown(2)
    assert MutterIdle(tested).read() == Unknown("no_session_bus")
    assert MutterIdle(tested).read() == 1.0


def test_the_screen_savers_unit_is_milliseconds_until_it_grows_like_seconds(
    bus: str, session_bus_at: Reach, mock_service: Mock
) -> None:
    service, clock = mock_service(*SAVER), SetClock()
    source = ScreenSaverIdle(session_bus_at(bus), clock)
    told: list[float | Unknown] = []
    for count in (600, 605, 610, 615):
        service.method("GetSessionIdleTime", "", "u", str(count))
        told.append(source.read())
        clock.now += 5.0
    assert told == [0.6, 0.605, 0.61, 615.0]


def test_the_screen_savers_milliseconds_stay_milliseconds(bus: str, session_bus_at: Reach, mock_service: Mock) -> None:
    service, clock = mock_service(*SAVER), SetClock()
    source = ScreenSaverIdle(session_bus_at(bus), clock)
    told: list[float | Unknown] = []
    # The person touches the mouse before the second and the third read, which then grew by about one a second.
    for count in (1000, 1005, 1010, 6010, 11010):
        service.method("GetSessionIdleTime", "", "u", str(count))
        told.append(source.read())
        clock.now += 5.0
    assert told == [1.0, 1.005, 1.01, 6.01, 11.01]
