"""Against python-dbusmock: login manager, UPower, NetworkManager and GameMode do not run here."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from sparewatt.host.bus import Bus
from sparewatt.host.state.games import Player
from sparewatt.host.state.games_linux import GameModeGames
from sparewatt.host.state.logind import Logind
from sparewatt.host.state.network import NetworkManagerMetered
from sparewatt.host.state.power import LinuxPower, Power
from sparewatt.host.state.session import SessionState
from sparewatt.host.unknown import Unknown

Reach = Callable[[str], Bus]
Mock = Callable[[str, str, str], Any]
LOGIN = "org.freedesktop.login1"
MANAGER = (LOGIN, "/org/freedesktop/login1", f"{LOGIN}.Manager")
OWN, OTHER, GREETER = (f"/org/freedesktop/login1/session/{name}" for name in ("own", "other", "greeter"))
SEAT = "/org/freedesktop/login1/seat/seat0"
USER = "/org/freedesktop/login1/user/own"
ME = os.getuid()


class LoginManager:
    """A stand-in with a session of ours, one of somebody else, and a login screen."""

    def __init__(self, service: Any, own_kind: str = "wayland") -> None:
        self.service = service
        service.property("PreparingForSleep", "<false>")
        service.method("GetUser", "u", "o", f"{USER!r}")
        service.object(USER, f"{LOGIN}.User", f"{{'Display': <('own', objectpath '{OWN}')>}}")
        seat = f"<('seat0', objectpath '{SEAT}')>"
        for path, user, kind, role in (
            (OWN, ME, own_kind, "user"),
            (OTHER, ME + 1, "x11", "user"),
            (GREETER, 120, "wayland", "greeter"),
        ):
            properties = (
                f"{{'User': <(uint32 {user}, objectpath '{USER}')>, 'Type': <'{kind}'>, 'Class': <'{role}'>, "
                f"'LockedHint': <false>, 'Seat': {seat}}}"
            )
            service.object(path, f"{LOGIN}.Session", properties)
        service.object(SEAT, f"{LOGIN}.Seat", f"{{'ActiveSession': <('own', objectpath '{OWN}')>}}")

    def show(self, path: str) -> None:
        self.service.interface = f"{LOGIN}.Seat"
        self.service.set("ActiveSession", f"<('x', objectpath '{path}')>", path=SEAT)

    def lock(self) -> None:
        self.service.interface = f"{LOGIN}.Session"
        self.service.set("LockedHint", "<true>", path=OWN)

    def sleep(self) -> None:
        self.service.interface = f"{LOGIN}.Manager"
        self.service.set("PreparingForSleep", "<true>")


def test_ones_own_session_that_is_shown(bus: str, session_bus_at: Reach, mock_service: Mock) -> None:
    LoginManager(mock_service(*MANAGER))
    assert Logind(session_bus_at(bus), ME, False).read() == SessionState(True, False, False)


def test_a_lock_and_a_coming_sleep_are_told(bus: str, session_bus_at: Reach, mock_service: Mock) -> None:
    manager = LoginManager(mock_service(*MANAGER))
    tested = Logind(session_bus_at(bus), ME, False)
    manager.lock()
    assert tested.read().locked is True
    manager.sleep()
    assert tested.read().sleeping is True


def test_another_user_at_the_screen_is_told(bus: str, session_bus_at: Reach, mock_service: Mock) -> None:
    LoginManager(mock_service(*MANAGER)).show(OTHER)
    assert Logind(session_bus_at(bus), ME, True).read() == SessionState(True, False, True)


def test_the_login_screen_is_a_lock_and_nobody_else(bus: str, session_bus_at: Reach, mock_service: Mock) -> None:
    LoginManager(mock_service(*MANAGER)).show(GREETER)
    assert Logind(session_bus_at(bus), ME, True).read() == SessionState(True, True, False)


def test_a_text_console_is_no_seat(bus: str, session_bus_at: Reach, mock_service: Mock) -> None:
    LoginManager(mock_service(*MANAGER), own_kind="tty")
    assert Logind(session_bus_at(bus), ME, False).read().seat is False


def test_a_user_without_session_is_a_server_where_somebody_else_may_sit(
    bus: str, session_bus_at: Reach, mock_service: Mock
) -> None:
    service = mock_service(*MANAGER)
    service.property("PreparingForSleep", "<false>")
    tested = Logind(session_bus_at(bus), ME, False)
    assert tested.read() == SessionState(False, None, False)
    service.object(SEAT, f"{LOGIN}.Seat", f"{{'ActiveSession': <('x', objectpath '{OTHER}')>}}")
    role = f"{{'User': <(uint32 {ME + 1}, objectpath '{USER}')>, 'Class': <'user'>}}"
    service.object(OTHER, f"{LOGIN}.Session", role)
    assert tested.read() == SessionState(False, None, True)


@pytest.mark.parametrize("has_screen", [True, False])
def test_without_a_login_manager_only_the_environment_tells(bus: str, session_bus_at: Reach, has_screen: bool) -> None:
    assert Logind(session_bus_at(bus), ME, has_screen).read() == SessionState(has_screen, reason="no_service")


UPOWER = ("org.freedesktop.UPower", "/org/freedesktop/UPower", "org.freedesktop.UPower")
PROFILES = "net.hadess.PowerProfiles"


def power(bus: Bus, source: str = "mains") -> Power:
    return LinuxPower(bus, lambda: (source, None)).read()  # type: ignore[arg-type, return-value]


def test_a_ups_that_feeds_the_computer_is_told(bus: str, session_bus_at: Reach, mock_service: Mock) -> None:
    service = mock_service(*UPOWER)
    service.property("OnBattery", "<true>")
    service.method("EnumerateDevices", "", "ao", "['/org/freedesktop/UPower/devices/ups']")
    device = "{'Type': <uint32 3>, 'State': <uint32 2>, 'PowerSupply': <true>}"
    service.object("/org/freedesktop/UPower/devices/ups", "org.freedesktop.UPower.Device", device)
    assert power(session_bus_at(bus)).source == "ups"
    assert power(session_bus_at(bus), "battery").source == "battery"
    service.set("OnBattery", "<false>")
    assert power(session_bus_at(bus)).source == "mains"


@pytest.mark.parametrize(("profile", "on"), [("power-saver", True), ("balanced", False)])
def test_the_saving_mode_is_the_power_profile(
    bus: str, session_bus_at: Reach, mock_service: Mock, profile: str, on: bool
) -> None:
    mock_service(PROFILES, "/net/hadess/PowerProfiles", PROFILES).property("ActiveProfile", f"<'{profile}'>")
    assert power(session_bus_at(bus)) == Power("mains", None, on)


def test_without_services_the_kernels_word_stands(bus: str, session_bus_at: Reach) -> None:
    assert power(session_bus_at(bus)) == Power("mains", None, None, "no_service")


NETWORK = ("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager", "org.freedesktop.NetworkManager")


@pytest.mark.parametrize(("told", "metered"), [(1, True), (2, False), (3, True), (4, False), (0, Unknown("not_told"))])
def test_a_network_is_metered_as_its_manager_says_or_guesses(
    bus: str, session_bus_at: Reach, mock_service: Mock, told: int, metered: bool | Unknown
) -> None:
    mock_service(*NETWORK).property("Metered", f"<uint32 {told}>")
    assert NetworkManagerMetered(session_bus_at(bus)).read() == metered


def test_without_a_network_manager_it_is_unknown(bus: str, session_bus_at: Reach) -> None:
    assert NetworkManagerMetered(session_bus_at(bus)).read() == Unknown("no_service")


GAMEMODE = ("com.feralinteractive.GameMode", "/com/feralinteractive/GameMode", "com.feralinteractive.GameMode")


def test_games_are_those_that_asked_gamemode_for_speed(bus: str, session_bus_at: Reach, mock_service: Mock) -> None:
    service = mock_service(*GAMEMODE)
    service.property("ClientCount", "<int32 0>")
    tested = GameModeGames(session_bus_at(bus), lambda pid: f"game {pid}")
    assert tested.read() == ()
    service.set("ClientCount", "<int32 1>")
    assert tested.read() == (Player(None, ""),), "older versions only count"
    service.method("ListGames", "", "a(io)", "[(7, '/com/feralinteractive/GameMode/Games/7')]")
    assert tested.read() == (Player(7, "game 7"),)


def test_without_gamemode_nobody_plays_by_it(bus: str, session_bus_at: Reach) -> None:
    assert GameModeGames(session_bus_at(bus)).read() == ()


def test_without_a_bus_every_source_has_its_reason(session_bus_at: Reach) -> None:
    nowhere = session_bus_at("")
    assert Logind(nowhere, ME, False).read() == SessionState(None, reason="no_session_bus")
    assert GameModeGames(nowhere).read() == Unknown("no_session_bus")
    assert NetworkManagerMetered(nowhere).read() == Unknown("no_session_bus")
    assert power(nowhere).mode_reason == "no_session_bus"
