"""Sensors as the Linux kernel shows them in sysfs. No device is opened, but reading a sensor may wake it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

SYS: Final = Path("/sys")
_TEXT_BYTES_MOST: Final = 4096
_SENSORS_MOST: Final = 32


@dataclass(frozen=True)
class Chip:
    """One hwmon folder and the driver's name of it."""

    folder: Path
    name: str


def chips(folder: Path) -> tuple[Chip, ...]:
    """The chips in a folder such as ``/sys/class/hwmon`` or ``…/device/hwmon``."""
    return tuple(
        Chip(each, name) for each in sorted(folder.glob("hwmon*")) if (name := text(each / "name")) is not None
    )


def text(path: Path) -> str | None:
    """The content of a small file; None where there is none or it may not be read."""
    try:
        with path.open("rb") as file:
            return file.read(_TEXT_BYTES_MOST).decode("utf-8", errors="replace").strip()
    except OSError:  # missing, not ours to read, or its driver has nothing to say now
        return None


def number(path: Path) -> int | None:
    """A file's content as an integer, also one written as ``0x1002``."""
    found = text(path)
    if found is None:
        return None
    try:
        return int(found, 0)
    except ValueError:
        return None


@dataclass(frozen=True)
class Temperature:
    """Attributes:
    label: as the driver names it, such as ``edge``, ``junction``, ``pkg``; empty where it does not.
    critical_celsius: where the device begins to protect itself.
    """

    label: str
    celsius: float
    critical_celsius: float | None


def temperatures(chip: Path) -> tuple[Temperature, ...]:
    """All temperatures of a chip that can be read now."""
    found: list[Temperature] = []
    for path in sorted(chip.glob("temp*_input"))[:_SENSORS_MOST]:
        stem = path.name.removesuffix("_input")
        value, critical = number(path), number(chip / f"{stem}_crit")
        if value is not None:
            label = text(chip / f"{stem}_label") or ""
            found.append(Temperature(label, value / 1000, critical / 1000 if critical else None))
    return tuple(found)


def runtime_suspended(device: Path) -> bool:
    """Whether the kernel has put a device to sleep; looking does not wake it."""
    return text(device / "power" / "runtime_status") == "suspended"


def pci_cards(root: Path, vendor: int) -> tuple[Path, ...]:
    """Folders of all display controllers of a maker (PCI class 03), in the order of their addresses."""
    return tuple(
        device
        for device in sorted((root / "bus/pci/devices").glob("*"))
        if number(device / "vendor") == vendor and ((number(device / "class") or 0) >> 16) == 0x03
    )
