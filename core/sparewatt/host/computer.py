"""The computer and who uses it, put together from all sources into one reading."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from sparewatt.host.desktop_session import DesktopSession
from sparewatt.host.facts import Fact, Gatherer
from sparewatt.host.idle.choose import idle_reader
from sparewatt.host.idle.port import Idle
from sparewatt.host.reading import Game, Reading
from sparewatt.host.sleep.port import NoSleepWatch, SleepWatch
from sparewatt.host.state.choose import Games, StateReaders, state_readers
from sparewatt.host.state.games import Player
from sparewatt.host.state.power import Power
from sparewatt.host.state.programs import ProgramWatch
from sparewatt.host.state.room import Room, RoomReader
from sparewatt.host.state.session import SessionState
from sparewatt.host.state.sleep_setting import SleepSetting
from sparewatt.host.unknown import Unknown

# The first reading opens every source, which takes a while; later ones are there at once, or come with the next.
FIRST_PATIENCE_S: Final = 1.5
PATIENCE_S: Final = 0.1
METERED_PERIOD_S: Final = 15.0
PROGRAMS_PERIOD_S: Final = 4.0
# A program is started to tell it, and hardly anybody changes it.
SLEEP_SETTING_PERIOD_S: Final = 300.0

Value = TypeVar("Value")
DeviceOf = Callable[[int], str | None]


@dataclass(frozen=True)
class _Facts:
    room: Fact[Room]
    power: Fact[Power]
    session: Fact[SessionState]
    idle: Fact[Idle]
    metered: Fact[bool | Unknown]
    games: Fact[Games]
    programs: Fact[tuple[str, ...]]
    sleep_setting: Fact[SleepSetting | Unknown]


class Computer:
    """A `ComputerSource`: never waits longer than `FIRST_PATIENCE_S`, whatever hangs.

    Args:
        folder: the data folder, whose disk is watched; it need not exist yet.
        session: whose person is watched.
        sleep: has the system wait, and tells of its sleep sooner than the session does.
    """

    def __init__(
        self,
        folder: Path,
        session: DesktopSession | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        readers: StateReaders | None = None,
        sleep: SleepWatch | None = None,
    ) -> None:
        desktop = session or DesktopSession()
        state = readers or state_readers(desktop)
        self._monotonic = monotonic
        self._sleep = sleep or NoSleepWatch()
        self._programs = ProgramWatch(monotonic)
        self._facts = _Facts(
            room=Fact("memory and disk", lambda: RoomReader(folder).read),
            power=Fact("the power source", state.power),
            session=Fact("the session", state.session),
            idle=Fact("the idle time", lambda: idle_reader(desktop, monotonic).read),
            metered=Fact("the network's cost", state.metered, METERED_PERIOD_S),
            games=Fact("what plays", state.games),
            sleep_setting=Fact("the sleep setting", state.sleep_setting, SLEEP_SETTING_PERIOD_S),
            programs=Fact("the running programs", lambda: self._programs.read, PROGRAMS_PERIOD_S),
        )
        self._gatherer = Gatherer(tuple(vars(self._facts).values()), monotonic)
        self._first = True

    def read(self, unix_s: float, programs: tuple[str, ...] = (), device_of: DeviceOf = lambda _pid: None) -> Reading:
        if set(programs) != set(self._programs.listed):
            self._programs.listed = programs
            self._facts.programs.ask_anew()
        self._gatherer.gather(FIRST_PATIENCE_S if self._first else PATIENCE_S)
        self._first = False
        return self._reading(unix_s, device_of)

    def delay_sleep(self, *, wanted: bool) -> None:
        self._sleep.want(wanted=wanted)

    def close(self) -> None:
        """Ask nobody any more."""
        self._gatherer.stop()
        self._sleep.close()

    def _reading(self, unix_s: float, device_of: DeviceOf) -> Reading:
        now, facts = self._monotonic(), self._facts
        local = time.localtime(unix_s)
        missing: dict[str, str] = {}
        room = _known(facts.room.value(now), missing, "memory", "disk")
        power = _known(facts.power.value(now), missing, "power", "low_power_mode")
        session = _known(facts.session.value(now), missing, "session")
        idle = facts.idle.value(now)
        metered = _known(facts.metered.value(now), missing, "metered")
        games = _known(facts.games.value(now), missing, "games")
        programs = _known(facts.programs.value(now), missing, "programs")
        if session is not None and session.reason:
            missing["session"] = session.reason
        if power is not None and power.mode_reason:
            missing["low_power_mode"] = power.mode_reason
        sleep_setting = facts.sleep_setting.value(now)
        if self._sleep.reason:
            missing["sleep_delay"] = self._sleep.reason
        seat = None if session is None else session.seat
        return Reading(
            power_source=None if power is None else power.source,
            battery_percent=None if power is None else power.battery_percent,
            memory_available_bytes=None if room is None else room.memory_available_bytes,
            disk_free_bytes=None if room is None else room.disk_free_bytes,
            weekday=local.tm_wday,
            minute=local.tm_hour * 60 + local.tm_min,
            seat=seat,
            idle_s=None if isinstance(idle, Unknown) else idle.seconds,
            idle_source=idle.reason if isinstance(idle, Unknown) else idle.source,
            locked=None if session is None else session.locked,
            other_user=None if session is None else session.other_user,
            sleep_after_s=_sleeps_after(sleep_setting, power),
            sleeping=self._sleep.sleeping or (session is not None and session.sleeping),
            delays_sleep=self._sleep.waits,
            low_power_mode=None if power is None else power.low_power_mode,
            metered=metered,
            games=_played(games, device_of, seat),
            programs=programs or (),
            missing=missing,
        )


def _sleeps_after(setting: SleepSetting | Unknown, power: Power | None) -> float | None:
    return None if isinstance(setting, Unknown) else setting.at(None if power is None else power.source)


def _played(players: tuple[Player, ...] | None, device_of: DeviceOf, seat: bool | None) -> tuple[Game, ...] | None:
    if players is None:
        # Nobody plays at a computer without a seat.
        return () if seat is False else None
    return tuple(Game(player.name[:200], None if player.pid is None else device_of(player.pid)) for player in players)


def _known(found: Value | Unknown, missing: dict[str, str], *names: str) -> Value | None:
    """What was found; where it is unknown, the reason goes into `missing`."""
    if isinstance(found, Unknown):
        missing.update(dict.fromkeys(names, found.reason))
        return None
    return found
