"""What follows from the settings for the whole computer: conflicts, and what another value would do."""

from typing import TYPE_CHECKING

import sparewatt.engine.snapshots as build
from sparewatt.control.messages import DevicePreview, PreviewReply
from sparewatt.engine.account import Rates
from sparewatt.errors import SparewattError
from sparewatt.host.reading import Reading
from sparewatt.policy import conflicts
from sparewatt.settings import schema
from sparewatt.settings.carbon import carbon_grams_per_kwh
from sparewatt.settings.tariff import price_ct_per_kwh
from sparewatt.settings.values import Settings
from sparewatt.snapshot import ConflictSnapshot, DeviceSnapshot, EnergySnapshot, ErrorSnapshot

if TYPE_CHECKING:
    from sparewatt.engine.account import Account
    from sparewatt.engine.engine import Engine


def preview(engine: "Engine", request: int, address: str, text: str) -> PreviewReply:
    """What every device would be allowed with another value of one setting, and which conflicts there would be.

    Raises:
        InputError: as of `Settings.changed`.
    """
    desk = engine.desk
    settings = desk.settings.changed(address, text)
    offer, connected, spent = engine.runs.offer(), engine.runs.connected(), engine.account.spent
    decided = (
        (
            driver.device.device,
            desk.preview(driver.device.device, settings, engine.usage.of(driver, spent), offer, connected),
        )
        for driver in engine.devices
    )
    return PreviewReply(
        reply_to=request,
        devices=tuple(
            DevicePreview(device, build.decision_snapshot(decision))
            for device, decision in decided
            if decision is not None
        ),
        conflicts=conflict_snapshots(engine, settings, engine.snapshot().devices),
    )


def conflict_snapshots(
    engine: "Engine", settings: Settings, devices: tuple[DeviceSnapshot, ...]
) -> tuple[ConflictSnapshot, ...]:
    """Conflicts of `settings` on this computer; `devices` say which caps can be kept."""
    least = {device.device: device.limits.power_cap_least_watts for device in devices}
    lent = tuple(engine.usage.lent(driver, least.get(driver.device.device)) for driver in engine.devices)
    return tuple(
        ConflictSnapshot(found.conflict, dict(found.parameters), found.setting)
        for found in conflicts(settings, engine.desk.reading, lent, engine.account.spent)
    )


def rates(settings: Settings, reading: Reading | None) -> Rates:
    """What a kilowatt-hour costs now, and stands for."""
    price = None if reading is None else price_ct_per_kwh(settings, reading.weekday, reading.minute)
    return Rates(price, carbon_grams_per_kwh(settings))


def energy_snapshot(account: "Account", settings: Settings) -> EnergySnapshot | None:
    priced = settings.get(schema.POWER_PRICE_CT_PER_KWH) > 0
    return account.snapshot(settings.get(schema.CURRENCY).upper(), priced=priced)


def error_or_none(error: SparewattError | None) -> ErrorSnapshot | None:
    return None if error is None else build.plain_error(error)
