"""What the policy needs to know of a device's own doings."""

from dataclasses import dataclass, replace
from typing import Final

from sparewatt.clock import Clock
from sparewatt.engine.decisions import DecisionDesk
from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.device_fit import free_bytes
from sparewatt.engine.sensor_desk import SensorDesk
from sparewatt.host.sample import Sample
from sparewatt.policy import Lent, Spent, Usage
from sparewatt.sensing.pacer import Pacer
from sparewatt.settings.values import device_kind

# Faults that say that the driver went away or was changed, not that a sensor is broken.
DRIVER_FAULTS: Final = frozenset(
    {
        "sensor.card_gone",
        "sensor.nvidia_driver_changed",
        "sensor.nvidia_gone",
        "sensor.nvidia_lost",
        "sensor.nvidia_reset_required",
        "sensor.nvidia_restarted",
    }
)
# Under these a device is looked at although nothing may compute, for only a look can end them.
RECOVERING_RULES: Final = frozenset({"sensors_lost", "driver_restarted", "cooling", "still_hot"})


@dataclass(frozen=True)
class _Seen:
    """Attributes:
    cooling_since_s: monotonic; None while it does not rest.
    others_least_bytes: least that other programs held of the device's memory since its worker started.
    """

    cooling_since_s: float | None = None
    others_least_bytes: int | None = None


class UsageDesk:
    """Remembers between two looks since when a device rests, and what others held of its memory."""

    def __init__(self, desk: DecisionDesk, pacer: Pacer, sensors: SensorDesk, clock: Clock) -> None:
        self._desk = desk
        self._pacer = pacer
        self._sensors = sensors
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def look(self, driver: DeviceDriver) -> None:
        """Note what is now; before `of`, once a step."""
        device = driver.device.device
        seen, pace, sample = self._seen.get(device, _Seen()), self._pacer.pace_of(device), self._sample(driver)
        now = self._clock.monotonic()
        if pace is None or not pace.cooling:
            seen = replace(seen, cooling_since_s=None)
        elif seen.cooling_since_s is None:
            seen = replace(seen, cooling_since_s=now)
        others = None if sample is None else sample.memory_others_bytes
        if driver.state.worker == "none":
            seen = replace(seen, others_least_bytes=None)
        elif others is not None:
            seen = replace(
                seen,
                others_least_bytes=others if seen.others_least_bytes is None else min(others, seen.others_least_bytes),
            )
        self._seen[device] = seen

    def of(self, driver: DeviceDriver, spent: Spent | None) -> Usage:
        """What is known of a device as of the last look."""
        device, run = driver.device.device, driver.run
        running = driver.state.worker != "none"
        seen, pace, sample = self._seen.get(device, _Seen()), self._pacer.pace_of(device), self._sample(driver)
        lost = pace is not None and pace.reason == "sensor_lost" and running
        others = None if sample is None else sample.memory_others_bytes
        celsius = None if sample is None else sample.temperature_celsius
        return Usage(
            worker_memory_bytes=0 if run is None else run.manifest.costs.memory_bytes,
            worker_running=running,
            sensors="lost" if lost else self._desk.sensors.get(device, "waiting"),
            driver_restarted=self._driver_restarted(device),
            cooling_s=None if seen.cooling_since_s is None else self._clock.monotonic() - seen.cooling_since_s,
            temperature_celsius=None if celsius is None else round(celsius),
            memory_taken_bytes=None
            if others is None or seen.others_least_bytes is None
            else others - seen.others_least_bytes,
            spent=spent,
        )

    def memory_free_bytes(self, driver: DeviceDriver) -> int | None:
        """What other programs leave of the memory that the device computes in; None where nobody knows."""
        return free_bytes(driver.device, self._sample(driver), self._desk.reading)

    def lent(self, driver: DeviceDriver, cap_least_watts: int | None = None) -> Lent:
        """A device as conflicts of settings are found with it."""
        device = driver.device
        pace, sample = self._pacer.pace_of(device.device), self._sample(driver)
        known = pace is not None and sample is not None
        return Lent(
            device=device.device,
            name=driver.worker_name or device.name,
            power_sensor=pace.had_power if pace is not None and known else None,
            temperature_sensor=pace.had_temperature if pace is not None and known else None,
            cap_least_watts=cap_least_watts,
            slowdown_celsius=device.slowdown_celsius,
        )

    def _sample(self, driver: DeviceDriver) -> Sample | None:
        return self._sensors.samples.get(driver.device.device)

    def _driver_restarted(self, device: str) -> bool:
        found = (self._sensors.faults.get(each) for each in (device, device_kind(device)))
        return any(fault is not None and fault.error_id in DRIVER_FAULTS for fault in found)
