"""Computers that are only a network: namespaces with a cable from each to the first, made and removed here."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SECONDS_MOST = 20.0


@dataclass(frozen=True)
class Computer:
    """Attributes:
    name: of its namespace.
    address: on its cable.
    """

    name: str
    address: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """Before a command that is to run on this computer."""
        return ("ip", "netns", "exec", self.name)


@dataclass(frozen=True)
class Cable:
    """From the middle to one computer.

    Attributes:
        middle_address: of the middle, as this computer sees it.
    """

    middle: str
    interface: str
    middle_address: str
    computer: Computer

    def cut(self) -> None:
        _ip("-n", self.middle, "link", "set", self.interface, "down")

    def mend(self) -> None:
        _ip("-n", self.middle, "link", "set", self.interface, "up")


@dataclass(frozen=True)
class Network:
    """One computer in the middle, and others that can reach only it."""

    middle: Computer
    cables: tuple[Cable, ...]


def why_impossible() -> str | None:
    """Why no namespaces can be made here; None when they can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    if shutil.which("ip") is None:
        return "there is no ip command (iproute2)"
    name = _name("probe")
    if _run("netns", "add", name) != 0:
        return "this system makes no network namespaces"
    made = _run("-n", name, "link", "add", "name", "near", "type", "veth", "peer", "name", "far")
    _run("netns", "del", name)
    return None if made == 0 else "this system makes no virtual cables"


@contextmanager
def network(computers: int) -> Iterator[Network]:
    """A network of its own for this process; it is gone afterwards, whatever happened."""
    middle = Computer(_name("middle"), "")
    others = [Computer(_name(f"far{number}"), f"10.77.{number}.2") for number in range(1, computers + 1)]
    try:
        for each in (middle, *others):
            _ip("netns", "add", each.name)
            _ip("-n", each.name, "link", "set", "lo", "up")
        cables = tuple(_cable(middle, number, each) for number, each in enumerate(others, 1))
        yield Network(middle, cables)
    finally:
        for each in (middle, *others):
            _run("netns", "del", each.name)


def _cable(middle: Computer, number: int, far: Computer) -> Cable:
    near, address = f"far{number}", f"10.77.{number}.1"
    _ip("-n", middle.name, "link", "add", "name", near, "type", "veth", "peer", "name", "middle", "netns", far.name)
    _ip("-n", middle.name, "address", "add", f"{address}/24", "dev", near)
    _ip("-n", far.name, "address", "add", f"{far.address}/24", "dev", "middle")
    _ip("-n", middle.name, "link", "set", near, "up")
    _ip("-n", far.name, "link", "set", "middle", "up")
    return Cable(middle.name, near, address, far)


def _name(of: str) -> str:
    return f"sparewatt-{os.getpid()}-{of}"


def _ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True, timeout=SECONDS_MOST, capture_output=True)


def _run(*arguments: str) -> int:
    return subprocess.run(("ip", *arguments), check=False, timeout=SECONDS_MOST, capture_output=True).returncode
