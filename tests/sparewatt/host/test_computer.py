import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sparewatt.host.computer import Computer
from sparewatt.host.desktop_session import DesktopSession
from sparewatt.host.reading import Game, Reading
from sparewatt.host.state.choose import Games, StateReaders, state_readers
from sparewatt.host.state.games import Player
from sparewatt.host.state.power import Power, battery
from sparewatt.host.state.room import disk_free_bytes
from sparewatt.host.state.session import SessionState
from sparewatt.host.state.sleep_setting import SleepSetting
from sparewatt.host.unknown import Unknown

HOME = StateReaders(
    session=lambda: lambda: SessionState(True, False, False),
    power=lambda: lambda: Power("mains", 80, False),
    metered=lambda: lambda: False,
    games=lambda: lambda: (Player(7, "a game"), Player(None, "")),
    sleep_setting=lambda: lambda: SleepSetting(3600.0, 900.0),
)
Make = Callable[..., Computer]


@pytest.fixture
def computer(tmp_path: Path) -> Iterator[Make]:
    made: list[Computer] = []

    def make(readers: StateReaders | None = HOME, session: DesktopSession | None = None) -> Computer:
        made.append(Computer(tmp_path, session, readers=readers))
        return made[-1]

    yield make
    for each in made:
        each.close()


def games(found: Games) -> Callable[[], Callable[[], Games]]:
    return lambda: lambda: found


def test_a_reading_puts_everything_together(computer: Make) -> None:
    reading = computer().read(1_700_000_000, (), {7: "cuda:1"}.get)
    assert (reading.power_source, reading.battery_percent, reading.low_power_mode) == ("mains", 80, False)
    assert (reading.seat, reading.locked, reading.other_user, reading.sleeping) == (True, False, False, False)
    assert reading.games == (Game("a game", "cuda:1"), Game("", None))
    assert reading.metered is False
    assert reading.sleep_after_s == 3600.0
    assert reading.missing == {}


def test_a_reading_of_this_very_computer_is_plausible(computer: Make) -> None:
    reading = computer(None).read(1_700_000_000)
    assert reading.memory_available_bytes is not None
    assert reading.memory_available_bytes > 0
    assert reading.disk_free_bytes is not None
    assert 0 <= reading.minute < 1440


def test_a_session_that_shows_nothing_has_no_idle_time_and_says_why(computer: Make) -> None:
    reading = computer().read(1_700_000_000)
    assert (reading.idle_s, reading.idle_source) == (None, "no_display")


def test_what_cannot_be_told_is_unknown_with_its_reason(computer: Make) -> None:
    readers = StateReaders(
        session=lambda: lambda: SessionState(None, reason="no_answer"),
        power=lambda: lambda: Power("mains", None, None, "no_service"),
        metered=lambda: lambda: Unknown("no_system_bus"),
        games=games(Unknown("no_display")),
        sleep_setting=lambda: lambda: Unknown("not_on_this_system"),
    )
    reading = computer(readers).read(1_700_000_000)
    assert (reading.seat, reading.games, reading.metered, reading.low_power_mode) == (None, None, None, None)
    assert reading.sleep_after_s is None
    assert reading.missing == {
        "session": "no_answer", "low_power_mode": "no_service", "metered": "no_system_bus", "games": "no_display",
    }  # fmt: skip


@dataclass
class Watch:
    """A watch of the computer's sleep as a test sets it."""

    sleeping: bool = False
    waits: bool | None = None
    reason: str = ""
    wanted: bool = False

    def want(self, *, wanted: bool) -> None:
        self.wanted = wanted

    def close(self) -> None:
        self.wanted = False


def test_a_coming_sleep_is_known_by_whoever_says_it_first(tmp_path: Path) -> None:
    watch = Watch()
    tested = Computer(tmp_path, readers=HOME, sleep=watch)
    reading = tested.read(1_700_000_000)
    assert (reading.sleeping, reading.delays_sleep, reading.missing) == (False, None, {})
    tested.delay_sleep(wanted=True)
    assert watch.wanted
    watch.sleeping, watch.waits = True, True
    reading = tested.read(1_700_000_000)
    assert (reading.sleeping, reading.delays_sleep) == (True, True)
    watch.sleeping, watch.waits, watch.reason = False, None, "no_system_bus"
    reading = tested.read(1_700_000_000)
    assert (reading.sleeping, reading.delays_sleep) == (False, None)
    assert reading.missing == {"sleep_delay": "no_system_bus"}
    tested.close()
    assert not watch.wanted


def test_nobody_plays_at_a_server(computer: Make) -> None:
    server = replace(HOME, session=lambda: lambda: SessionState(False), games=games(Unknown("no_display")))
    assert computer(server).read(1_700_000_000).games == ()


def test_a_source_that_hangs_costs_its_own_fact_only(computer: Make) -> None:
    released = threading.Event()

    def hang() -> SessionState:
        released.wait(60)
        return SessionState(True)

    tested = computer(replace(HOME, session=lambda: hang))
    try:
        reading = tested.read(1_700_000_000)
        for _ in range(400):
            if reading.missing.get("session") == "hangs" and reading.games is not None:
                break
            time.sleep(0.02)
            reading = tested.read(1_700_000_000)
        assert (reading.power_source, reading.seat, reading.missing["session"]) == ("mains", None, "hangs")
        assert reading.games == (Game("a game", None), Game("", None))
    finally:
        released.set()


def test_a_changed_list_of_programs_is_looked_for_at_once(computer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    tested = computer()
    assert tested.read(1_700_000_000).programs == ()
    (own,) = [name for name in ("python", "python3", "python3.11", "pytest") if _runs(name)][:1]
    assert tested.read(1_700_000_000, (own,)).programs == (own,)
    assert tested.read(1_700_000_000, ("no-such-program",)).programs == ()


def _runs(name: str) -> bool:
    import psutil

    return psutil.Process().name() == name


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
def test_every_system_has_readers_which_answer_anywhere(computer: Make, platform: str) -> None:
    reading = computer(state_readers(DesktopSession(system_bus=""), platform)).read(1_700_000_000)
    assert isinstance(reading, Reading)
    assert "failed" not in reading.missing.values()


def test_the_disk_of_a_folder_that_is_not_there_yet_is_that_of_its_parent(tmp_path: Path) -> None:
    assert disk_free_bytes(tmp_path / "not" / "yet") is not None


def test_the_battery_of_this_computer_is_plausible() -> None:
    source, percent = battery()
    assert source in ("mains", "battery", None)
    assert percent is None or 0 <= percent <= 100
