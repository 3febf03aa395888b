"""What `sparewatt doctor` says of sensors: each with its value and source, or why there is none.

Nothing here may tell one computer or card from another, nor name a program.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final

from sparewatt.host.reading import Reading
from sparewatt.host.sample import PowerKind, Sample
from sparewatt.wording.sensors import IDLE_SOURCES, idle_source_words, reason_words
from sparewatt.wording.units import bytes_words, percent_words
from sparewatt_cli.figures import UNKNOWN
from sparewatt_cli.finding import Finding
from sparewatt_cli.probe import ProbedDevice
from sparewatt_cli.words import error_sentence

_POWER_SOURCES: Final[MappingProxyType[PowerKind, str]] = MappingProxyType(
    {"energy": "by its energy counter", "average_1s": "its own average over 1 s", "instant": "at this instant"}
)


def sensor_findings(devices: Sequence[ProbedDevice]) -> tuple[Finding, ...]:
    """Every device, then each of its sensors."""
    counts: Counter[str] = Counter()
    found: list[Finding] = []
    for probed in devices:
        kind = probed.device.kind
        counts[kind] += 1
        name = kind if kind in ("cpu", "metal") else f"{kind} {counts[kind]}"
        found.append(Finding("good", "Device", f"{name}: {probed.device.name}{_limits(probed)}"))
        found += [_missing(name, probed.sample, sensor) or _told(name, sensor, words)
                  for sensor, words in _needed(probed.sample)]  # fmt: skip
        more = [words for words in _more(probed.sample) if words]
        if more:
            found.append(Finding("good", "Sensor", f"{name}: {', '.join(more)}"))
    return tuple(found)


def _limits(probed: ProbedDevice) -> str:
    device, limits = probed.device, ""
    if device.driver_version is not None:
        limits += f", driver {device.driver_version}"
    if device.memory_bytes is not None:
        limits += f", {bytes_words(device.memory_bytes)}"
    if device.power_limit_watts is not None:
        limits += f", limits itself to {device.power_limit_watts} W"
    if device.slowdown_celsius is not None:
        limits += f" and slows down at {device.slowdown_celsius} °C"
    return limits


def _needed(sample: Sample) -> tuple[tuple[str, str], ...]:
    """The two sensors that limits are kept with."""
    power = UNKNOWN
    if sample.power_watts is not None and sample.power_kind is not None:
        power = f"{sample.power_watts:.0f} W, {_POWER_SOURCES[sample.power_kind]}"
    heat = UNKNOWN if sample.temperature_celsius is None else f"{sample.temperature_celsius:.0f} °C"
    return ("power", power), ("temperature", heat)


def _more(sample: Sample) -> tuple[str, ...]:
    return (
        _with(sample.utilisation_percent, lambda value: f"{percent_words(value)} busy"),
        _with(sample.margin_kelvin, lambda value: f"{value:.0f} K below its slowdown"),
        _with(sample.fan_percent, lambda value: f"fan at {percent_words(value)}"),
        _with(sample.memory_used_bytes, lambda value: f"{bytes_words(round(value))} of its memory used"),
        _with(sample.memory_others_bytes, lambda value: f"{bytes_words(round(value))} of it by other programs"),
        f"slowed down by {', '.join(sample.slowdowns).replace('_', ' ')}" if sample.slowdowns else "",
        f"thermal state {sample.thermal_state}" if sample.thermal_state is not None else "",
    )


def _with(value: float | None, words: Callable[[float], str]) -> str:
    return "" if value is None else words(value)


def _missing(name: str, sample: Sample, sensor: str) -> Finding | None:
    error_id = sample.missing.get(sensor)
    if error_id is None:
        return None
    return Finding("note", "Sensor", f"{name} {sensor}: {UNKNOWN}", error_sentence(error_id, {}))


def _told(name: str, sensor: str, words: str) -> Finding:
    return Finding("good", "Sensor", f"{name} {sensor}: {words}")


def computer_findings(reading: Reading) -> tuple[Finding, ...]:
    """Who sits at the computer and what it runs on, as far as the rules need it."""
    return (
        _idle(reading),
        _fact(reading, "session", "Session", _session(reading)),
        _sleep(reading),
        _fact(reading, "games", "Games", "can be seen" if reading.games is not None else None),
        _fact(reading, "low_power_mode", "Saving mode", _either(reading.low_power_mode, "on", "off")),
        _fact(reading, "metered", "Network", _either(reading.metered, "paid by volume", "not paid by volume")),
    )


def _idle(reading: Reading) -> Finding:
    if reading.seat is False:
        return Finding("good", "Idle time", "none: this computer has no screen and keyboard in use")
    source = reading.idle_source or ""
    if reading.idle_s is not None and source in IDLE_SOURCES:
        return Finding("good", "Idle time", f"{reading.idle_s:.0f} s, told by {idle_source_words(source)}")
    return Finding("note", "Idle time", f"{UNKNOWN}, so devices cannot wait for you to be away", reason_words(source))


def _sleep(reading: Reading) -> Finding:
    if reading.delays_sleep:
        return Finding("good", "Sleep", "waits until your devices are left, a few seconds at most")
    words = "does not wait until your devices are left, so the inner step under way may be lost"
    return Finding("note", "Sleep", words, reason_words(reading.missing.get("sleep_delay", "not_yet")))


def _session(reading: Reading) -> str | None:
    if reading.seat is None:
        return None
    seat = "with screen and keyboard" if reading.seat else "without screen and keyboard"
    lock = _either(reading.locked, ", locked", ", not locked") or ""
    other = _either(reading.other_user, ", another user at the screen", "") or ""
    return seat + lock + other


def _either(value: bool | None, yes: str, no: str) -> str | None:
    return None if value is None else yes if value else no


def _fact(reading: Reading, name: str, about: str, words: str | None) -> Finding:
    if words is not None:
        return Finding("good", about, words)
    return Finding("note", about, UNKNOWN, reason_words(reading.missing.get(name, "not_yet")))
