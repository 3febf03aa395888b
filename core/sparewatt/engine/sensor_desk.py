"""What the sensor process said last, for whoever decides, paces and shows."""

from collections.abc import Callable
from typing import Final, Literal

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
# Less than the shortest time after which a person counts as away, so that their return is always a change.
RECENT_INPUT_SECONDS: Final = 30.0


def _triggers(reading: Reading) -> tuple[object, ...]:
    """What must be acted on at once, not at the next look."""
    idle = reading.idle_s is not None and reading.idle_s < RECENT_INPUT_SECONDS
    away = (reading.locked, reading.other_user, reading.sleeping, idle)
    return (reading.power_source, reading.low_power_mode, reading.metered, reading.games, reading.programs, away)


class SensorDesk:
    """Hears the sensor process (`sensing.supervisor.SensingListener`)."""

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
        for fault in faults:
            self.faults[fault.device] = fault
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
        if before is None or _triggers(before) != _triggers(reading):
            self._wake()

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
