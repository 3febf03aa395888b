"""Quiet, balanced and full, with their numbers. Pure."""

from collections.abc import Mapping

from sparewatt.control.messages import PresetValue
from sparewatt.wording.catalogue import ENGLISH, Translations, filled


def preset_title(preset: PresetValue, translations: Translations = ENGLISH) -> str:
    """Its name."""
    gettext = translations.gettext
    match preset.name:
        case "quiet":
            return gettext("Quiet")
        case "balanced":
            return gettext("Balanced")
        case "full":
            return gettext("Full")


def preset_numbers(preset: PresetValue, *, capped: bool, translations: Translations = ENGLISH) -> str:
    """What it sets: ``120 W · 75 °C``; `capped` says whether the device could keep a cap at all."""
    gettext = translations.gettext
    parts: list[str] = []
    if preset.power_cap_watts is not None:
        parts.append(filled(gettext("{watts} W"), {"watts": preset.power_cap_watts}))
    elif capped:
        parts.append(gettext("no cap"))
    if preset.temperature_limit_celsius is not None:
        parts.append(filled(gettext("{celsius} °C"), {"celsius": preset.temperature_limit_celsius}))
    if preset.speed_limit_percent < 100 or not parts:
        parts.append(filled(gettext("{percent} % speed"), {"percent": preset.speed_limit_percent}))
    return " · ".join(parts)


def preset_basis(presets: tuple[PresetValue, ...], translations: Translations = ENGLISH) -> str:
    """What the numbers were made from, in a sentence."""
    gettext = translations.gettext
    bases = {preset.basis for preset in presets}
    if "measured" in bases:
        return gettext("Made from what this device was measured to draw.")
    if "device_limit" in bases:
        return gettext("Made from this device's own limit; they become finer once its draw was measured.")
    return gettext("The power of this device cannot be read, so these set its speed.")


def preset_settings(preset: PresetValue, device: str) -> dict[str, str]:
    """The settings that it stands for: address → text."""
    found = {f"speed_limit_percent@{device}": str(preset.speed_limit_percent)}
    found[f"power_cap_watts@{device}"] = str(preset.power_cap_watts or 0)
    if preset.temperature_limit_celsius is not None:
        found[f"temperature_limit_celsius@{device}"] = str(preset.temperature_limit_celsius)
    return found


def chosen_preset(presets: tuple[PresetValue, ...], device: str, values: Mapping[str, str]) -> PresetValue | None:
    """The one whose numbers hold now; None for numbers of the person's own."""
    for preset in presets:
        wanted = preset_settings(preset, device)
        if all(values.get(address) == text for address, text in wanted.items()):
            return preset
    return None
