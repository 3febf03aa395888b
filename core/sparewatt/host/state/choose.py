"""Which sources tell a computer's state, by its system."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from sparewatt.host.bus import session_bus, system_bus
from sparewatt.host.desktop_session import DesktopSession
from sparewatt.host.state.games import AllGames, Player
from sparewatt.host.state.games_linux import FullScreenX11, GameModeGames
from sparewatt.host.state.games_windows import WindowsGames
from sparewatt.host.state.logind import Logind
from sparewatt.host.state.network import NetworkManagerMetered
from sparewatt.host.state.power import LinuxPower, MacosPower, Power, WindowsPower
from sparewatt.host.state.session import SessionState
from sparewatt.host.state.session_macos import MacosSession
from sparewatt.host.state.session_windows import WindowsSession
from sparewatt.host.state.sleep_setting import GnomeSleep, SleepSetting, WindowsSleep
from sparewatt.host.unknown import Unknown
from sparewatt.host.user import user_number
from sparewatt.host.x11 import X11Display

Games = tuple[Player, ...] | Unknown


@dataclass(frozen=True)
class StateReaders:
    """What opens each source; nothing is opened before one of these is called."""

    session: Callable[[], Callable[[], SessionState]]
    power: Callable[[], Callable[[], Power]]
    metered: Callable[[], Callable[[], bool | Unknown]]
    games: Callable[[], Callable[[], Games]]
    sleep_setting: Callable[[], Callable[[], SleepSetting | Unknown]]


def state_readers(session: DesktopSession, platform: str = sys.platform) -> StateReaders:
    if platform == "win32":
        return StateReaders(
            session=lambda: WindowsSession().read,
            power=lambda: WindowsPower().read,
            metered=lambda: _not_here,
            games=lambda: WindowsGames().read,
            sleep_setting=lambda: WindowsSleep().read,
        )
    if platform == "darwin":
        return StateReaders(
            session=lambda: MacosSession().read,
            power=lambda: MacosPower().read,
            metered=lambda: _not_here,
            games=lambda: _not_here,
            sleep_setting=lambda: _not_here,
        )
    return StateReaders(
        session=lambda: Logind(system_bus(session.system_bus), user_number(), session.has_screen).read,
        power=lambda: LinuxPower(system_bus(session.system_bus)).read,
        metered=lambda: NetworkManagerMetered(system_bus(session.system_bus)).read,
        games=lambda: _linux_games(session).read,
        sleep_setting=lambda: GnomeSleep(session.desktop).read,
    )


def _linux_games(session: DesktopSession) -> AllGames:
    sources: list[FullScreenX11 | GameModeGames] = []
    if session.display:
        sources.append(FullScreenX11(X11Display(session.display)))
    if session.session_bus:
        sources.append(GameModeGames(session_bus(session.session_bus)))
    return AllGames(sources, none="no_display")


def _not_here() -> Unknown:
    return Unknown("not_on_this_system")
