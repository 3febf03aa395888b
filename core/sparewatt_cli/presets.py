"""A preset turned into settings of devices, one after the other through the running engine."""

from typing import Literal

from sparewatt.control.messages import (
    DevicePresets,
    GetSnapshot,
    ListPresets,
    ListSettings,
    PresetsReply,
    PresetValue,
    Reply,
    SetSetting,
    SettingsReply,
    SnapshotFrame,
)
from sparewatt.errors import InputError, UnavailableError
from sparewatt.settings import schema
from sparewatt.snapshot import ConflictSnapshot
from sparewatt_cli.engine_link import ask
from sparewatt_cli.surroundings import Surroundings

Name = Literal["quiet", "balanced", "full"]


def changed_by_preset(
    place: Surroundings, name: Name, device: str | None
) -> tuple[tuple[tuple[str, str], ...], tuple[ConflictSnapshot, ...]]:
    """What was set, as keys with their new values, and the conflicts of settings that there are now.

    Every value is set under the revision that was read just before it. Where one is refused, those before it stay.

    Args:
        device: None for every device that has presets.

    Raises:
        NoEngineError: ``engine.not_running``: only a running engine knows the devices.
        InputError: ``preset.device``.
        UnavailableError: ``preset.none``, before any sensor was heard.
        ConflictError: ``settings.revision``, when somebody else changed a setting at the same moment.
    """
    changed: list[tuple[str, str]] = []
    for each in _chosen(ask(place, ListPresets(id=1), PresetsReply).devices, device):
        preset = next(preset for preset in each.presets if preset.name == name)
        for key, value in _settings(each.device, preset):
            revision = ask(place, ListSettings(id=1), SettingsReply).revision
            ask(place, SetSetting(id=1, revision=revision, key=key, value=value), Reply)
            changed.append((key, value))
    return tuple(changed), ask(place, GetSnapshot(id=1), SnapshotFrame).snapshot.conflicts


def _chosen(devices: tuple[DevicePresets, ...], device: str | None) -> tuple[DevicePresets, ...]:
    if not devices:
        raise UnavailableError("preset.none")
    chosen = tuple(each for each in devices if device in (None, each.device))
    if not chosen:
        raise InputError("preset.device", device=(device or "")[:120], known=", ".join(each.device for each in devices))
    return chosen


def _settings(device: str, preset: PresetValue) -> tuple[tuple[str, str], ...]:
    """What a preset sets; a temperature limit that cannot be kept is left as it is."""
    cap = schema.POWER_CAP_WATTS.default if preset.power_cap_watts is None else preset.power_cap_watts
    values = [(schema.POWER_CAP_WATTS, cap), (schema.SPEED_LIMIT_PERCENT, preset.speed_limit_percent)]
    if preset.temperature_limit_celsius is not None:
        values.append((schema.TEMPERATURE_LIMIT_CELSIUS, preset.temperature_limit_celsius))
    return tuple((f"{option.key}@{device}", option.text(value)) for option, value in values)
