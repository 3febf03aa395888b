import sys
from collections import deque
from dataclasses import dataclass, field

import pytest

from sparewatt.host.desktop_session import DesktopSession, desktop_session, session_variables
from sparewatt.host.idle.choose import idle_reader
from sparewatt.host.idle.port import AGAIN_SECONDS, FirstOf, Idle
from sparewatt.host.idle.windows import ticks_apart_s
from sparewatt.host.unknown import Unknown


@dataclass
class Source:
    name: str
    answers: deque[float | Unknown] = field(default_factory=deque)
    asked: int = 0

    def read(self) -> float | Unknown:
        self.asked += 1
        return self.answers.popleft() if self.answers else Unknown(f"no_{self.name}")


@dataclass
class SetClock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_first_source_that_answers_is_kept() -> None:
    first, second = Source("first"), Source("second", deque([1.0, 2.0]))
    tested = FirstOf((first, second), SetClock(), "no_display")
    assert [tested.read(), tested.read()] == [Idle(1.0, "second"), Idle(2.0, "second")]
    assert first.asked == 1


def test_where_none_answers_the_best_ones_reason_is_told_and_all_are_tried_again_later() -> None:
    clock, source = SetClock(), Source("first")
    tested = FirstOf((source, Source("second")), clock, "no_display")
    assert [tested.read(), tested.read()] == [Idle(None, "no_first")] * 2
    assert source.asked == 1
    clock.now = AGAIN_SECONDS
    source.answers.append(3.0)
    assert tested.read() == Idle(3.0, "first")


def test_a_source_that_is_lost_gives_way_to_another() -> None:
    first, second = Source("first", deque([1.0])), Source("second", deque([7.0]))
    tested = FirstOf((first, second), SetClock(), "no_display")
    assert [tested.read(), tested.read()] == [Idle(1.0, "first"), Idle(7.0, "second")]


def test_without_sources_the_reason_is_the_given_one() -> None:
    assert FirstOf((), SetClock(), "no_display").read() == Idle(None, "no_display")


def test_idle_time_is_never_negative() -> None:
    assert FirstOf((Source("first", deque([-1.0])),), SetClock(), "").read() == Idle(0.0, "first")


BUS = "unix:path=/run/user/1000/bus"


@pytest.mark.parametrize(
    ("session", "names"),
    [
        (DesktopSession("x11", ":0", "", BUS), ["xscreensaver", "mutter", "freedesktop_screensaver"]),
        (DesktopSession("", ":0"), ["xscreensaver"]),
        # An X server inside a Wayland session sees only input to X programs.
        (DesktopSession("wayland", ":0", "wayland-0", BUS), ["ext_idle_notify", "mutter", "freedesktop_screensaver"]),
        (DesktopSession("wayland", ":0", "", BUS), ["mutter", "freedesktop_screensaver"]),
        (DesktopSession("tty", "", "", BUS), []),
        (DesktopSession(), []),
    ],
)
def test_a_session_has_the_sources_that_can_see_its_person(session: DesktopSession, names: list[str]) -> None:
    assert [source.name for source in idle_reader(session, SetClock(), "linux").sources] == names


@pytest.mark.parametrize(("platform", "name"), [("win32", "windows"), ("darwin", "macos")])
def test_other_systems_have_one_source_which_says_so_elsewhere(platform: str, name: str) -> None:
    reader = idle_reader(DesktopSession(), SetClock(), platform)
    assert [source.name for source in reader.sources] == [name]
    if sys.platform != platform:
        assert reader.read() == Idle(None, "not_on_this_system")


@pytest.mark.parametrize(
    ("now", "then", "seconds"),
    [(10_000, 9_000, 1.0), (2**32 + 500, 2**32 - 500, 1.0), (5 * 2**32 + 7, 7, 0.0), (1000, 1016, 0.0)],
    ids=["plain", "wrapped", "long ago", "just now"],
)
def test_windows_ticks_wrap(now: int, then: int, seconds: float) -> None:
    assert ticks_apart_s(now, then & 0xFFFFFFFF) == seconds


def test_a_session_is_what_its_environment_says_and_nothing_else_is_handed_on() -> None:
    environment = {"DISPLAY": ":1", "XDG_RUNTIME_DIR": "/run/user/7", "TOKEN": "secret", "XDG_SESSION_TYPE": ""}
    session = desktop_session(environment)
    assert (session.display, session.session_bus, session.has_screen) == (":1", "unix:path=/run/user/7/bus", True)
    assert session_variables(environment) == {"DISPLAY": ":1", "XDG_RUNTIME_DIR": "/run/user/7"}
    assert desktop_session({}) == DesktopSession()
