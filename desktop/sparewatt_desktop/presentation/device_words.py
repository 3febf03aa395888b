"""What the devices page says about one device. Pure."""

import msgspec

from sparewatt.snapshot import DeviceSnapshot, LimitsSnapshot, Snapshot
from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.errors import error_words
from sparewatt.wording.limits import conflict_words
from sparewatt.wording.release import released_words
from sparewatt.wording.status import device_sentence
from sparewatt.wording.units import bytes_words, count_words, duration_words, percent_words
from sparewatt_desktop.widgets.facts import Fact
from sparewatt_desktop.widgets.gauge_readings import STALE_S, why_unknown


def state_words(device: DeviceSnapshot, now_unix_s: int, translations: Translations = ENGLISH) -> str:
    """What the device does, or why not."""
    return device_sentence(device, now_unix_s, translations)


def kind_words(device: DeviceSnapshot, translations: Translations = ENGLISH) -> str:
    """What kind of device it is."""
    gettext = translations.gettext
    match device.kind:
        case "cpu":
            return gettext("Processor")
        case "cuda":
            return gettext("NVIDIA graphics card")
        case "rocm":
            return gettext("AMD graphics card")
        case "xpu":
            return gettext("Intel graphics card")
        case "metal":
            return gettext("Apple graphics")
        case _:
            return device.kind


def sensor_rows(device: DeviceSnapshot, translations: Translations = ENGLISH) -> tuple[Fact, ...]:
    """Every sensor: its value, or why there is none and how to get it."""
    gettext = translations.gettext
    sensors = device.sensors

    def row(sensor: str, name: str, value: str | None) -> Fact:
        if value is None:
            return Fact(name, gettext("not known"), why_unknown(device, sensor, translations))
        return Fact(name, value)

    rows = [
        row("power", gettext("Power now"), _watts(sensors.power_watts, translations)),
        row("power", gettext("Power, mean of a minute"), _watts(sensors.power_mean_watts, translations)),
        row("temperature", gettext("Temperature"), _celsius(sensors.temperature_celsius, translations)),
        row("fan", gettext("Fan"), _percent(sensors.fan_percent)),
        row("utilisation", gettext("In use"), _percent(sensors.utilisation_percent)),
        row("memory", gettext("Memory in use"), _bytes(sensors.memory_used_bytes, translations)),
    ]
    if sensors.margin_kelvin is not None:
        kelvins = filled(gettext("{kelvins} K"), {"kelvins": f"{sensors.margin_kelvin:.0f}"})
        rows.append(Fact(gettext("Left until it slows itself down"), kelvins))
    return tuple(_without_repeats(rows))


def limit_rows(device: DeviceSnapshot, translations: Translations = ENGLISH) -> tuple[Fact, ...]:
    """The person's limits of a device, and what can be kept on it."""
    gettext = translations.gettext
    limits = device.limits
    rows = [Fact(gettext("Speed limit"), percent_words(device.speed_limit_percent))]
    if limits.power_cap_watts is not None:
        rows.append(Fact(gettext("Power cap"), _watts_known(limits.power_cap_watts, translations)))
    elif "power" in device.sensors.missing:
        note = gettext("A cap in watts needs a power sensor; the speed limit holds instead.")
        rows.append(Fact(gettext("Power cap"), gettext("cannot be kept"), note))
    else:
        rows.append(Fact(gettext("Power cap"), gettext("none")))
    if limits.power_cap_least_watts is not None:
        note = gettext("Below this lies the device's own draw between two pieces of work.")
        rows.append(
            Fact(gettext("Lowest cap that can be kept"), _watts_known(limits.power_cap_least_watts, translations), note)
        )
    if limits.power_cap_most_watts is not None:
        rows.append(Fact(gettext("The device's own limit"), _watts_known(limits.power_cap_most_watts, translations)))
    if limits.temperature_limit_celsius is not None:
        rows.append(Fact(gettext("Temperature limit"), _celsius(limits.temperature_limit_celsius, translations) or ""))
    elif "temperature" in device.sensors.missing:
        note = gettext("A temperature limit needs a sensor; the speed limit holds instead.")
        rows.append(Fact(gettext("Temperature limit"), gettext("cannot be kept"), note))
    if limits.conflict is not None:
        rows.append(Fact(gettext("These limits"), gettext("do not fit"), limits_words(limits, translations)))
    return tuple(rows)


def limits_words(limits: LimitsSnapshot, translations: Translations = ENGLISH) -> str:
    """The sentence of limits that do not fit together; empty where they do."""
    if limits.conflict is None:
        return ""
    numbers = {name: number for name, number in msgspec.structs.asdict(limits).items() if isinstance(number, int)}
    return conflict_words(limits.conflict, numbers, translations)


def work_rows(device: DeviceSnapshot, translations: Translations = ENGLISH) -> tuple[Fact, ...]:
    """What the device has done and is doing."""
    gettext = translations.gettext
    rows = []
    if device.current is not None and device.current.inner_steps_total:
        words = gettext("{done} of {total} inner steps on version {version}")
        work = device.current
        parameters = {"done": work.inner_steps, "total": work.inner_steps_total, "version": work.base_version}
        rows.append(Fact(gettext("This assignment"), filled(words, parameters)))
    trained = filled(
        gettext("{count} tokens since the engine started"), {"count": count_words(device.tokens, translations)}
    )
    rows.append(Fact(gettext("Trained"), trained))
    if device.uncompiled is not None:
        note = error_words(device.uncompiled.error_id, device.uncompiled.parameters, translations)
        rows.append(Fact(gettext("Compiled models"), gettext("not on this device"), note))
    released = released_words(device.released_milliseconds, translations)
    if released:
        rows.append(Fact(gettext("Last time it had to be free at once"), released))
    return tuple(rows)


def freshness_words(device: DeviceSnapshot, translations: Translations = ENGLISH) -> str:
    """How old the values are; a value that rests is not mistaken for one of now."""
    age_s = device.sensors.age_s
    if age_s is None:
        return translations.gettext("Not read yet: sensors rest while nothing computes.")
    if age_s <= STALE_S:
        return translations.gettext("Read just now.")
    words = translations.gettext("Last read {duration} ago: sensors rest while nothing computes.")
    return filled(words, {"duration": duration_words(age_s, translations)})


def sensing_words(snapshot: Snapshot, translations: Translations = ENGLISH) -> str:
    """The sentence of the sensor process, empty while all is well."""
    sensing = snapshot.sensing
    if sensing.error is not None:
        return error_words(sensing.error.error_id, sensing.error.parameters, translations)
    if sensing.state == "starting":
        return translations.gettext("Looking for devices and their sensors.")
    return ""


def _without_repeats(rows: list[Fact]) -> list[Fact]:
    """A sentence is said once, at the first row that needs it."""
    said: set[str] = set()
    kept = []
    for row in rows:
        kept.append(Fact(row.name, row.value, "" if row.note in said else row.note))
        said.add(row.note)
    return kept


def _watts(watts: float | None, translations: Translations) -> str | None:
    return None if watts is None else _watts_known(watts, translations)


def _watts_known(watts: float, translations: Translations) -> str:
    return filled(translations.gettext("{watts} W"), {"watts": f"{watts:.0f}"})


def _celsius(celsius: float | None, translations: Translations) -> str | None:
    return None if celsius is None else filled(translations.gettext("{celsius} °C"), {"celsius": f"{celsius:.0f}"})


def _percent(percent: float | None) -> str | None:
    return None if percent is None else percent_words(percent)


def _bytes(count: int | None, translations: Translations) -> str | None:
    return None if count is None else bytes_words(count, translations)
