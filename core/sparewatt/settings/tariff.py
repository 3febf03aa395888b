"""What a kilowatt-hour costs, by the person's tariff."""

from sparewatt.settings import schema
from sparewatt.settings.values import Settings


def price_ct_per_kwh(settings: Settings, weekday: int, minute: int) -> int | None:
    """Hundredths of the currency at a local minute of the week; None when the person did not say a price."""
    price = settings.get(schema.POWER_PRICE_CT_PER_KWH)
    if price == 0:
        return None
    cheap = settings.get(schema.CHEAP_PRICE_CT_PER_KWH)
    if cheap and settings.get(schema.CHEAP_HOURS).open_at(weekday, minute):
        return cheap
    return price
