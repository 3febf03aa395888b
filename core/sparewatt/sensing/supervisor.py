"""The engine's side of the sensor process: keeps it running and hands on what it says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Protocol

import msgspec

from sparewatt.clock import Clock
from sparewatt.errors import ProtocolError, UnavailableError
from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.host.sample import Sample, SensorFault
from sparewatt.plain_json import Unreadable, decoded_by
from sparewatt.sensing.messages import (
    PROGRAMS_MOST,
    Devices,
    Discover,
    EngineFrame,
    Poll,
    Readings,
    Samples,
    SensorFrame,
    SensorLost,
    Sleeping,
)
from sparewatt.sensing.watch import ClockBridge, Watch

TICK_S: Final = 1.0
# While nothing is polled only readings come, every ten seconds, and their silence is no danger to any card.
REST_TICK_S: Final = 30.0
STOP_MOST_S: Final = 2.0


class SensorChild(Protocol):
    """What is needed of `process.child.Child`."""

    async def send(self, payload: bytes) -> None: ...

    def frames(self) -> AsyncIterator[bytes]: ...

    async def stop(self, *, by_itself_seconds: float, terminate_seconds: float = 1.0) -> object: ...


class SensingListener(Protocol):
    """Who is told what the sensors say; called on the event loop, must not block."""

    def on_devices(self, devices: tuple[Device, ...], faults: tuple[SensorFault, ...]) -> None: ...

    def on_samples(self, samples: tuple[Sample, ...]) -> None:
        """Samples with `t` in the engine's monotonic clock."""
        ...

    def on_reading(self, reading: Reading) -> None: ...

    def on_sleeping(self, coming: bool) -> None:
        """The computer is about to sleep, or awake again."""
        ...

    def on_sensor_lost(self, fault: SensorFault, retry_s: int) -> None: ...

    def on_sensing_state(self, watch: Watch) -> None:
        """The process was started, heard for the first time, or has ended."""
        ...


class SensingSupervisor:
    """Runs the sensor process.

    Args:
        spawn: starts it; raises UnavailableError when that fails.
        tick_s: how often its silence is looked at while something is polled.
    """

    def __init__(
        self,
        spawn: Callable[[], Awaitable[SensorChild]],
        clock: Clock,
        listener: SensingListener,
        tick_s: float = TICK_S,
    ) -> None:
        self._spawn = spawn
        self._clock = clock
        self._listener = listener
        self._tick_s = tick_s
        self._watch = Watch()
        self._bridge = ClockBridge()
        self._poll = Poll((), 1000)
        self._unsent: list[EngineFrame] = []
        self._wake = asyncio.Event()
        self._decoder: msgspec.json.Decoder[SensorFrame] = msgspec.json.Decoder(SensorFrame)

    @property
    def watch(self) -> Watch:
        return self._watch

    def poll(
        self,
        devices: tuple[str, ...],
        interval_milliseconds: int = 500,
        programs: tuple[str, ...] = (),
        on_battery: bool = False,
        delay_sleep: bool = False,
    ) -> None:
        """Sample these devices from now on, none when empty; asking again for the same changes nothing.

        Args:
            programs: names of programs whose running is to be told in readings; beyond `PROGRAMS_MOST` left out.
            on_battery: whether drivers may be opened on battery, too (the person's setting).
            delay_sleep: whether something computes that a sleep of the computer has to wait for.
        """
        poll = Poll(devices, interval_milliseconds, programs[:PROGRAMS_MOST], on_battery, delay_sleep)
        if poll == self._poll:
            return
        if devices != self._poll.devices or interval_milliseconds != self._poll.interval_milliseconds:
            self._watch = self._watch.asked(bool(devices), self._clock.monotonic())
        self._poll = poll
        self._unsent = [frame for frame in self._unsent if not isinstance(frame, Poll)] + [poll]
        self._wake.set()

    def discover(self) -> None:
        """Look for devices again; it is also done at every start."""
        if not any(isinstance(frame, Discover) for frame in self._unsent):
            self._unsent.append(Discover())
        self._wake.set()

    async def run(self) -> None:
        """Keep the process running until cancelled; it is gone when this ends."""
        while True:
            if self._watch.verdict(self._clock.monotonic()) == "start":
                await self._live()
            await asyncio.sleep(self._tick_s)

    async def _live(self) -> None:
        """One life of the process, from its start to its end."""
        try:
            child = await self._spawn()
        except UnavailableError:
            self._change(self._watch.ended(self._clock.monotonic()))
            return
        self._bridge = ClockBridge()
        self._change(self._watch.started(self._clock.monotonic()))
        self._unsent = [Discover(), self._poll]
        self._wake.set()
        receiving = asyncio.create_task(self._receive(child))
        patience_s = STOP_MOST_S
        try:
            await self._accompany(child, receiving)
            patience_s = 0.0  # silent, broken or gone: nothing to wait for
        finally:
            receiving.cancel()
            await child.stop(by_itself_seconds=patience_s, terminate_seconds=0)
            self._change(self._watch.ended(self._clock.monotonic()))

    async def _accompany(self, child: SensorChild, receiving: "asyncio.Task[None]") -> None:
        waking = asyncio.create_task(self._wake.wait())
        try:
            while self._watch.verdict(self._clock.monotonic()) != "kill":
                await asyncio.wait({receiving, waking}, timeout=self._look_again_s, return_when="FIRST_COMPLETED")
                if receiving.done():
                    receiving.result()  # a bug in a listener must not pass for a lost sensor
                    return
                if waking.done():
                    self._wake.clear()
                    waking = asyncio.create_task(self._wake.wait())
                    await self._send_unsent(child)
        except ProtocolError:  # its pipe is closed or stuck: it is replaced
            return
        finally:
            waking.cancel()

    @property
    def _look_again_s(self) -> float:
        return self._tick_s if self._poll.devices or self._watch.state != "running" else max(self._tick_s, REST_TICK_S)

    async def _send_unsent(self, child: SensorChild) -> None:
        unsent, self._unsent = self._unsent, []
        for frame in unsent:
            await child.send(msgspec.json.encode(frame))

    async def _receive(self, child: SensorChild) -> None:
        try:
            async for payload in child.frames():
                self._hand_on(decoded_by(self._decoder, payload))
        except (ProtocolError, Unreadable):  # a damaged process: it is replaced
            return

    def _hand_on(self, received: SensorFrame) -> None:
        now = self._clock.monotonic()
        first = self._watch.state == "starting"
        self._watch = self._watch.heard(isinstance(received, Samples), now)
        if first:
            self._listener.on_sensing_state(self._watch)
        match received:
            case Devices():
                self._listener.on_devices(received.devices, received.faults)
            case Samples():
                self._listener.on_samples(tuple(self._here(sample, now) for sample in received.samples))
            case Readings():
                self._listener.on_reading(received.reading)
            case Sleeping():
                self._listener.on_sleeping(received.coming)
            case SensorLost():
                self._listener.on_sensor_lost(received.fault, received.retry_s)

    def _here(self, sample: Sample, now: float) -> Sample:
        self._bridge = self._bridge.seen(sample.t, now)
        return msgspec.structs.replace(sample, t=self._bridge.here(sample.t))

    def _change(self, watch: Watch) -> None:
        self._watch = watch
        self._listener.on_sensing_state(watch)
