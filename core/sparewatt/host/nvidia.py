"""NVIDIA cards by the driver's management library. Reads only, needs no rights, changes nothing."""

import os
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

from sparewatt.host.device import Device
from sparewatt.host.energy import EnergyMeter
from sparewatt.host.hwmon import SYS, pci_cards, runtime_suspended
from sparewatt.host.nvidia_card import NvidiaCard, error_code
from sparewatt.host.nvml import NvmlLibrary
from sparewatt.host.others import IsOwn, child_of, memory_of_others
from sparewatt.host.sample import PowerKind, Sample, SensorFault

KIND: Final = "cuda"
DEVICES_MOST: Final = 64
VENDOR: Final = 0x10DE

# Return codes of the library; the numbers are part of its interface.
_UNINITIALIZED: Final = 1
_ABSENT: Final = frozenset({9, 12})  # driver not loaded, library not found
_FAULT_IDS: Final = MappingProxyType(
    {
        _UNINITIALIZED: "sensor.nvidia_restarted",
        10: "sensor.nvidia_timeout",
        15: "sensor.nvidia_lost",
        16: "sensor.nvidia_reset_required",
        18: "sensor.nvidia_driver_changed",  # updated underneath: only a restart of the computer helps
        28: "sensor.nvidia_lost",
    }
)


class NvidiaSource:
    """A `DeviceSource` for NVIDIA cards.

    Args:
        load: imports the library; may raise ImportError.
        is_own: whether a process is a worker of the engine that this process belongs to.
        root: of sysfs, which tells whether a card sleeps without waking it.
    """

    def __init__(
        self,
        load: Callable[[], tuple[NvmlLibrary, type[Exception]]],
        is_own: IsOwn | None = None,
        root: Path = SYS,
    ) -> None:
        self._load = load
        self._is_own = is_own or child_of(os.getppid())
        self._root = root
        self._library: NvmlLibrary | None = None
        self._error: type[Exception] = Exception
        self._cards: dict[str, NvidiaCard] = {}
        self._meters: dict[str, EnergyMeter] = {}

    def devices(self) -> tuple[Device, ...] | SensorFault:
        opened = self._open(KIND, known=False)
        if isinstance(opened, SensorFault):
            return opened
        found: list[Device] = []
        failure: Exception | None = None
        try:
            count = min(opened.nvmlDeviceGetCount(), DEVICES_MOST)
        except self._error as error:
            return self._failed(KIND, error)
        for index in range(count):
            try:
                card = NvidiaCard(opened, self._error, opened.nvmlDeviceGetHandleByIndex(index))
                found.append(self._device(card))
            except self._error as error:  # one that fell off the bus must not hide the others
                failure = error
        if failure is not None and not found:
            return self._failed(KIND, failure)
        return tuple(found)

    def read(self, device: str, now: float) -> Sample | SensorFault:
        opened = self._open(device, known=True)
        if isinstance(opened, SensorFault):
            return opened
        try:
            return self._sample(self._card(opened, device), device, now)
        except self._error as error:
            return self._failed(device, error)

    def device_of(self, pid: int) -> str | None:
        """The card that a process draws on; opens the library, and the first card that knows the process is it."""
        opened = self._open(KIND, known=False)
        if isinstance(opened, SensorFault):
            return None
        try:
            for index in range(min(opened.nvmlDeviceGetCount(), DEVICES_MOST)):
                card = NvidiaCard(opened, self._error, opened.nvmlDeviceGetHandleByIndex(index))
                if card.draws(pid):
                    return f"{KIND}:{card.uuid()}"
        except self._error as error:
            self._failed(KIND, error)
        return None

    def asleep(self) -> bool:
        """Whether opening the library would wake a card; looks without opening it."""
        return any(runtime_suspended(card) for card in pci_cards(self._root, VENDOR))

    def close(self) -> None:
        library, self._library = self._library, None
        self._cards.clear()
        self._meters.clear()
        if library is None:
            return
        try:
            library.nvmlShutdown()
        except self._error as error:
            if error_code(error) not in _FAULT_IDS:
                raise

    def _open(self, device: str, known: bool) -> NvmlLibrary | SensorFault:
        if self._library is not None:
            return self._library
        try:
            library, self._error = self._load()
        except ImportError:
            return _absent(device, known)
        try:
            library.nvmlInit()
        except self._error as error:
            return self._failed(device, error, known)
        self._library = library
        return library

    def _card(self, library: NvmlLibrary, device: str) -> NvidiaCard:
        card = self._cards.get(device)
        if card is None:
            handle = library.nvmlDeviceGetHandleByUUID(device.removeprefix(f"{KIND}:"))
            card = self._cards[device] = NvidiaCard(library, self._error, handle)
        return card

    def _device(self, card: NvidiaCard) -> Device:
        uuid, limits = card.uuid(), card.power_limit_range_watts()
        return Device(
            device=f"{KIND}:{uuid}",
            kind=KIND,
            name=card.name(),
            slot=f"gpu-{uuid}",
            memory_bytes=card.memory_bytes(),
            power_limit_watts=card.power_limit_watts(),
            slowdown_celsius=card.slowdown_celsius(),
            power_limit_least_watts=None if limits is None else limits[0],
            power_limit_most_watts=None if limits is None else limits[1],
            driver_version=card.driver_version(),
        )

    def _sample(self, card: NvidiaCard, device: str, now: float) -> Sample:
        energy = card.energy_millijoules()
        power, kind = self._power(card, device, energy, now)
        used, holders = card.memory_used_bytes(), card.holders()
        others = None if used is None or holders is None else memory_of_others(used, holders, self._is_own)
        temperature = card.temperature_celsius()
        missing = {
            name: f"sensor.nvidia_{name}"
            for name, value in (("power", power), ("temperature", temperature))
            if value is None
        }
        return Sample(
            device=device,
            t=now,
            power_watts=power,
            power_kind=kind,
            temperature_celsius=temperature,
            utilisation_percent=card.utilisation_percent(),
            memory_used_bytes=used,
            energy_millijoules=energy,
            margin_kelvin=card.margin_kelvin(),
            slowdowns=card.slowdowns(),
            memory_others_bytes=others,
            fan_percent=card.fan_percent(),
            missing=missing,
        )

    def _power(
        self, card: NvidiaCard, device: str, energy: int | None, now: float
    ) -> tuple[float | None, PowerKind | None]:
        meter = self._meters.get(device, EnergyMeter()).seen(None if energy is None else energy / 1000, now)
        self._meters[device] = meter
        if meter.power_watts is not None:
            return meter.power_watts, "energy"
        sensor = card.power()
        return (None, None) if sensor is None else sensor

    def _failed(self, device: str, error: Exception, known: bool = True) -> SensorFault:
        code = error_code(error)
        self.close()
        if code in _ABSENT:
            return _absent(device, known)
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


def _absent(device: str, known: bool) -> SensorFault:
    """No driver: nothing is wrong with a computer that never had one, but a card that was used is lost by it."""
    if known:
        return SensorFault(device, "sensor.nvidia_gone", {})
    return SensorFault(device, "sensor.nvidia_absent", {}, absent=True)
