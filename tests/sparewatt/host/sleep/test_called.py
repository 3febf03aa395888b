"""Systems that call before they sleep: what the called function does, without the system."""

import threading
from collections.abc import Callable

import pytest

from sparewatt.host.desktop_session import DesktopSession
from sparewatt.host.sleep.called import CalledWatch
from sparewatt.host.sleep.choose import sleep_watch
from sparewatt.host.sleep.port import Told

Until = Callable[[Callable[[], bool]], None]


class System(CalledWatch):
    """Counts its registrations; a test calls what the system would."""

    def __init__(self, told: Told, seconds_most: float = 60.0) -> None:
        super().__init__(told, seconds_most)
        self.registrations = 0

    def _register(self) -> None:
        self.registrations += 1

    def sleeps(self) -> threading.Thread:
        calling = threading.Thread(target=self._begins)
        calling.start()
        return calling

    def wakes(self) -> None:
        self._awake()


def test_it_is_registered_when_something_first_computes_and_stays_so() -> None:
    system = System(lambda _: None)
    assert (system.registrations, system.waits) == (0, None)
    for wanted in (True, False, True):
        system.want(wanted=wanted)
    assert (system.registrations, system.waits, system.reason) == (1, True, "")


def test_the_call_returns_once_nothing_computes_any_more(until: Until) -> None:
    told: list[bool] = []
    system = System(told.append)
    system.want(wanted=True)
    calling = system.sleeps()
    until(lambda: told == [True])
    assert calling.is_alive()
    assert system.sleeping
    system.want(wanted=False)
    calling.join(20)
    assert not calling.is_alive()
    system.wakes()
    assert (told, system.sleeping) == ([True, False], False)


def test_who_does_not_leave_is_not_waited_for_beyond_the_time_that_the_system_gives() -> None:
    told: list[bool] = []
    system = System(told.append, seconds_most=0.05)
    system.want(wanted=True)
    calling = system.sleeps()
    calling.join(20)
    assert not calling.is_alive()
    assert told == [True]


def test_while_nothing_computes_the_call_returns_at_once() -> None:
    calling = System(lambda _: None).sleeps()
    calling.join(20)
    assert not calling.is_alive()


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_on_another_system_than_its_own_an_adapter_says_so(platform: str) -> None:
    watch = sleep_watch(DesktopSession(), lambda _: None, platform)
    assert (watch.waits, watch.reason) == (None, "")
    watch.want(wanted=True)
    assert (watch.waits, watch.reason, watch.sleeping) == (None, "not_on_this_system", False)
    watch.close()
