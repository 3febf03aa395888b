from sparewatt.settings.tariff import price_ct_per_kwh
from sparewatt.settings.values import Settings

ONE_RATE = Settings().changed("power_price_ct_per_kwh", "32")
TWO_RATES = ONE_RATE.changed("cheap_price_ct_per_kwh", "21").changed("cheap_hours", "mo-fr 22:00-06:00")
TUESDAY, SATURDAY, NOON, NIGHT = 1, 5, 720, 60


def test_without_a_price_there_is_none() -> None:
    assert price_ct_per_kwh(Settings(), TUESDAY, NOON) is None
    assert price_ct_per_kwh(Settings().changed("cheap_price_ct_per_kwh", "21"), TUESDAY, NIGHT) is None


def test_one_rate_holds_at_any_hour() -> None:
    assert price_ct_per_kwh(ONE_RATE, TUESDAY, NIGHT) == price_ct_per_kwh(ONE_RATE, TUESDAY, NOON) == 32


def test_the_second_rate_holds_in_the_cheap_hours() -> None:
    assert price_ct_per_kwh(TWO_RATES, TUESDAY, NIGHT) == 21
    assert price_ct_per_kwh(TWO_RATES, TUESDAY, NOON) == 32
    assert price_ct_per_kwh(TWO_RATES, SATURDAY, 10 * 60) == 32
