# ruff: noqa: N802  the names are the library's

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from sparewatt.host.device import Device
from sparewatt.host.nvidia import NvidiaSource
from sparewatt.host.nvml import NvmlHandle, NvmlLibrary
from sparewatt.host.sample import Sample, SensorFault

CARD = "cuda:GPU-1"
NOT_SUPPORTED, DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND = 3, 9, 12


class NvmlError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value


@dataclass(frozen=True)
class Handle:
    index: int


@dataclass(frozen=True)
class Memory:
    total: int = 24 * 2**30
    used: int = 2**30


@dataclass(frozen=True)
class Utilization:
    gpu: int = 87


@dataclass
class Library:
    """One card whose calls fail as `failures` says: name of the function → code."""

    NVML_TEMPERATURE_GPU: int = 0
    energy: int = 0
    opened: int = 0
    failures: dict[str, int] = field(default_factory=dict)

    def _fail(self, name: str) -> None:
        if name in self.failures:
            raise NvmlError(self.failures[name])

    def nvmlInit(self) -> None:
        self._fail("init")
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:
        self._fail("count")
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> NvmlHandle:
        return Handle(index)

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> NvmlHandle:
        self._fail("handle")
        assert uuid == "GPU-1"
        return Handle(0)

    def nvmlDeviceGetUUID(self, handle: NvmlHandle) -> str:
        return "GPU-1"

    def nvmlDeviceGetName(self, handle: NvmlHandle) -> str:
        return "Card"

    def nvmlDeviceGetMemoryInfo(self, handle: NvmlHandle) -> Memory:
        return Memory()

    def nvmlDeviceGetPowerUsage(self, handle: NvmlHandle) -> int:
        self._fail("power")
        return 123_456

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: NvmlHandle) -> int:
        self._fail("energy")
        return self.energy

    def nvmlDeviceGetTemperatureV(self, handle: NvmlHandle, sensor: int) -> int:
        self._fail("temperature_v")
        return 61

    def nvmlDeviceGetTemperature(self, handle: NvmlHandle, sensor: int) -> int:
        self._fail("temperature")
        return 60

    def nvmlDeviceGetUtilizationRates(self, handle: NvmlHandle) -> Utilization:
        self._fail("utilisation")
        return Utilization()


def source(library: Library) -> NvidiaSource:
    loaded: NvmlLibrary = library
    load: Callable[[], tuple[NvmlLibrary, type[Exception]]] = lambda: (loaded, NvmlError)  # noqa: E731
    return NvidiaSource(load)


def sample(found: Sample | SensorFault) -> Sample:
    assert isinstance(found, Sample)
    return found


def test_a_card_is_known_by_its_uuid() -> None:
    assert source(Library()).devices() == (Device(CARD, "cuda", "Card", "gpu-GPU-1", 24 * 2**30),)


def test_the_energy_counter_gives_the_mean_power_between_samples() -> None:
    library = Library()
    tested = source(library)
    first = sample(tested.read(CARD, 10.0))
    assert (first.power_watts, first.power_kind) == (123.456, "instant")
    library.energy = 150_000
    second = sample(tested.read(CARD, 10.5))
    assert (second.power_watts, second.power_kind) == (300.0, "energy")
    assert sample(tested.read(CARD, 10.6)).power_watts == 300.0


def test_a_counter_that_stands_still_or_falls_gives_way_to_the_sensor() -> None:
    library = Library(energy=1000)
    tested = source(library)
    tested.read(CARD, 10.0)
    assert sample(tested.read(CARD, 11.0)).power_kind == "instant"
    library.energy = 500
    assert sample(tested.read(CARD, 12.0)).power_kind == "instant"


def test_what_a_card_does_not_offer_is_unknown_and_not_zero() -> None:
    names = ("power", "energy", "temperature_v", "temperature", "utilisation")
    found = sample(source(Library(failures=dict.fromkeys(names, NOT_SUPPORTED))).read(CARD, 1.0))
    assert (found.power_watts, found.temperature_celsius, found.utilisation_percent) == (None, None, None)
    assert (found.power_kind, found.energy_millijoules, found.memory_used_bytes) == (None, None, 2**30)


def test_an_older_driver_is_asked_for_the_temperature_in_the_older_way() -> None:
    assert sample(source(Library(failures={"temperature_v": 13})).read(CARD, 1.0)).temperature_celsius == 60.0


@pytest.mark.parametrize(
    ("code", "error_id"),
    [(10, "sensor.nvidia_timeout"), (15, "sensor.nvidia_lost"), (16, "sensor.nvidia_reset_required"),
     (18, "sensor.nvidia_driver_changed"), (999, "sensor.nvidia")],
)  # fmt: skip
def test_a_failing_card_is_a_fault_and_the_library_is_closed(code: int, error_id: str) -> None:
    library = Library(failures={"power": code})
    found = source(library).read(CARD, 1.0)
    assert isinstance(found, SensorFault)
    assert (found.error_id, found.absent, library.opened) == (error_id, False, 0)


@pytest.mark.parametrize("code", [DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND])
def test_without_a_driver_nothing_is_wrong(code: int) -> None:
    found = source(Library(failures={"init": code})).devices()
    assert isinstance(found, SensorFault)
    assert (found.error_id, found.absent) == ("sensor.nvidia_absent", True)


def test_without_the_python_library_nothing_is_wrong() -> None:
    def load() -> tuple[NvmlLibrary, type[Exception]]:
        raise ImportError

    found = NvidiaSource(load).devices()
    assert isinstance(found, SensorFault)
    assert found.absent


def test_it_opens_once_and_opens_again_after_it_was_closed() -> None:
    library = Library()
    tested = source(library)
    tested.read(CARD, 1.0)
    tested.read(CARD, 2.0)
    assert library.opened == 1
    tested.close()
    tested.close()
    assert library.opened == 0
    assert sample(tested.read(CARD, 3.0)).power_kind == "instant"
    assert library.opened == 1
