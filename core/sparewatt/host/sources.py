"""The device sources of this computer, all together."""

from collections.abc import Mapping
from types import MappingProxyType

from sparewatt.host.apple import AppleSource
from sparewatt.host.cpu import CpuSource
from sparewatt.host.linux_card import AMD, INTEL, LinuxCardSource
from sparewatt.host.nvidia import NvidiaSource, load_nvml
from sparewatt.host.ports import DeviceSource


def device_sources() -> Mapping[str, DeviceSource]:
    """Kind of device → its source. Nothing is opened by this."""
    return MappingProxyType(
        {
            "cpu": CpuSource(),
            "cuda": NvidiaSource(load_nvml),
            "metal": AppleSource(),
            # Workers cannot train on these yet (`training.device`), so they are named and not offered.
            "rocm": LinuxCardSource("rocm", AMD),
            "xpu": LinuxCardSource("xpu", INTEL),
        }
    )
