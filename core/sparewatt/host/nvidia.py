"""NVIDIA cards by the driver's management library. Reads only, needs no rights, changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeVar, cast

from sparewatt.host.device import Device
from sparewatt.host.nvml import NvmlHandle, NvmlLibrary
from sparewatt.host.sample import PowerKind, Sample, SensorFault

KIND: Final = "cuda"
DEVICES_MOST: Final = 64

# Return codes of the library; the numbers are part of its interface.
_UNINITIALIZED: Final = 1
_ABSENT: Final = frozenset({9, 12})  # driver not loaded, library not found
# A card or driver without this one value: not supported, no permission, not found, function not found, no data,
# structure version, deprecated. All else says something about the card as a whole.
_VALUE_MISSING: Final = frozenset({3, 4, 6, 13, 21, 25, 26})
_FAULT_IDS: Final = MappingProxyType(
    {
        10: "sensor.nvidia_timeout",
        15: "sensor.nvidia_lost",
        16: "sensor.nvidia_reset_required",
        18: "sensor.nvidia_driver_changed",  # updated underneath: only a restart of the computer helps
        28: "sensor.nvidia_lost",
    }
)
# Shorter intervals than this turn the counter's own granularity (some 20–100 ms) into noise.
_ENERGY_INTERVAL_MIN_S: Final = 0.4

Result = TypeVar("Result")


@dataclass(frozen=True)
class _EnergyMark:
    t: float
    millijoules: int
    power_watts: float | None


class NvidiaSource:
    """A `DeviceSource` for NVIDIA cards.

    Args:
        load: imports the library; may raise ImportError.
    """

    def __init__(self, load: Callable[[], tuple[NvmlLibrary, type[Exception]]]) -> None:
        self._load = load
        self._library: NvmlLibrary | None = None
        self._error: type[Exception] = Exception
        self._handles: dict[str, NvmlHandle] = {}
        self._energy: dict[str, _EnergyMark] = {}

    def devices(self) -> tuple[Device, ...] | SensorFault:
        opened = self._open(KIND)
        if isinstance(opened, SensorFault):
            return opened
        try:
            count = min(opened.nvmlDeviceGetCount(), DEVICES_MOST)
            return tuple(self._device(opened, index) for index in range(count))
        except self._error as error:
            return self._failed(KIND, error)

    def read(self, device: str, now: float) -> Sample | SensorFault:
        opened = self._open(device)
        if isinstance(opened, SensorFault):
            return opened
        try:
            handle = self._handles.get(device)
            if handle is None:
                handle = opened.nvmlDeviceGetHandleByUUID(device.removeprefix(f"{KIND}:"))
                self._handles[device] = handle
            return self._sample(opened, device, handle, now)
        except self._error as error:
            return self._failed(device, error)

    def close(self) -> None:
        library, self._library = self._library, None
        self._handles.clear()
        self._energy.clear()
        if library is None:
            return
        try:
            library.nvmlShutdown()
        except self._error as error:
            if _code(error) != _UNINITIALIZED and _code(error) not in _FAULT_IDS:
                raise

    def _open(self, device: str) -> NvmlLibrary | SensorFault:
        if self._library is not None:
            return self._library
        try:
            library, self._error = self._load()
        except ImportError:
            return SensorFault(device, "sensor.nvidia_absent", {}, absent=True)
        try:
            library.nvmlInit()
        except self._error as error:
            return self._failed(device, error)
        self._library = library
        return library

    def _device(self, library: NvmlLibrary, index: int) -> Device:
        handle = library.nvmlDeviceGetHandleByIndex(index)
        uuid = library.nvmlDeviceGetUUID(handle)
        memory = self._value(lambda: library.nvmlDeviceGetMemoryInfo(handle).total)
        return Device(f"{KIND}:{uuid}", KIND, library.nvmlDeviceGetName(handle), f"gpu-{uuid}", memory)

    def _sample(self, library: NvmlLibrary, device: str, handle: NvmlHandle, now: float) -> Sample:
        energy = self._value(lambda: library.nvmlDeviceGetTotalEnergyConsumption(handle))
        milliwatts = self._value(lambda: library.nvmlDeviceGetPowerUsage(handle))
        by_counter = self._mean_power_watts(device, energy, now)
        kind: PowerKind | None = "energy" if by_counter is not None else None
        if by_counter is None and milliwatts is not None:
            # Some generations average over 1 s, others do not, and the library does not say: the weaker claim.
            kind = "instant"
        return Sample(
            device=device,
            t=now,
            power_watts=by_counter if by_counter is not None else _thousandth(milliwatts),
            power_kind=kind,
            temperature_celsius=self._temperature(library, handle),
            utilisation_percent=self._value(lambda: float(library.nvmlDeviceGetUtilizationRates(handle).gpu)),
            memory_used_bytes=self._value(lambda: library.nvmlDeviceGetMemoryInfo(handle).used),
            energy_millijoules=energy,
        )

    def _temperature(self, library: NvmlLibrary, handle: NvmlHandle) -> float | None:
        sensor = library.NVML_TEMPERATURE_GPU
        by_version = self._value(lambda: float(library.nvmlDeviceGetTemperatureV(handle, sensor)))
        if by_version is not None:
            return by_version
        return self._value(lambda: float(library.nvmlDeviceGetTemperature(handle, sensor)))

    def _mean_power_watts(self, device: str, energy: int | None, now: float) -> float | None:
        """Mean power since the last mark; None while the counter says nothing, stands still or fell."""
        if energy is None:
            self._energy.pop(device, None)
            return None
        mark = self._energy.get(device)
        if mark is None or energy < mark.millijoules or now - mark.t > 60:
            self._energy[device] = _EnergyMark(now, energy, None)
            return None
        if now - mark.t < _ENERGY_INTERVAL_MIN_S:
            return mark.power_watts
        grown = energy - mark.millijoules
        power = grown / 1000 / (now - mark.t) if grown else None
        self._energy[device] = _EnergyMark(now, energy, power)
        return power

    def _value(self, read: Callable[[], Result]) -> Result | None:
        try:
            return read()
        except self._error as error:
            if _code(error) in _VALUE_MISSING:
                return None
            raise

    def _failed(self, device: str, error: Exception) -> SensorFault:
        code = _code(error)
        self.close()
        if code in _ABSENT:
            return SensorFault(device, "sensor.nvidia_absent", {}, absent=True)
        error_id = _FAULT_IDS.get(code)
        if error_id is None:
            return SensorFault(device, "sensor.nvidia", {"code": code})
        return SensorFault(device, error_id, {})


def load_nvml() -> tuple[NvmlLibrary, type[Exception]]:
    """The library and its error class.

    Raises:
        ImportError: it is not installed.
    """
    import pynvml  # 300 KiB of module that only the sensor process needs, and only with a card

    return cast(NvmlLibrary, pynvml), pynvml.NVMLError


def _code(error: Exception) -> int:
    value = getattr(error, "value", None)
    return value if isinstance(value, int) else 999  # the library's own "unknown error"


def _thousandth(value: int | None) -> float | None:
    return None if value is None else value / 1000
