"""NVIDIA's management library without a driver: cards whose values and failures a test sets, every call counted."""

# ruff: noqa: ARG002, N802, N803, N815  the names and arguments are the library's

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sparewatt.host.nvml import NvmlFieldValue, NvmlHandle, NvmlMemory, NvmlProcess, NvmlUtilization

NOT_SUPPORTED, NOT_FOUND, FUNCTION_NOT_FOUND = 3, 6, 13
UNINITIALIZED, DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND = 1, 9, 12
LOST, RESET_REQUIRED, VERSION_MISMATCH = 15, 16, 18


class FakeNvmlError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value


@dataclass(frozen=True)
class FakeHandle:
    index: int
    life: int


@dataclass(frozen=True)
class FakeMemory:
    total: int
    used: int


@dataclass(frozen=True)
class FakeUtilization:
    gpu: int


@dataclass(frozen=True)
class FakeProcess:
    pid: int
    usedGpuMemory: int | None


@dataclass(frozen=True)
class FakeValue:
    """Every member of the union; only the one that the value's type names is right."""

    dVal: float = -1.0
    uiVal: int = -1
    ulVal: int = -1
    ullVal: int = -1
    sllVal: int = -1
    siVal: int = -1
    usVal: int = -1


@dataclass(frozen=True)
class FakeField:
    nvmlReturn: int
    valueType: int
    value: FakeValue


@dataclass
class FakeCard:
    """Attributes:
    failures: function → code it fails with.
    fields: field → milliwatts, or minus the return code of that one field.
    """

    uuid: str = "GPU-1"
    name: str = "Card"
    energy_millijoules: int = 0
    milliwatts: int = 123_456
    celsius: int = 61
    margin: int = 22
    slowdown_celsius: int = 90
    utilisation: int = 87
    reasons: int = 0
    fan: int = 40
    memory: FakeMemory = FakeMemory(24 * 2**30, 2**30)
    reserved: int = 0
    computing: tuple[FakeProcess, ...] = ()
    drawing: tuple[FakeProcess, ...] = ()
    fields: dict[int, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)


@dataclass
class FakeNvml:
    """Attributes:
    driver_version: of the system's one driver.
    calls: how often each function was called.
    failures: function that concerns no card → code it fails with.
    opened: whether the library is initialised.
    """

    cards: list[FakeCard] = field(default_factory=lambda: [FakeCard()])
    driver_version: str = "580.105.08"
    failures: dict[str, int] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    opened: bool = False
    life: int = 0
    NVML_TEMPERATURE_GPU: int = 0
    NVML_TEMPERATURE_THRESHOLD_SLOWDOWN: int = 1
    nvmlMemory_v2: int = 0x2000028

    def load(self) -> tuple["FakeNvml", type[Exception]]:
        """What `host.nvidia.load_nvml` does."""
        return self, FakeNvmlError

    def nvmlInit(self) -> None:
        self._called("nvmlInit", initialised=False)
        self.opened = True
        self.life += 1

    def nvmlShutdown(self) -> None:
        self._called("nvmlShutdown")
        self.opened = False

    def nvmlSystemGetDriverVersion(self) -> str:
        self._called("nvmlSystemGetDriverVersion")
        return self.driver_version

    def nvmlDeviceGetCount(self) -> int:
        self._called("nvmlDeviceGetCount")
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> NvmlHandle:
        self._called("nvmlDeviceGetHandleByIndex")
        self._fail(self.cards[index], "nvmlDeviceGetHandleByIndex")
        return FakeHandle(index, self.life)

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> NvmlHandle:
        self._called("nvmlDeviceGetHandleByUUID")
        for index, card in enumerate(self.cards):
            if card.uuid == uuid:
                self._fail(card, "nvmlDeviceGetHandleByUUID")
                return FakeHandle(index, self.life)
        raise FakeNvmlError(NOT_FOUND)

    def nvmlDeviceGetUUID(self, handle: NvmlHandle) -> str:
        return self._card("nvmlDeviceGetUUID", handle).uuid

    def nvmlDeviceGetName(self, handle: NvmlHandle) -> str:
        return self._card("nvmlDeviceGetName", handle).name

    def nvmlDeviceGetMemoryInfo(self, handle: NvmlHandle, version: int | None = None) -> NvmlMemory:
        name = "nvmlDeviceGetMemoryInfo_v2" if version else "nvmlDeviceGetMemoryInfo"
        card = self._card(name, handle)
        reserved = 0 if version else card.reserved
        return FakeMemory(card.memory.total, card.memory.used + reserved)

    def nvmlDeviceGetPowerUsage(self, handle: NvmlHandle) -> int:
        return self._card("nvmlDeviceGetPowerUsage", handle).milliwatts

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: NvmlHandle) -> int:
        self._card("nvmlDeviceGetEnforcedPowerLimit", handle)
        return 320_000

    def nvmlDeviceGetPowerManagementLimitConstraints(self, handle: NvmlHandle) -> Sequence[int]:
        self._card("nvmlDeviceGetPowerManagementLimitConstraints", handle)
        return [100_000, 350_000]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: NvmlHandle) -> int:
        return self._card("nvmlDeviceGetTotalEnergyConsumption", handle).energy_millijoules

    def nvmlDeviceGetFieldValues(
        self, handle: NvmlHandle, fieldIds: Sequence[int | tuple[int, int]]
    ) -> Sequence[NvmlFieldValue]:
        card = self._card("nvmlDeviceGetFieldValues", handle)
        return [_field(card.fields.get(one if isinstance(one, int) else one[0], -NOT_SUPPORTED)) for one in fieldIds]

    def nvmlDeviceGetTemperatureV(self, handle: NvmlHandle, sensor: int) -> int:
        return self._card("nvmlDeviceGetTemperatureV", handle).celsius

    def nvmlDeviceGetTemperature(self, handle: NvmlHandle, sensor: int) -> int:
        return self._card("nvmlDeviceGetTemperature", handle).celsius - 1

    def nvmlDeviceGetTemperatureThreshold(self, handle: NvmlHandle, threshold: int) -> int:
        return self._card("nvmlDeviceGetTemperatureThreshold", handle).slowdown_celsius

    def nvmlDeviceGetMarginTemperature(self, handle: NvmlHandle) -> int:
        return self._card("nvmlDeviceGetMarginTemperature", handle).margin

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: NvmlHandle) -> int:
        return self._card("nvmlDeviceGetCurrentClocksEventReasons", handle).reasons

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: NvmlHandle) -> int:
        return self._card("nvmlDeviceGetCurrentClocksThrottleReasons", handle).reasons

    def nvmlDeviceGetUtilizationRates(self, handle: NvmlHandle) -> NvmlUtilization:
        return FakeUtilization(self._card("nvmlDeviceGetUtilizationRates", handle).utilisation)

    def nvmlDeviceGetFanSpeed(self, handle: NvmlHandle) -> int:
        return self._card("nvmlDeviceGetFanSpeed", handle).fan

    def nvmlDeviceGetComputeRunningProcesses(self, handle: NvmlHandle) -> Sequence[NvmlProcess]:
        return self._card("nvmlDeviceGetComputeRunningProcesses", handle).computing

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: NvmlHandle) -> Sequence[NvmlProcess]:
        return self._card("nvmlDeviceGetGraphicsRunningProcesses", handle).drawing

    def _called(self, name: str, initialised: bool = True) -> None:
        self.calls[name] += 1
        if name in self.failures:
            raise FakeNvmlError(self.failures[name])
        if initialised and not self.opened:
            raise FakeNvmlError(UNINITIALIZED)

    def _card(self, name: str, handle: NvmlHandle) -> FakeCard:
        self._called(name)
        assert isinstance(handle, FakeHandle)
        assert handle.life == self.life, "a handle outlived the library's shutdown"
        card = self.cards[handle.index]
        self._fail(card, name)
        return card

    def _fail(self, card: FakeCard, name: str) -> None:
        if name in card.failures:
            raise FakeNvmlError(card.failures[name])


def _field(value: int) -> FakeField:
    if value < 0:
        return FakeField(-value, 0, FakeValue())
    return FakeField(0, 1, FakeValue(uiVal=value))
