"""What one NVIDIA card says, value by value: a card or driver without one of them still has the others."""

from collections.abc import Callable
from typing import Final, TypeVar

from sparewatt.host.nvml import NvmlFieldValue, NvmlHandle, NvmlLibrary
from sparewatt.host.others import Holder
from sparewatt.host.sample import PowerKind, SlowdownReason

# Not supported, no permission, not found, function not found, no data, structure version, deprecated: this one value
# is missing. All else says something about the card as a whole.
VALUE_MISSING: Final = frozenset({3, 4, 6, 13, 21, 25, 26})

# Fields of the library, each with the scope that means the whole card's graphics processor.
_POWER_AVERAGE: Final = (185, 0)
_POWER_INSTANT: Final = (186, 0)
_MEMBERS: Final = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")  # by value type
# Bits of the clocks' event reasons that slow a card down against its will.
_SLOWDOWNS: Final[tuple[tuple[int, SlowdownReason], ...]] = (
    (0x4, "power_limit"),
    (0x8, "hardware_slowdown"),
    (0x20, "software_thermal"),
    (0x40, "hardware_thermal"),
    (0x80, "power_brake"),
)
_HOLDERS_MOST: Final = 1024

Result = TypeVar("Result")


def error_code(error: Exception) -> int:
    """The library's number of an error; its own "unknown error" where it has none."""
    value = getattr(error, "value", None)
    return value if isinstance(value, int) else 999


class NvidiaCard:
    """One card of an opened library. Every method raises the library's error when the card as a whole fails."""

    def __init__(self, library: NvmlLibrary, error: type[Exception], handle: NvmlHandle) -> None:
        self._library = library
        self._error = error
        self._handle = handle

    def uuid(self) -> str:
        return self._library.nvmlDeviceGetUUID(self._handle)

    def name(self) -> str:
        return self._library.nvmlDeviceGetName(self._handle)

    def driver_version(self) -> str | None:
        """Of the system's one driver for all cards."""
        return self._value(self._library.nvmlSystemGetDriverVersion)

    def memory_bytes(self) -> int | None:
        return self._value(lambda: self._library.nvmlDeviceGetMemoryInfo(self._handle).total)

    def memory_used_bytes(self) -> int | None:
        """Without what the driver reserves for itself, where the driver can tell."""
        version = self._library.nvmlMemory_v2
        found = self._value(lambda: self._library.nvmlDeviceGetMemoryInfo(self._handle, version).used)
        if found is not None:
            return found
        return self._value(lambda: self._library.nvmlDeviceGetMemoryInfo(self._handle).used)

    def energy_millijoules(self) -> int | None:
        """Since the driver was loaded; Volta and later."""
        return self._value(lambda: self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle))

    def power(self) -> tuple[float, PowerKind] | None:
        """Watts by the best of the sensors: its average over 1 s, else one instant."""
        fields = self._value(
            lambda: self._library.nvmlDeviceGetFieldValues(self._handle, [_POWER_AVERAGE, _POWER_INSTANT])
        )
        average, instant = (_field(fields[0]), _field(fields[1])) if fields else (None, None)
        # A card that only knows the instant may fill in 0 for the average.
        if average:
            return average / 1000, "average_1s"
        if instant:
            return instant / 1000, "instant"
        # Some generations average this one over 1 s, others do not, and the library does not say: the weaker claim.
        usage = self._value(lambda: self._library.nvmlDeviceGetPowerUsage(self._handle))
        return None if usage is None else (usage / 1000, "instant")

    def power_limit_watts(self) -> int | None:
        """What the board limits itself to now; only an administrator can change it."""
        milliwatts = self._value(lambda: self._library.nvmlDeviceGetEnforcedPowerLimit(self._handle))
        return None if milliwatts is None else round(milliwatts / 1000)

    def power_limit_range_watts(self) -> tuple[int, int] | None:
        """The least and the most that an administrator could limit the board to."""
        found = self._value(lambda: self._library.nvmlDeviceGetPowerManagementLimitConstraints(self._handle))
        return None if found is None else (round(found[0] / 1000), round(found[1] / 1000))

    def temperature_celsius(self) -> float | None:
        sensor = self._library.NVML_TEMPERATURE_GPU
        found = self._value(lambda: float(self._library.nvmlDeviceGetTemperatureV(self._handle, sensor)))
        if found is not None:
            return found
        return self._value(lambda: float(self._library.nvmlDeviceGetTemperature(self._handle, sensor)))

    def slowdown_celsius(self) -> int | None:
        """Where it begins to slow down; newer cards tell only how far away that is."""
        threshold = self._library.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
        found = self._value(lambda: self._library.nvmlDeviceGetTemperatureThreshold(self._handle, threshold))
        if found:
            return found
        margin, temperature = self.margin_kelvin(), self.temperature_celsius()
        return None if margin is None or temperature is None else round(temperature + margin)

    def margin_kelvin(self) -> float | None:
        return self._value(lambda: float(self._library.nvmlDeviceGetMarginTemperature(self._handle)))

    def slowdowns(self) -> tuple[SlowdownReason, ...] | None:
        bits = self._value(lambda: self._library.nvmlDeviceGetCurrentClocksEventReasons(self._handle))
        if bits is None:  # drivers before 535 know them by another name
            bits = self._value(lambda: self._library.nvmlDeviceGetCurrentClocksThrottleReasons(self._handle))
        return None if bits is None else tuple(reason for bit, reason in _SLOWDOWNS if bits & bit)

    def utilisation_percent(self) -> float | None:
        return self._value(lambda: float(self._library.nvmlDeviceGetUtilizationRates(self._handle).gpu))

    def fan_percent(self) -> float | None:
        return self._value(lambda: float(self._library.nvmlDeviceGetFanSpeed(self._handle)))

    def holders(self) -> tuple[Holder, ...] | None:
        """Who computes on it, and how much memory each of them holds."""
        found = self._value(lambda: self._library.nvmlDeviceGetComputeRunningProcesses(self._handle))
        return None if found is None else tuple(Holder(each.pid, each.usedGpuMemory) for each in found[:_HOLDERS_MOST])

    def draws(self, pid: int) -> bool:
        """Whether a process uses it for graphics."""
        found = self._value(lambda: self._library.nvmlDeviceGetGraphicsRunningProcesses(self._handle))
        return found is not None and any(each.pid == pid for each in found[:_HOLDERS_MOST])

    def _value(self, read: Callable[[], Result]) -> Result | None:
        try:
            return read()
        except self._error as error:
            if error_code(error) in VALUE_MISSING:
                return None
            raise


def _field(found: NvmlFieldValue) -> float | None:
    if found.nvmlReturn != 0 or not 0 <= found.valueType < len(_MEMBERS):
        return None
    return float(getattr(found.value, _MEMBERS[found.valueType]))
