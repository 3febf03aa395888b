"""Against python-dbusmock's login manager, whose inhibitors are real descriptors: systemd does not run here."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sparewatt.host.sleep.logind import ASK_AGAIN_SECONDS, LogindSleepWatch

Until = Callable[[Callable[[], bool]], None]
Make = Callable[[str], LogindSleepWatch]
NONE = "(@a(ssssuu) [],)\n"


class SetClock:
    """Monotonic seconds as a test sets them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def told() -> list[bool]:
    return []


@pytest.fixture
def watch(clock: SetClock, told: list[bool]) -> Iterator[Make]:
    made: list[LogindSleepWatch] = []

    def make(address: str) -> LogindSleepWatch:
        made.append(LogindSleepWatch(address, told.append, clock))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_nothing_is_asked_of_the_bus_while_nothing_computes(watch: Make) -> None:
    tested = watch("unix:path=/nonexistent/bus")
    tested.want(wanted=False)
    assert (tested.waits, tested.reason, tested.sleeping) == (None, "", False)


def test_the_system_waits_while_something_computes(bus: str, login_manager: Any, watch: Make, until: Until) -> None:
    tested = watch(bus)
    tested.want(wanted=True)
    until(lambda: tested.waits is True)
    assert tested.reason == ""
    held = login_manager.answer("ListInhibitors")
    assert held.startswith("([('sleep', 'Sparewatt', ")
    assert "'delay'" in held
    tested.want(wanted=False)
    until(lambda: login_manager.answer("ListInhibitors") == NONE)
    assert tested.waits is None


def test_a_coming_sleep_is_told_and_let_come_once_everything_has_left(
    bus: str, login_manager: Any, watch: Make, told: list[bool], until: Until
) -> None:
    tested = watch(bus)
    tested.want(wanted=True)
    until(lambda: tested.waits is True)
    login_manager.signal("PrepareForSleep", "b", "[<true>]")
    until(lambda: told == [True])
    assert tested.sleeping
    assert login_manager.answer("ListInhibitors") != NONE, "the worker has not left yet"
    tested.want(wanted=False)
    until(lambda: login_manager.answer("ListInhibitors") == NONE)
    login_manager.signal("PrepareForSleep", "b", "[<false>]")
    until(lambda: told == [True, False])
    assert not tested.sleeping
    assert login_manager.answer("ListInhibitors") == NONE, "nothing computes yet"
    tested.want(wanted=True)
    until(lambda: login_manager.answer("ListInhibitors") != NONE)


def test_what_does_not_leave_is_not_waited_for(
    bus: str, login_manager: Any, watch: Make, clock: SetClock, told: list[bool], until: Until
) -> None:
    tested = watch(bus)
    tested.want(wanted=True)
    until(lambda: tested.waits is True)
    login_manager.signal("PrepareForSleep", "b", "[<true>]")
    until(lambda: told == [True])
    clock.now = 3.0
    until(lambda: login_manager.answer("ListInhibitors") == NONE)
    login_manager.signal("PrepareForSleep", "b", "[<false>]")
    until(lambda: login_manager.answer("ListInhibitors") != NONE)
    assert told == [True, False]


def test_somebody_elses_word_of_a_sleep_counts_for_nothing(
    bus: str, login_manager: Any, watch: Make, told: list[bool], until: Until
) -> None:
    tested = watch(bus)
    tested.want(wanted=True)
    until(lambda: tested.waits is True)
    connection = tested._bus._connection
    assert connection is not None
    signal = ["--object-path", "/org/freedesktop/login1", "--signal", "org.freedesktop.login1.Manager.PrepareForSleep"]
    command = ["gdbus", "emit", "--address", bus, "--dest", connection.unique_name, *signal, "true"]
    subprocess.run(command, check=True, timeout=20)
    login_manager.signal("PrepareForSleep", "b", "[<true>]")
    login_manager.signal("PrepareForSleep", "b", "[<false>]")
    until(lambda: len(told) >= 2)
    assert told == [True, False]


def test_a_login_manager_that_goes_is_asked_again_when_it_is_back(
    bus: str, login_manager: Any, watch: Make, clock: SetClock, told: list[bool], until: Until
) -> None:
    tested = watch(bus)
    tested.want(wanted=True)
    until(lambda: tested.waits is True)
    login_manager.stop()
    until(lambda: tested.reason == "no_service")
    assert tested.waits is None
    assert told == []
    login_manager.start()

    def asked_again() -> bool:
        if tested.reason == "no_service":
            clock.now += ASK_AGAIN_SECONDS
            tested.want(wanted=False)  # so that it looks at the clock
            tested.want(wanted=True)
        return tested.waits is True

    until(asked_again)


def test_a_login_manager_that_goes_during_a_sleep_leaves_nothing_stopped(
    bus: str, login_manager: Any, watch: Make, told: list[bool], until: Until
) -> None:
    tested = watch(bus)
    tested.want(wanted=True)
    until(lambda: tested.waits is True)
    login_manager.signal("PrepareForSleep", "b", "[<true>]")
    until(lambda: told == [True])
    login_manager.stop()
    until(lambda: told == [True, False])
    assert not tested.sleeping


def test_a_login_manager_that_refuses_has_its_reason(
    bus: str, mock_service: Callable[[str, str, str], Any], watch: Make, until: Until
) -> None:
    service = mock_service("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
    service.steer(
        "AddMethod", service.interface, "Inhibit", "ssss", "h",
        "raise dbus.exceptions.DBusException('no', name='org.freedesktop.DBus.Error.AccessDenied')",
    )  # fmt: skip
    tested = watch(bus)
    tested.want(wanted=True)
    until(lambda: tested.reason == "refused")
    assert tested.waits is None


@pytest.mark.parametrize("address", ["", "unix:path=/nonexistent/bus", "tcp:host=localhost"])
def test_without_a_bus_there_is_a_reason_and_nothing_waits(address: str, watch: Make, until: Until) -> None:
    tested = watch(address)
    tested.want(wanted=True)
    until(lambda: tested.reason == "no_system_bus")
    assert tested.waits is None
    tested.want(wanted=False)
    assert tested.reason == ""


def test_a_bus_that_never_answers_holds_nobody_up(tmp_path: Path, watch: Make, until: Until) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "bus"))
        silent.listen()
        tested = watch(f"unix:path={tmp_path}/bus")
        tested.want(wanted=True)
        until(lambda: tested.reason in ("no_answer", "no_system_bus"))
        tested.want(wanted=False)
        tested.close()
        assert tested.waits is None
