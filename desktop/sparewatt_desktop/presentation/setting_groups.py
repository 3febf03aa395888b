"""Settings in the groups in which a person thinks of them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from sparewatt.control.messages import SettingValue
from sparewatt.settings.schema import BY_KEY
from sparewatt.wording.catalogue import ENGLISH, Translations

Group = Literal["when", "how_hard", "power", "network", "disk_memory", "start", "energy", "programs"]
GROUPS: Final[tuple[Group, ...]] = (
    "when", "how_hard", "programs", "power", "energy", "network", "disk_memory", "start",
)  # fmt: skip

GROUP_OF: Final[Mapping[str, Group]] = MappingProxyType({
    "when_to_run": "when",
    "idle_minutes": "when",
    "hours": "when",
    "device_use": "how_hard",
    "power_cap_watts": "how_hard",
    "temperature_limit_celsius": "how_hard",
    "speed_limit_percent": "how_hard",
    "compile": "how_hard",
    "cpu_threads": "how_hard",
    "run_on_battery": "power",
    "energy_budget_kwh_per_month": "energy",
    "money_budget_per_month": "energy",
    "currency": "energy",
    "power_price_ct_per_kwh": "energy",
    "cheap_price_ct_per_kwh": "energy",
    "cheap_hours": "energy",
    "wait_for_cheap_power": "energy",
    "country": "energy",
    "carbon_grams_per_kwh": "energy",
    "pause_for_games": "programs",
    "pause_programs": "programs",
    "transfer_on_metered": "network",
    "data_budget_gb_per_month": "network",
    "disk_write_limit_gb_per_day": "disk_memory",
    "upload_limit_kb_per_s": "network",
    "download_limit_kb_per_s": "network",
    "memory_free_min_mb": "disk_memory",
    "disk_free_min_mb": "disk_memory",
    "disk_cache_limit_gb": "disk_memory",
    "start_at_logon": "start",
})  # fmt: skip


@dataclass(frozen=True)
class DeviceLines:
    """The lines of one device, or with `device` None those of the whole computer."""

    device: str | None
    lines: tuple[SettingValue, ...]


@dataclass(frozen=True)
class GroupLines:
    """One group as it is shown: first what is the whole computer's, then each device."""

    group: Group
    parts: tuple[DeviceLines, ...]


def group_words(group: Group, translations: Translations = ENGLISH) -> str:
    """The heading of a group."""
    gettext = translations.gettext
    match group:
        case "when":
            return gettext("When to run")
        case "how_hard":
            return gettext("How hard")
        case "power":
            return gettext("Power and battery")
        case "network":
            return gettext("Network")
        case "disk_memory":
            return gettext("Disk and memory")
        case "start":
            return gettext("Start")
        case "energy":
            return gettext("Energy and money")
        case "programs":
            return gettext("Games and programs")


def grouped(lines: Iterable[SettingValue]) -> tuple[GroupLines, ...]:
    """`lines` in their groups, in the schema's order; empty groups are left out, as are settings of other versions."""
    known = [line for line in lines if option_key(line.key) in BY_KEY]
    return tuple(
        GroupLines(group, _parts([line for line in known if group_of(option_key(line.key)) == group]))
        for group in GROUPS
        if any(group_of(option_key(line.key)) == group for line in known)
    )


def group_of(key: str) -> Group:
    """The group of an option."""
    return GROUP_OF.get(key, "when")


def option_key(address: str) -> str:
    """``power_cap_watts`` of ``power_cap_watts@cuda:GPU-…``."""
    return address.partition("@")[0]


def device_of(address: str) -> str | None:
    """``cuda:GPU-…`` of ``power_cap_watts@cuda:GPU-…``; None for the whole computer."""
    return address.partition("@")[2] or None


def matches_search(line: SettingValue, search: str, translations: Translations = ENGLISH) -> bool:
    """Whether every word of `search` is in the option's name, label, help or group, whatever the case."""
    option = BY_KEY[option_key(line.key)]
    gettext = translations.gettext
    group = group_words(group_of(option.key), translations)
    text = f"{line.key} {gettext(option.label)} {gettext(option.help)} {group}".casefold()
    return all(word in text for word in search.casefold().split())


def _parts(lines: list[SettingValue]) -> tuple[DeviceLines, ...]:
    by_device: dict[str | None, list[SettingValue]] = {}
    for line in lines:
        by_device.setdefault(device_of(line.key), []).append(line)
    devices = sorted(by_device, key=lambda device: device is not None)
    return tuple(DeviceLines(device, tuple(by_device[device])) for device in devices)
