"""Desktops in miniature: an X server without a screen, a compositor without a card, buses with stand-in services."""

import os
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sparewatt.host.bus import Bus, session_bus

# dbusmock and its bindings are packages of the system, not of the environment that the suite runs in.
SYSTEM_PYTHON = "/usr/bin/python3"
KWIN = "/usr/bin/kwin_wayland"


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for another process, however slow the computer is."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def needs(*programs: str) -> None:
    """Skip where a program is not installed, which is named: a developer's computer may lack what stands in for a
    desktop's services. In CI a skip fails the run."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def answers(path: Path) -> bool:
    """Whether somebody listens on a socket; its file is there a moment earlier."""
    with socket.socket(socket.AF_UNIX) as tried:
        return tried.connect_ex(str(path)) == 0


def end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


@pytest.fixture
def x_server() -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A private X server: its display and its process."""
    needs("Xvfb", "xdotool")
    number, told = os.pipe()
    command = ["Xvfb", "-displayfd", str(told), "-screen", "0", "800x600x24", "-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(command, pass_fds=(told,), stderr=subprocess.DEVNULL, text=True) as process:
        os.close(told)
        ready, _, _ = select.select([number], [], [], 20)
        assert ready, "Xvfb did not start"
        with os.fdopen(number, encoding="ascii") as told_number:  # it writes number and end of line apart
            display = ":" + told_number.readline().strip()
        yield display, process
        end(process)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    return wait_until


@pytest.fixture
def xdotool(x_server: tuple[str, "subprocess.Popen[str]"]) -> Callable[..., None]:
    """Be the person at the X server: words of xdotool."""

    def act(*words: str) -> None:
        subprocess.run(["xdotool", *words], env={**os.environ, "DISPLAY": x_server[0]}, check=True, timeout=20)

    return act


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    """The address of a private message bus."""
    needs("dbus-daemon", "dbus-send", "gdbus", SYSTEM_PYTHON)
    configuration = tmp_path / "bus.conf"
    configuration.write_text(
        '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" '
        '"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">\n'
        f"<busconfig><type>session</type><listen>unix:path={tmp_path}/bus</listen>"
        '<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>'
        '<allow own="*"/></policy></busconfig>\n'
    )
    command = ["dbus-daemon", f"--config-file={configuration}", "--nofork"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True) as process:
        wait_until(lambda: answers(tmp_path / "bus"))
        yield f"unix:path={tmp_path}/bus"
        end(process)


@pytest.fixture
def session_bus_at() -> Iterator[Callable[[str], Bus]]:
    """Reaches the bus at an address."""
    opened: list[Bus] = []

    def reach(address: str) -> Bus:
        opened.append(session_bus(address))
        return opened[-1]

    yield reach
    for each in opened:
        each.close()


@pytest.fixture
def mock_service(bus: str) -> Iterator[Callable[[str, str, str], "MockedService"]]:
    """Starts stand-in services (python-dbusmock) on the private bus: (name, path, interface) → service."""
    services: list[MockedService] = []

    def start(name: str, path: str, interface: str) -> MockedService:
        services.append(MockedService(bus, name, path, interface))
        return services[-1]

    yield start
    for service in services:
        end(service.process)


@pytest.fixture
def login_manager(bus: str) -> Iterator["MockedService"]:
    """python-dbusmock's stand-in for systemd's login manager: its inhibitors are real descriptors, and it notices when
    one is closed."""
    name = "org.freedesktop.login1"
    service = MockedService(bus, name, "/org/freedesktop/login1", f"{name}.Manager", "--template", "logind")
    yield service
    end(service.process)


class MockedService:
    """A service of python-dbusmock, steered by its own D-Bus interface."""

    def __init__(self, bus: str, name: str, path: str, interface: str, *template: str) -> None:
        self.bus, self.name, self.path, self.interface = bus, name, path, interface
        self._command = [SYSTEM_PYTHON, "-m", "dbusmock", *(template or ("--session", name, path, interface))]
        self.start()

    def start(self) -> None:
        """Be on the bus, also once more after `stop`."""
        environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": self.bus, "DBUS_SYSTEM_BUS_ADDRESS": self.bus}
        self.process = subprocess.Popen(self._command, env=environment, stdout=subprocess.DEVNULL, text=True)
        wait_until(lambda: self._ask(["--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner",
                                      f"string:{self.name}"]).endswith("boolean true"))  # fmt: skip

    def stop(self) -> None:
        end(self.process)

    def _ask(self, words: list[str]) -> str:
        command = ["dbus-send", f"--bus={self.bus}", "--print-reply", "--type=method_call", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20).stdout.strip()

    def steer(self, member: str, *values: str, path: str | None = None) -> None:
        """Call the service's own `member`, with values as ``gdbus`` writes them."""
        command = ["gdbus", "call", "--address", self.bus, "--dest", self.name, "--object-path", path or self.path,
                   "--method", f"org.freedesktop.DBus.Mock.{member}", *values]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode == 0, done.stderr

    def answer(self, member: str) -> str:
        """What the service answers to a method without arguments, as ``gdbus`` writes it."""
        command = ["gdbus", "call", "--address", self.bus, "--dest", self.name, "--object-path", self.path,
                   "--method", f"{self.interface}.{member}"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def signal(self, name: str, signature: str, values: str) -> None:
        """Send a signal; `values` as ``gdbus`` writes a list of variants, such as ``[<true>]``."""
        self.steer("EmitSignal", self.interface, name, signature, values)

    def method(self, name: str, arguments: str, returns: str, code: str, path: str | None = None) -> None:
        """Have a method that answers with the value of a piece of Python."""
        self.steer("AddMethod", self.interface, name, arguments, returns, f"ret = {code}", path=path)

    def property(self, name: str, value: str, interface: str | None = None, path: str | None = None) -> None:
        """Have a property; `value` as ``gdbus`` writes a variant, such as ``<true>``."""
        self.steer("AddProperty", interface or self.interface, name, value, path=path)

    def set(self, name: str, value: str, path: str | None = None) -> None:
        command = ["gdbus", "call", "--address", self.bus, "--dest", self.name, "--object-path", path or self.path,
                   "--method", "org.freedesktop.DBus.Properties.Set", self.interface, name, value]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode == 0, done.stderr

    def object(self, path: str, interface: str, properties: str) -> None:
        """Have one more object, its properties as ``{'Name': <value>}``."""
        self.steer("AddObject", path, interface, properties, "[]")


@pytest.fixture
def compositor(tmp_path: Path, bus: str) -> Iterator[str]:
    """A real KWin without a screen: the path of its Wayland socket."""
    needs(KWIN)
    # Debian lets KWin raise limits, and where that right cannot be given the system refuses to start it at all; a
    # copy has no special rights.
    program = tmp_path / "kwin_wayland"
    shutil.copyfile(KWIN, program)
    program.chmod(0o700)
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    environment = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(runtime),
        "HOME": str(tmp_path),
        "DBUS_SESSION_BUS_ADDRESS": bus,
        "KWIN_COMPOSE": "Q",
        "KWIN_WAYLAND_NO_PERMISSION_CHECKS": "1",
        "LD_LIBRARY_PATH": "",
    }
    command = [str(program), "--virtual", "--no-lockscreen", "--socket", "wayland-tested"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    ) as process:
        wait_until(lambda: answers(runtime / "wayland-tested"), 60)
        yield str(runtime / "wayland-tested")
        end(process)
