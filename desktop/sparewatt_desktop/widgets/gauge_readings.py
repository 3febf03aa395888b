"""What a gauge shows: a measured value against a limit, as words and one share. Pure.

A value that is not known has no bar and no number, but a sentence why; a state is told by its word, and by colour and
shape only besides.
"""

from dataclasses import dataclass
from typing import Final, Literal

from sparewatt.snapshot import DeviceSnapshot
from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.errors import error_words
from sparewatt.wording.units import count_words, duration_words, percent_words

GaugeState = Literal["calm", "near", "over", "unlimited", "unknown"]

# From here on a limit is what holds the device back, so the gauge says so.
NEAR_SHARE: Final = 0.95
# A sample this old says nothing about now; sensors are read every few seconds while anybody needs them.
STALE_S: Final = 15.0


@dataclass(frozen=True)
class GaugeReading:
    """Attributes:
    label: what is measured.
    value: the value with its unit, or a few words where it is not known.
    limit: the limit in words, or why there is none; may be empty.
    share: of the limit, 0 to 1, and above 1 where it is exceeded; None without a value or a limit.
    note: a sentence on the state, empty while all is calm.
    """

    label: str
    value: str
    limit: str
    share: float | None
    state: GaugeState
    note: str = ""

    @property
    def spoken(self) -> str:
        """All of it in one line, for a screen reader."""
        return ", ".join(part for part in (self.label, self.value, self.limit, self.note) if part)


def power_gauge(device: DeviceSnapshot, translations: Translations = ENGLISH) -> GaugeReading:
    """Mean watts of the last minute against the cap, for that is what a cap is about."""
    gettext = translations.gettext
    label = gettext("Power")
    sensors, cap = device.sensors, device.limits.power_cap_watts
    watts = sensors.power_watts if sensors.power_mean_watts is None else sensors.power_mean_watts
    if watts is None or _stale(device):
        return _unknown(device, "power", label, translations)
    value = filled(gettext("{watts} W"), {"watts": f"{watts:.0f}"})
    if cap is not None:
        limit = filled(gettext("of {watts} W, mean of a minute"), {"watts": cap})
        return _against(label, value, limit, watts / cap, gettext("At your cap."), gettext("Over your cap."))
    most = device.limits.power_cap_most_watts
    if most:
        limit = filled(gettext("no cap; the device itself goes up to {watts} W"), {"watts": most})
        return GaugeReading(label, value, limit, min(1.0, watts / most), "unlimited")
    return GaugeReading(label, value, gettext("no cap"), None, "unlimited")


def temperature_gauge(device: DeviceSnapshot, translations: Translations = ENGLISH) -> GaugeReading:
    """Degrees against the limit; a bar from 20 °C, for no room is at 0."""
    gettext = translations.gettext
    label = gettext("Temperature")
    celsius, limit_celsius = device.sensors.temperature_celsius, device.limits.temperature_limit_celsius
    if celsius is None or _stale(device):
        return _unknown(device, "temperature", label, translations)
    value = filled(gettext("{celsius} °C"), {"celsius": f"{celsius:.0f}"})
    if limit_celsius is None:
        return GaugeReading(label, value, gettext("no limit"), None, "unlimited")
    limit = filled(gettext("of {celsius} °C"), {"celsius": limit_celsius})
    room = 20.0
    share = max(0.0, celsius - room) / max(1.0, limit_celsius - room)
    return _against(label, value, limit, share, gettext("At your limit."), gettext("Over your limit."))


def speed_gauge(device: DeviceSnapshot, translations: Translations = ENGLISH) -> GaugeReading:
    """Tokens per second, and the share of time in which the device computes against the speed limit."""
    gettext = translations.gettext
    label = gettext("Speed")
    limit = filled(gettext("speed limit {percent}"), {"percent": percent_words(device.speed_limit_percent)})
    if device.worker != "training":
        return GaugeReading(label, gettext("not training"), limit, None, "unknown")
    share = device.duty_percent / max(1, device.speed_limit_percent)
    working = filled(gettext("computes {percent} of its time"), {"percent": percent_words(device.duty_percent)})
    if device.tokens_per_s is None:
        return GaugeReading(label, gettext("measuring"), f"{working}, {limit}", share, "calm")
    value = filled(gettext("{count} tokens/s"), {"count": count_words(round(device.tokens_per_s), translations)})
    return GaugeReading(label, value, f"{working}, {limit}", share, "calm")


def _against(label: str, value: str, limit: str, share: float, near: str, over: str) -> GaugeReading:
    if share > 1.0 + 0.005:
        return GaugeReading(label, value, limit, share, "over", over)
    if share >= NEAR_SHARE:
        return GaugeReading(label, value, limit, share, "near", near)
    return GaugeReading(label, value, limit, share, "calm")


def _unknown(device: DeviceSnapshot, sensor: str, label: str, translations: Translations) -> GaugeReading:
    # What can be done about it stands with the device's sensors; a gauge has room for one sentence.
    why, stop, _ = why_unknown(device, sensor, translations).partition(". ")
    return GaugeReading(label, translations.gettext("not known"), "", None, "unknown", why + stop.strip())


def why_unknown(device: DeviceSnapshot, sensor: str, translations: Translations = ENGLISH) -> str:
    """The sentence why a sensor has no value now, with what to do where something can be done."""
    gettext = translations.gettext
    missing = device.sensors.missing.get(sensor)
    if missing is not None:
        return error_words(missing, {"device": device.name, "kind": device.kind}, translations)
    if device.sensors.age_s is None:
        return gettext("Sensors rest while nothing computes.")
    if _stale(device):
        words = gettext("Last read {duration} ago.")
        return filled(words, {"duration": duration_words(device.sensors.age_s, translations)})
    return gettext("This device does not tell it.")


def _stale(device: DeviceSnapshot) -> bool:
    return device.sensors.age_s is None or device.sensors.age_s > STALE_S
