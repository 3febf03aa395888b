"""The real sensor process, over its real pipes."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sparewatt.clock import SystemClock
from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.host.sample import Sample, SensorFault
from sparewatt.process.child import Child, ChildCommand, start
from sparewatt.process.frames import FrameReader, frame
from sparewatt.sensing.messages import Devices, Discover, EngineFrame, Poll, Readings, Samples, SensorFrame, Stop
from sparewatt.sensing.supervisor import SensingSupervisor
from sparewatt.sensing.watch import Watch

pytestmark = pytest.mark.processes

MODULES_NEVER = ("torch", "numpy", "websockets", "cryptography", "keyring", "rich", "typer")


@pytest.fixture
def process(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "sparewatt.sensing", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        yield started
        started.kill()


def tell(process: "subprocess.Popen[bytes]", said: EngineFrame) -> None:
    assert process.stdin is not None
    process.stdin.write(frame(msgspec.json.encode(said)))
    process.stdin.flush()


def hear(process: "subprocess.Popen[bytes]") -> Iterator[SensorFrame]:
    assert process.stdout is not None
    decoder: msgspec.json.Decoder[SensorFrame] = msgspec.json.Decoder(SensorFrame)
    reader = FrameReader()
    while data := os.read(process.stdout.fileno(), 65_536):
        for payload in reader.receive(data):
            yield decoder.decode(payload)


def test_it_finds_the_processor_reads_the_computer_and_samples(process: "subprocess.Popen[bytes]") -> None:
    tell(process, Discover())
    tell(process, Poll(("cpu",), 200))
    wanted = {Devices, Readings, Samples}
    for heard in hear(process):
        wanted.discard(type(heard))
        if isinstance(heard, Devices):
            assert "cpu" in {device.device for device in heard.devices}
        if not wanted:
            break
    tell(process, Stop())
    assert process.wait(10) == 0


def test_it_ends_when_its_pipe_is_closed(process: "subprocess.Popen[bytes]") -> None:
    next(hear(process))
    assert process.stdin is not None
    process.stdin.close()
    closed = time.monotonic()
    process.wait(10)
    assert time.monotonic() - closed < 3.0


class Heard:
    """A listener that waits for the first sample."""

    def __init__(self) -> None:
        self.devices: tuple[Device, ...] = ()
        self.sampled: asyncio.Future[Sample] = asyncio.get_running_loop().create_future()

    def on_devices(self, devices: tuple[Device, ...], faults: tuple[SensorFault, ...]) -> None:
        self.devices = devices

    def on_samples(self, samples: tuple[Sample, ...]) -> None:
        if samples and not self.sampled.done():
            self.sampled.set_result(samples[0])

    def on_reading(self, reading: Reading) -> None: ...

    def on_sleeping(self, coming: bool) -> None: ...

    def on_sensor_lost(self, fault: SensorFault, retry_s: int) -> None: ...

    def on_sensing_state(self, watch: Watch) -> None: ...


def test_the_supervisor_brings_samples_of_the_real_process_and_leaves_none_behind(tmp_path: Path) -> None:
    command = ChildCommand([sys.executable, "-m", "sparewatt.sensing", str(tmp_path)], environment=dict(os.environ))
    children: list[Child] = []

    async def spawn() -> Child:
        children.append(await start(command, lambda _: None))
        return children[-1]

    async def work() -> None:
        heard, clock = Heard(), SystemClock()
        supervisor = SensingSupervisor(spawn, clock, heard)
        supervisor.poll(("cpu",), 200)
        running = asyncio.create_task(supervisor.run())
        sample = await asyncio.wait_for(heard.sampled, 20)
        assert sample.device == "cpu"
        assert abs(clock.monotonic() - sample.t) < 2.0
        assert "cpu" in {device.device for device in heard.devices}
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(work())
    (child,) = children
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


def test_its_imports_are_few() -> None:
    script = f"import sys, sparewatt.sensing.__main__; print([m for m in {MODULES_NEVER!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
