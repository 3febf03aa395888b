"""Services on a bus that answer anything at all: every source still tells a fact, or why it has none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.host.bus import Bus
from sparewatt.host.idle.dbus import MutterIdle, ScreenSaverIdle
from sparewatt.host.state.games_linux import GameModeGames
from sparewatt.host.state.logind import Logind
from sparewatt.host.state.network import NetworkManagerMetered
from sparewatt.host.state.power import LinuxPower, Power
from sparewatt.host.state.session import SessionState
from sparewatt.host.unknown import Unknown

# Whatever a message can hold, as the library brings it; a variant is a pair of signature and value.
SIMPLE = st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SIMPLE,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(st.text(max_size=3), inner)
        | st.dictionaries(SIMPLE.filter(lambda key: key == key), inner, max_size=3)
    ),
    max_leaves=8,
)
ANSWERS = st.lists(st.lists(VALUES, max_size=2).map(tuple), min_size=1, max_size=12)


class HostileBus(Bus):
    """Answers what a test says, over and over."""

    def __init__(self, answers: list[tuple[object, ...]]) -> None:
        super().__init__("", "no_system_bus")
        self._answers = answers
        self._asked = 0

    def call(
        self, service: str, path: str, interface: str, member: str, signature: str = "", body: tuple[object, ...] = ()
    ) -> tuple[object, ...] | Unknown:
        self._asked += 1
        return self._answers[(self._asked - 1) % len(self._answers)]


@given(ANSWERS)
def test_a_login_manager_that_answers_anything_is_survived(answers: list[tuple[object, ...]]) -> None:
    found = Logind(HostileBus(answers), 1000, has_screen=False).read()
    assert isinstance(found, SessionState)
    assert (found.seat, found.locked, found.other_user, found.sleeping) == tuple(
        value if value is None else bool(value)
        for value in (found.seat, found.locked, found.other_user, found.sleeping)
    )


@given(ANSWERS)
def test_power_services_that_answer_anything_are_survived(answers: list[tuple[object, ...]]) -> None:
    found = LinuxPower(HostileBus(answers), lambda: ("mains", None)).read()
    assert isinstance(found, Power)
    assert found.source in ("mains", "ups")
    assert found.low_power_mode in (True, False)


@given(ANSWERS)
def test_a_network_manager_that_answers_anything_is_survived(answers: list[tuple[object, ...]]) -> None:
    assert NetworkManagerMetered(HostileBus(answers)).read() in (True, False, Unknown("not_told"))


@given(st.lists(VALUES, max_size=4))
def test_a_list_of_games_may_hold_anything(entries: list[object]) -> None:
    count, games = ("i", 3), entries
    found = GameModeGames(HostileBus([(count,), (games,)]), lambda pid: f"game {pid}").read()
    assert isinstance(found, tuple)
    assert found, "somebody plays, whoever it is"


@given(ANSWERS)
def test_a_gamemode_that_answers_anything_is_survived(answers: list[tuple[object, ...]]) -> None:
    found = GameModeGames(HostileBus(answers), lambda pid: f"game {pid}").read()
    assert isinstance(found, tuple)
    assert all(player.pid is None or 0 < player.pid < 2**31 for player in found)


@pytest.mark.parametrize("source", [MutterIdle, lambda bus: ScreenSaverIdle(bus, lambda: 0.0)])
@given(answers=ANSWERS)
def test_a_desktop_that_answers_anything_tells_an_idle_time_that_can_be_true_or_none(
    source: type[MutterIdle], answers: list[tuple[object, ...]]
) -> None:
    found = source(HostileBus(answers)).read()
    assert found == Unknown("implausible") or (isinstance(found, float) and 0.0 <= found < 1e12)
