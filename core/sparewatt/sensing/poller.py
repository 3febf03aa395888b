"""What the sensor process does, with time as a value: frames in, frames out, and when it wants to be called again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sparewatt.host.device import Device
from sparewatt.host.plausible import Belief, believed
from sparewatt.host.ports import ComputerSource, DeviceSource
from sparewatt.host.reading import Reading
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
from sparewatt.sensing.places import Places

# While something computes a low battery or memory must be seen soon; else the computer is left in peace: a reading asks
# half a dozen services, each of which wakes up for it.
READING_INTERVAL_BUSY_S: Final = 1.0
READING_INTERVAL_IDLE_S: Final = 10.0
# A sensor that knows the instant only needs more of them for a mean that can be believed.
INSTANT_INTERVAL_S: Final = 0.2
# Kinds whose devices may sleep, and whose drivers keep them awake while they are open.
MAY_SLEEP: Final = frozenset({"cuda", "rocm", "xpu"})


@dataclass
class _Polled:
    failures: int = 0
    not_before_s: float = 0.0
    belief: Belief = field(default_factory=Belief)
    instant: bool = False


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
    _reading: Reading | None = None
    _programs: tuple[str, ...] = ()
    _on_battery: bool = False
    _undiscovered: frozenset[str] = frozenset()
    _devices: dict[str, Device] = field(default_factory=dict)
    _places: Places = field(default_factory=Places)

    def handle(self, frame: EngineFrame, now: float, unix_s: float) -> tuple[SensorFrame, ...]:
        """Obey one frame; the answers to it."""
        match frame:
            case Discover():
                return (self._discover(unix_s),)
            case Poll():
                self._polled = {device: self._polled.get(device, _Polled()) for device in frame.devices}
                self._interval_s = frame.interval_milliseconds / 1000
                self._programs, self._on_battery = frame.programs, frame.on_battery
                self._sample_s = now
                self._reading_s = min(self._reading_s, now + self._reading_interval_s)
                self.computer.delay_sleep(wanted=frame.delay_sleep)
                self._close_unneeded()
            case Stop():
                self._polled = {}
                self.computer.delay_sleep(wanted=False)
                self._close_unneeded()
                self.stopped = True
        return ()

    def due(self, now: float, unix_s: float) -> tuple[SensorFrame, ...]:
        """Read whatever it is time for."""
        frames: list[SensorFrame] = []
        if now >= self._reading_s:
            self._reading_s = now + self._reading_interval_s
            frames.append(Readings(self._read_computer(now, unix_s)))
            if any(self._may_open(kind) for kind in self._undiscovered):
                frames.append(self._discover(unix_s))
        if self._polled and now >= self._sample_s:
            frames += self._sampled(now)
            # Counted from now, not from when it was due: after a hang missed samples are not made up for.
            self._sample_s = now + self._sample_interval_s
        return tuple(frames)

    def next_due_s(self) -> float:
        """Monotonic moment at which `due` has something to do again."""
        return min(self._reading_s, self._sample_s) if self._polled else self._reading_s

    @property
    def _reading_interval_s(self) -> float:
        return READING_INTERVAL_BUSY_S if self._polled else READING_INTERVAL_IDLE_S

    @property
    def _sample_interval_s(self) -> float:
        if any(polled.instant for polled in self._polled.values()):
            return min(self._interval_s, INSTANT_INTERVAL_S)
        return self._interval_s

    def _read_computer(self, now: float, unix_s: float) -> Reading:
        self._places = self._places.begun(now)
        self._reading = self.computer.read(unix_s, self._programs, self._device_of)
        self._close_unneeded()
        return self._reading

    def _device_of(self, pid: int) -> str | None:
        """The device that a program draws on. A driver is opened for it only where that wakes and keeps nothing."""
        self._places = self._places.met(pid)
        if self._reading is not None and self._places.unknown(pid):
            kinds = [kind for kind in self.sources if kind in MAY_SLEEP and self._may_open(kind)]
            found = (self.sources[kind].device_of(pid) for kind in kinds)
            self._places = self._places.asked(pid, next((device for device in found if device is not None), None))
        return self._places.of(pid)

    def _may_open(self, kind: str) -> bool:
        """Whether the driver of a kind may be opened for more than sampling what was asked for."""
        if kind not in MAY_SLEEP or any(_kind(device) == kind for device in self._polled):
            return True
        source = None if self._reading is None else self._reading.power_source
        if source == "battery":
            return self._on_battery
        # It may be on its battery; then only cards that something else keeps awake anyway.
        return source is not None or not self.sources[kind].asleep()

    def _sampled(self, now: float) -> Iterable[SensorFrame]:
        samples: list[Sample] = []
        frames: list[SensorFrame] = []
        for device, polled in self._polled.items():
            if now < polled.not_before_s:
                continue
            found = self._read(device, now)
            if isinstance(found, Sample):
                polled.failures = 0
                samples.append(self._believed(found, polled))
                continue
            polled.failures += 1
            polled.belief, polled.instant = Belief(), False
            delay_s = retry_delay_s(polled.failures)
            polled.not_before_s = now + delay_s
            frames.append(SensorLost(found, delay_s))
        # Also when it is empty: it shows that the polling goes on.
        frames.append(Samples(tuple(samples)))
        return frames

    def _believed(self, sample: Sample, polled: _Polled) -> Sample:
        device = self._devices.get(sample.device)
        limit = None if device is None else device.power_limit_watts
        plausible, polled.belief = believed(sample, limit, polled.belief)
        polled.instant = plausible.power_kind == "instant"
        return plausible

    def _read(self, device: str, now: float) -> Sample | SensorFault:
        source = self.sources.get(_kind(device))
        if source is None:
            return SensorFault(device, "sensor.unknown_device", {"device": device})
        return source.read(device, now)

    def _discover(self, unix_s: float) -> Devices:
        if self._reading is None:  # what the computer runs on decides what may be opened
            self._reading = self.computer.read(unix_s, self._programs, lambda _pid: None)
        devices: list[Device] = []
        faults: list[SensorFault] = []
        shut = frozenset(kind for kind in self.sources if not self._may_open(kind))
        for kind, source in self.sources.items():
            if kind in shut:
                faults.append(SensorFault(kind, "sensor.waits_for_mains", {}, absent=True))
                continue
            found = source.devices()
            if isinstance(found, SensorFault):
                faults.append(found)
            else:
                devices += found
        self._undiscovered = shut
        self._devices |= {device.device: device for device in devices}
        self._close_unneeded()
        return Devices(tuple(devices), tuple(faults))

    def _close_unneeded(self) -> None:
        needed = {_kind(device) for device in self._polled}
        for kind, source in self.sources.items():
            if kind not in needed:
                source.close()


def _kind(device: str) -> str:
    return device.partition(":")[0]
