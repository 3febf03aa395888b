"""What the sensor process said last, for whoever decides, paces and shows."""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from sparewatt.clock import Clock
from sparewatt.engine.decisions import DecisionDesk, SensorState
from sparewatt.engine.series import Series
from sparewatt.errors import SparewattError
from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.host.sample import Sample, SensorFault
from sparewatt.sensing.pacer import Pacer
from sparewatt.sensing.watch import Watch

POWER_POINT_SECONDS: Final = 2.0
_EVENTS: Final = (
    "power_source",
    "locked",
    "other_user",
    "sleeping",
    "low_power_mode",
    "metered",
    "games",
    "programs",
)


# After so long without an input nobody sits there who could feel a micro-batch.
_ACTIVE_SECONDS: Final = 60.0


def person_active(reading: Reading) -> bool:
    """Whether somebody uses the computer; where that cannot be known, somebody does."""
    if reading.seat is False:
        return False
    return reading.idle_s is None or reading.idle_s < _ACTIVE_SECONDS


class SensorDesk:
    """Hears the sensor process (`sensing.supervisor.SensingListener`).

    Attributes:
        every_reading_wakes: the engine rests and looks whenever a reading comes, instead of by a clock of its own.
    """

    def __init__(
        self,
        desk: DecisionDesk,
        pacer: Pacer,
        series: Series,
        clock: Clock,
        found: Callable[[tuple[Device, ...]], None],
        wake: Callable[[], None],
    ) -> None:
        self.samples: dict[str, Sample] = {}
        self.faults: dict[str, SensorFault] = {}
        self.watch = Watch()
        self.every_reading_wakes = False
        self._desk = desk
        self._pacer = pacer
        self._series = series
        self._clock = clock
        self._found = found
        self._wake = wake
        self._power_point_at = 0.0

    @property
    def state(self) -> Literal["off", "starting", "running", "failed"]:
        return self.watch.state

    @property
    def error(self) -> SparewattError | None:
        """The last fault of any sensor that should be there."""
        fault = next((fault for fault in self.faults.values() if not fault.absent), None)
        return None if fault is None else SparewattError(fault.error_id, **fault.parameters)

    def on_devices(self, devices: tuple[Device, ...], faults: tuple[SensorFault, ...]) -> None:
        # What was wrong with a whole kind when it was last looked for is answered anew; single devices stay lost.
        self.faults = {name: fault for name, fault in self.faults.items() if name in self._desk.sensors}
        for fault in faults:
            self.faults[fault.device] = fault
        self._pacer.found(devices)
        self._found(devices)
        self._wake()

    def on_samples(self, samples: tuple[Sample, ...]) -> None:
        for sample in samples:
            self.samples[sample.device] = sample
            self._pacer.sampled(sample)
            self._desk.sensors[sample.device] = "working"
            self.faults.pop(sample.device, None)
        self._note_power(samples)

    def on_reading(self, reading: Reading) -> None:
        before, self._desk.reading = self._desk.reading, reading
        self._pacer.person(active=person_active(reading))
        if before is None or self.every_reading_wakes or _turned(before, reading):
            self._wake()

    def on_sleeping(self, coming: bool) -> None:
        # Before the first reading nothing computes.
        if self._desk.reading is not None:
            self.on_reading(msgspec.structs.replace(self._desk.reading, sleeping=coming))

    def on_sensor_lost(self, fault: SensorFault, retry_s: int) -> None:  # noqa: ARG002 - the process retries by itself
        self.faults[fault.device] = fault
        if not fault.absent:
            self._set_all("lost", only=fault.device)
        self._wake()

    def on_sensing_state(self, watch: Watch) -> None:
        self.watch = watch
        if watch.state == "failed":
            self._set_all("lost")
        elif watch.state == "running":
            self._set_all("waiting", only_from="lost")
        self._wake()

    def _set_all(self, state: SensorState, only: str | None = None, only_from: SensorState | None = None) -> None:
        for device, before in self._desk.sensors.items():
            if (only is None or only == device) and (only_from is None or only_from == before):
                self._desk.sensors[device] = state

    def _note_power(self, samples: tuple[Sample, ...]) -> None:
        now = self._clock.monotonic()
        known = [sample.power_watts for sample in samples if sample.power_watts is not None]
        if known and now >= self._power_point_at:
            self._power_point_at = now + POWER_POINT_SECONDS
            self._series.add("power_watts", self._clock.unix(), sum(known))


def _turned(before: Reading, reading: Reading) -> bool:
    """Whether something happened that must not wait for the next look: memory and idle time grow and shrink slowly,
    but a person who comes back does so at once."""
    came_back = before.idle_s is not None and reading.idle_s is not None and reading.idle_s < before.idle_s
    return came_back or any(getattr(before, name) != getattr(reading, name) for name in _EVENTS)
