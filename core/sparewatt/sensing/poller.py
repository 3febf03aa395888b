"""What the sensor process does, with time as a value: frames in, frames out, and when it wants to be called again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sparewatt.host.device import Device
from sparewatt.host.ports import ComputerSource, DeviceSource
from sparewatt.host.sample import Sample, SensorFault
from sparewatt.sensing.backoff import retry_delay_s
from sparewatt.sensing.messages import (
    Devices,
    Discover,
    EngineFrame,
    Poll,
    Readings,
    Samples,
    SensorFrame,
    SensorLost,
    Stop,
)

# While something computes a low battery or memory must be seen soon; else the computer is left in peace.
READING_INTERVAL_BUSY_S: Final = 1.0
READING_INTERVAL_IDLE_S: Final = 5.0


@dataclass
class _Polled:
    failures: int = 0
    not_before_s: float = 0.0


@dataclass
class Poller:
    """Polls what the engine asked for.

    Attributes:
        sources: kind of device → source.
        stopped: whether `Stop` was handled.
    """

    sources: Mapping[str, DeviceSource]
    computer: ComputerSource
    stopped: bool = False
    _polled: dict[str, _Polled] = field(default_factory=dict)
    _interval_s: float = 1.0
    _sample_s: float = 0.0
    _reading_s: float = 0.0

    def handle(self, frame: EngineFrame, now: float) -> tuple[SensorFrame, ...]:
        """Obey one frame; the answers to it."""
        match frame:
            case Discover():
                return (self._discover(),)
            case Poll():
                self._polled = {device: self._polled.get(device, _Polled()) for device in frame.devices}
                self._interval_s = frame.interval_milliseconds / 1000
                self._sample_s = now
                self._reading_s = min(self._reading_s, now + self._reading_interval_s)
                self._close_unneeded()
            case Stop():
                self._polled = {}
                self._close_unneeded()
                self.stopped = True
        return ()

    def due(self, now: float, unix_s: float) -> tuple[SensorFrame, ...]:
        """Read whatever it is time for."""
        frames: list[SensorFrame] = []
        if now >= self._reading_s:
            self._reading_s = now + self._reading_interval_s
            frames.append(Readings(self.computer.read(unix_s)))
        if self._polled and now >= self._sample_s:
            # Counted from now, not from when it was due: after a hang missed samples are not made up for.
            self._sample_s = now + self._interval_s
            frames += self._sampled(now)
        return tuple(frames)

    def next_due_s(self) -> float:
        """Monotonic moment at which `due` has something to do again."""
        return min(self._reading_s, self._sample_s) if self._polled else self._reading_s

    @property
    def _reading_interval_s(self) -> float:
        return READING_INTERVAL_BUSY_S if self._polled else READING_INTERVAL_IDLE_S

    def _sampled(self, now: float) -> Iterable[SensorFrame]:
        samples: list[Sample] = []
        frames: list[SensorFrame] = []
        for device, polled in self._polled.items():
            if now < polled.not_before_s:
                continue
            found = self._read(device, now)
            if isinstance(found, Sample):
                polled.failures = 0
                samples.append(found)
                continue
            polled.failures += 1
            delay_s = retry_delay_s(polled.failures)
            polled.not_before_s = now + delay_s
            frames.append(SensorLost(found, delay_s))
        # Also when it is empty: it shows that the polling goes on.
        frames.append(Samples(tuple(samples)))
        return frames

    def _read(self, device: str, now: float) -> Sample | SensorFault:
        source = self.sources.get(_kind(device))
        if source is None:
            return SensorFault(device, "sensor.unknown_device", {"device": device})
        return source.read(device, now)

    def _discover(self) -> Devices:
        devices: list[Device] = []
        faults: list[SensorFault] = []
        for source in self.sources.values():
            found = source.devices()
            if isinstance(found, SensorFault):
                faults.append(found)
            else:
                devices += found
        self._close_unneeded()
        return Devices(tuple(devices), tuple(faults))

    def _close_unneeded(self) -> None:
        needed = {_kind(device) for device in self._polled}
        for kind, source in self.sources.items():
            if kind not in needed:
                source.close()


def _kind(device: str) -> str:
    return device.partition(":")[0]
