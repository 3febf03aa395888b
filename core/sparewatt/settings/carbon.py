"""How much carbon dioxide the person's power stands for."""

from sparewatt.settings import schema
from sparewatt.settings.countries import GRAMS_PER_KWH
from sparewatt.settings.values import Settings


def carbon_grams_per_kwh(settings: Settings) -> int:
    """Grams a kilowatt-hour: what the person said, else the average of their country. Either is an estimate."""
    return settings.get(schema.CARBON_GRAMS_PER_KWH) or GRAMS_PER_KWH[settings.get(schema.COUNTRY)]
