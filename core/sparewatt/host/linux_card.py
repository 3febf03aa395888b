"""AMD and Intel cards on Linux, by what their kernel drivers show in sysfs (amdgpu, xe, i915)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sparewatt.host.device import Device
from sparewatt.host.energy import EnergyMeter
from sparewatt.host.hwmon import SYS, chips, number, pci_cards, runtime_suspended, temperatures, text
from sparewatt.host.sample import PowerKind, Sample, SensorFault

AMD: Final = 0x1002
INTEL: Final = 0x8086
_DRIVERS: Final = frozenset({"amdgpu", "xe", "i915"})
# Which of several temperatures is the one that people compare: AMD's "edge", Intel's "pkg"; else the first.
_MAIN_LABELS: Final = frozenset({"edge", "pkg"})


@dataclass(frozen=True)
class _Card:
    device: Path
    chip: Path


class LinuxCardSource:
    """A `DeviceSource` for the cards of one maker.

    Args:
        trainable: whether this version can train on such cards; where it cannot, they are named in words instead of
            being offered as devices.
        root: of sysfs.
    """

    def __init__(self, kind: Literal["rocm", "xpu"], vendor: int, trainable: bool = False, root: Path = SYS) -> None:
        self._kind: Literal["rocm", "xpu"] = kind
        self._vendor = vendor
        self._trainable = trainable
        self._root = root
        self._meters: dict[str, EnergyMeter] = {}

    def devices(self) -> tuple[Device, ...] | SensorFault:
        cards = self._cards()
        if cards and not self._trainable:
            error_id = "sensor.amd_no_training" if self._vendor == AMD else "sensor.intel_no_training"
            return SensorFault(self._kind, error_id, {"cards": len(cards)}, absent=True)
        return tuple(self._device(name, card) for name, card in cards.items())

    def read(self, device: str, now: float) -> Sample | SensorFault:
        card = self._cards().get(device)
        if card is None:
            return SensorFault(device, "sensor.card_gone", {"device": device})
        if runtime_suspended(card.device):
            return SensorFault(device, "sensor.card_asleep", {"device": device})
        return self._sample(device, card, now)

    def device_of(self, pid: int) -> str | None:  # noqa: ARG002 - the kernel does not say without rights
        return None

    def asleep(self) -> bool:
        return any(runtime_suspended(card.device) for card in self._cards().values())

    def close(self) -> None:
        self._meters.clear()

    def _cards(self) -> dict[str, _Card]:
        cards: dict[str, _Card] = {}
        for device in pci_cards(self._root, self._vendor):
            chip = next((chip for chip in chips(device / "hwmon") if chip.name in _DRIVERS), None)
            # Graphics inside a processor have no sensors of their own: nothing to keep limits with.
            if chip is not None:
                cards[f"{self._kind}:{text(device / 'unique_id') or device.name}"] = _Card(device, chip.folder)
        return cards

    def _device(self, name: str, card: _Card) -> Device:
        limit = number(card.chip / "power1_cap") or number(card.chip / "power1_max")
        critical = [found.critical_celsius for found in temperatures(card.chip) if found.critical_celsius]
        return Device(
            device=name,
            kind=self._kind,
            name=text(card.device / "product_name") or ("AMD card" if self._vendor == AMD else "Intel card"),
            slot=f"gpu-{name.partition(':')[2]}",
            memory_bytes=number(card.device / "mem_info_vram_total"),
            power_limit_watts=round(limit / 1e6) if limit else None,
            slowdown_celsius=round(min(critical)) if critical else None,
        )

    def _sample(self, device: str, card: _Card, now: float) -> Sample:
        power, kind, energy = self._power(device, card.chip, now)
        found = temperatures(card.chip)
        main = next((each for each in found if each.label in _MAIN_LABELS), found[0] if found else None)
        margins = [each.critical_celsius - each.celsius for each in found if each.critical_celsius is not None]
        busy = number(card.device / "gpu_busy_percent")
        missing = {} if power is not None else {"power": "sensor.card_power"}
        return Sample(
            device=device,
            t=now,
            power_watts=power,
            power_kind=kind,
            temperature_celsius=None if main is None else main.celsius,
            utilisation_percent=None if busy is None else float(busy),
            memory_used_bytes=number(card.device / "mem_info_vram_used"),
            energy_millijoules=energy,
            margin_kelvin=min(margins, default=None),
            fan_percent=_fan_percent(card.chip),
            missing=missing if main is not None else {**missing, "temperature": "sensor.card_temperature"},
        )

    def _power(self, device: str, chip: Path, now: float) -> tuple[float | None, PowerKind | None, int | None]:
        microjoules = number(chip / "energy1_input")
        meter = self._meters.get(device, EnergyMeter()).seen(None if microjoules is None else microjoules / 1e6, now)
        self._meters[device] = meter
        energy = None if microjoules is None else microjoules // 1000
        if meter.power_watts is not None:
            return meter.power_watts, "energy", energy
        # How long amdgpu's "average" is differs between generations and is not told: the weaker claim.
        microwatts = number(chip / "power1_average") or number(chip / "power1_input")
        return (None, None, energy) if microwatts is None else (microwatts / 1e6, "instant", energy)


def _fan_percent(chip: Path) -> float | None:
    turns, most = number(chip / "fan1_input"), number(chip / "fan1_max")
    if turns is not None and most:
        return 100 * turns / most
    level = number(chip / "pwm1")
    return None if level is None else 100 * level / 255
