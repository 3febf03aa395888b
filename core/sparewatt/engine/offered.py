"""The settings as they are offered here: with the bounds of the very device, and with what cannot be kept explained."""

from collections.abc import Mapping
from typing import Final

from sparewatt.control.messages import SettingValue
from sparewatt.host.device import Device
from sparewatt.host.reading import Reading
from sparewatt.policy import Lent
from sparewatt.settings import schema
from sparewatt.settings.values import Settings, Shown, listed

# The governor slows down before its limit, so one just below the device's own slowdown would never be reached calmly.
BELOW_SLOWDOWN_KELVIN: Final = 10


def offered(
    settings: Settings, devices: tuple[Device, ...], lent: Mapping[str, Lent], reading: Reading | None
) -> tuple[SettingValue, ...]:
    """Every setting, in the schema's order.

    Args:
        lent: by device id, what is known of it.
    """
    by_id = {device.device: device for device in devices}
    return tuple(_offered(shown, by_id, lent, reading) for shown in listed(settings, tuple(by_id)))


def _offered(
    shown: Shown, devices: Mapping[str, Device], lent: Mapping[str, Lent], reading: Reading | None
) -> SettingValue:
    device = devices.get(shown.address.partition("@")[2])
    known = None if device is None else lent.get(device.device)
    minimum = maximum = None
    unavailable = None
    withheld: dict[str, str] = {}
    if shown.option is schema.POWER_CAP_WATTS and device is not None:
        maximum = device.power_limit_watts
        unavailable = "no_power_sensor" if known is not None and known.power_sensor is False else None
    if shown.option is schema.TEMPERATURE_LIMIT_CELSIUS and device is not None:
        maximum = _warmest(device)
        unavailable = "no_temperature_sensor" if known is not None and known.temperature_sensor is False else None
    if shown.option is schema.WHEN_TO_RUN and reading is not None and reading.idle_s is None:
        withheld = {"idle": "no_seat" if reading.seat is False else "idle_unknown"}
    return SettingValue(
        key=shown.address,
        value=shown.value,
        default=shown.default,
        scope=shown.option.scope,
        minimum=minimum,
        maximum=maximum,
        unavailable=unavailable,
        withheld=withheld,
    )


def _warmest(device: Device) -> int | None:
    option = schema.TEMPERATURE_LIMIT_CELSIUS
    if device.slowdown_celsius is None:
        return None
    return min(option.maximum, max(option.minimum, device.slowdown_celsius - BELOW_SLOWDOWN_KELVIN))
