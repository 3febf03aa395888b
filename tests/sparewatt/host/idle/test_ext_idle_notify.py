"""Against a real compositor, KWin, whose person is a client that may pretend input."""

import ast
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sparewatt.host.idle.ext_idle_notify import ExtIdleNotify
from sparewatt.host.unknown import Unknown

# Moves the pointer once for every line it is told. Its protocol is KWin's own, for tests and remote control.
PERSON = """
import sys
from pywayland.client import Display
from pywayland.protocol_core import Argument, ArgumentType, Interface, Proxy

class FakeInput(Interface):
    name = "org_kde_kwin_fake_input"
    version = 1

class FakeInputProxy(Proxy[FakeInput]):
    interface = FakeInput

    @FakeInput.request(Argument(ArgumentType.String), Argument(ArgumentType.String))
    def authenticate(self, application, reason):
        self._marshal(0, application, reason)

    @FakeInput.request(Argument(ArgumentType.Fixed), Argument(ArgumentType.Fixed))
    def pointer_motion(self, right, down):
        self._marshal(1, right, down)

FakeInput.proxy_class = FakeInputProxy
FakeInput._gen_c()
display = Display(sys.argv[1])
display.connect()
registry = display.get_registry()
offered = {}
def note(registry, number, name, version):
    offered.setdefault(name, number)
registry.dispatcher["global"] = note
display.roundtrip()
person = registry.bind(offered["org_kde_kwin_fake_input"], FakeInput, 1)
person.authenticate("test", "test")
display.roundtrip()
for _ in sys.stdin:
    person.pointer_motion(5, 5)
    display.roundtrip()
    print("moved", flush=True)
display.disconnect()
"""
Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def move_pointer(compositor: str) -> Iterator[Callable[[], None]]:
    with subprocess.Popen(
        [sys.executable, "-c", PERSON, compositor], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as person:

        def move() -> None:
            assert person.stdin is not None
            assert person.stdout is not None
            person.stdin.write("\n")
            person.stdin.flush()
            assert person.stdout.readline() == "moved\n"

        yield move
        person.kill()


def seconds(found: float | Unknown) -> float:
    assert isinstance(found, float), found
    return found


def test_idle_time_rises_until_somebody_moves_the_pointer(
    compositor: str, move_pointer: Callable[[], None], until: Until
) -> None:
    source = ExtIdleNotify(compositor, time.monotonic)
    move_pointer()
    assert seconds(source.read()) == 0.0
    until(lambda: seconds(source.read()) > 1.2)
    before = seconds(source.read())
    move_pointer()
    until(lambda: seconds(source.read()) < before)
    source.close()


def test_a_compositor_that_goes_away_is_unknown(compositor: str, until: Until) -> None:
    source = ExtIdleNotify(compositor, time.monotonic)
    seconds(source.read())
    source.close()
    Path(compositor).unlink()
    assert source.read() == Unknown("no_display")


def test_a_session_without_compositor_has_a_reason(tmp_path: Path) -> None:
    assert ExtIdleNotify(str(tmp_path / "nobody"), time.monotonic).read() == Unknown("no_display")


def test_the_person_is_a_program_that_can_be_read() -> None:
    ast.parse(PERSON)
