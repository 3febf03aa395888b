"""The real sensor process inside a real session: what it tells of the person at the screen."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec
import psutil
import pytest

from sparewatt.host.desktop_session import session_variables
from sparewatt.host.reading import Reading
from sparewatt.process.child import environment_for
from sparewatt.process.frames import FrameReader, frame
from sparewatt.sensing.messages import Discover, EngineFrame, Poll, Readings, SensorFrame

pytestmark = pytest.mark.processes

Server = tuple[str, "subprocess.Popen[str]"]
MEBIBYTE = 2**20


@pytest.fixture
def sensors(x_server: Server, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Started as the engine starts it, out of a session on the X server."""
    session = {**os.environ, "DISPLAY": x_server[0], "XDG_SESSION_TYPE": "x11", "WAYLAND_DISPLAY": ""}
    environment = environment_for(session, session_variables(session))
    command = [sys.executable, "-P", "-m", "sparewatt.sensing", str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def tell(process: "subprocess.Popen[bytes]", said: EngineFrame) -> None:
    assert process.stdin is not None
    process.stdin.write(frame(msgspec.json.encode(said)))
    process.stdin.flush()


def readings(process: "subprocess.Popen[bytes]") -> Iterator[Reading]:
    output: IO[bytes] | None = process.stdout
    assert output is not None
    decoder: msgspec.json.Decoder[SensorFrame] = msgspec.json.Decoder(SensorFrame)
    reader = FrameReader()
    while data := output.read1(65536):  # type: ignore[attr-defined]
        for payload in reader.receive(data):
            received = decoder.decode(payload)
            if isinstance(received, Readings):
                yield received.reading


def idle_s(reading: Reading) -> float:
    assert (reading.seat, reading.idle_source) == (True, "xscreensaver")
    assert reading.idle_s is not None
    return reading.idle_s


def test_it_sees_the_person_of_its_session_go_and_come_back(
    sensors: "subprocess.Popen[bytes]", xdotool: Callable[..., None]
) -> None:
    tell(sensors, Poll(("cpu",), 500))
    heard = (reading for reading in readings(sensors) if reading.idle_source != "not_yet")
    before = next(reading for reading in heard if idle_s(reading) > 1.0)
    xdotool("mousemove", "300", "200")
    assert any(idle_s(reading) < idle_s(before) for reading in heard)


def test_at_rest_it_takes_little_memory(sensors: "subprocess.Popen[bytes]") -> None:
    tell(sensors, Discover())
    heard = readings(sensors)
    next(reading for reading in heard if reading.idle_source != "not_yet")
    process = psutil.Process(sensors.pid)
    # Half of what engine and sensors may take together; the figure itself is measured by the benchmark.
    assert process.memory_full_info().pss < 40 * MEBIBYTE
