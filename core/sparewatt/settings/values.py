"""The person's values of all settings, as one frozen value.

A value's *address* is its option's key; for one device it is ``key@device``. ``key`` alone, for an option of a
device, is the value of every device that has none of its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeVar

from sparewatt.errors import InputError
from sparewatt.settings.option import Option
from sparewatt.settings.schema import BY_KEY, OPTIONS

Value = TypeVar("Value")
# As many device values as a computer could ever have devices and options; bounds the file.
VALUES_MOST: Final = 1000
_DEVICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,99}")


@dataclass(frozen=True)
class Settings:
    """What was set; everything else has its default.

    Attributes:
        revision: grows with every change; a change names the one that it saw.
        texts: address → value as text, always as `Option.text` writes it.
        unknown: what the person set cannot be understood here and stands in their file, so nothing may compute.
    """

    revision: int = 0
    texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unknown: bool = False

    def get(self, option: Option[Value]) -> Value:
        """The value of an option that is not a device's."""
        text = self.texts.get(option.key)
        return option.default if text is None else option.parse(text)

    def of_device(self, option: Option[Value], device: str) -> Value:
        """The value of a device's option: its own, else every device's, else the default of its kind."""
        text = self.texts.get(f"{option.key}@{device}", self.texts.get(option.key))
        return option.default_for(device_kind(device)) if text is None else option.parse(text)

    def changed(self, address: str, text: str) -> "Settings":
        """These settings with one value set, one revision on.

        Raises:
            InputError: ``settings.unknown``, ``settings.value``, ``settings.hours`` or ``settings.too_many``.
        """
        option = option_at(address)
        texts = {**self.texts, address: option.text(option.parse(text))}
        if len(texts) > VALUES_MOST:
            raise InputError("settings.too_many", most=VALUES_MOST)
        return Settings(self.revision + 1, MappingProxyType(texts), self.unknown)

    def reset(self, address: str) -> "Settings":
        """These settings with one value back at its default, one revision on.

        Raises:
            InputError: ``settings.unknown``.
        """
        option_at(address)
        texts = {known: text for known, text in self.texts.items() if known != address}
        return Settings(self.revision + 1, MappingProxyType(texts), self.unknown)


@dataclass(frozen=True)
class Shown:
    """One line of a list of settings."""

    address: str
    option: Option[Any]
    value: str
    default: str


def listed(settings: Settings, devices: tuple[str, ...]) -> tuple[Shown, ...]:
    """All settings in the schema's order, with one line for each device where an option is a device's."""
    lines: list[Shown] = []
    for option in OPTIONS:
        if option.scope != "device":
            lines.append(Shown(option.key, option, option.text(settings.get(option)), option.text(option.default)))
            continue
        for device in devices:
            value = option.text(settings.of_device(option, device))
            default = option.text(option.default_for(device_kind(device)))
            lines.append(Shown(f"{option.key}@{device}", option, value, default))
    return tuple(lines)


def option_at(address: str) -> Option[Any]:
    """The option that an address names.

    Raises:
        InputError: ``settings.unknown``; ``device.group`` for the word that asks for several cards as one contributor.
    """
    key, at, device = address.partition("@")
    option = BY_KEY.get(key)
    if key == "group":
        raise InputError("device.group")
    if option is None or (at and (option.scope != "device" or not _DEVICE.fullmatch(device))):
        raise InputError("settings.unknown", key=address[:120])
    return option


def device_kind(device: str) -> str:
    """``cuda`` of ``cuda:GPU-…``."""
    return device.partition(":")[0]
