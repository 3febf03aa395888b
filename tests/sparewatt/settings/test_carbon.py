from sparewatt.settings.carbon import carbon_grams_per_kwh
from sparewatt.settings.countries import COUNTRIES, GRAMS_PER_KWH, WORLD
from sparewatt.settings.schema import CARBON_GRAMS_PER_KWH
from sparewatt.settings.values import Settings


def test_without_a_country_the_worlds_average_holds() -> None:
    assert carbon_grams_per_kwh(Settings()) == GRAMS_PER_KWH[WORLD] == 473


def test_a_countrys_average_holds_until_the_person_knows_better() -> None:
    german = Settings().changed("country", "DE")
    assert carbon_grams_per_kwh(german) == 342
    assert carbon_grams_per_kwh(german.changed("carbon_grams_per_kwh", "30")) == 30
    assert carbon_grams_per_kwh(german.changed("carbon_grams_per_kwh", "0")) == 342


def test_every_country_has_a_plausible_average() -> None:
    assert COUNTRIES.keys() == GRAMS_PER_KWH.keys()
    assert all(0 < grams <= CARBON_GRAMS_PER_KWH.maximum for grams in GRAMS_PER_KWH.values())
    names = list(COUNTRIES.values())
    assert names[1:] == sorted(names[1:])
