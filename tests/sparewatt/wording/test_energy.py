import pytest

from sparewatt.wording.energy import carbon_words, energy_words, honesty_words, measured_words, money_words, yield_words


@pytest.mark.parametrize(
    ("watt_hours", "words"), [(0.0, "0.0 Wh"), (12.34, "12.3 Wh"), (1234.0, "1.23 kWh"), (123_456.0, "123 kWh")]
)
def test_energy_grows_from_watt_hours_to_kilowatt_hours(watt_hours: float, words: str) -> None:
    assert energy_words(watt_hours) == words


def test_energy_that_could_not_be_read_is_unknown_not_nothing() -> None:
    assert measured_words(0.0, 60.0) == "energy not measured"
    assert measured_words(0.0, 0.0) == "0.0 Wh"
    assert measured_words(5.0, 60.0) == "5.0 Wh"


@pytest.mark.parametrize(
    ("micro", "words"),
    [(0, "0.00 EUR"), (1_234, "0.0012 EUR"), (370_000, "0.37 EUR"), (1_234_560_000, "1,234.56 EUR")],
)
def test_money_names_its_currency_and_little_is_not_nothing(micro: int, words: str) -> None:
    assert money_words(micro, "EUR") == words


def test_carbon_dioxide_and_yield() -> None:
    assert carbon_words(582.3) == "about 582 g CO₂"
    assert carbon_words(1_500.0) == "about 1.50 kg CO₂"
    assert yield_words(600, 0.5) == "1.2 M tokens per kWh"


def test_what_is_estimated_or_missing_is_said_and_else_nothing_is() -> None:
    assert honesty_words(estimated=False, unmeasured_s=0.4) == ""
    words = honesty_words(estimated=True, unmeasured_s=3_600)
    assert words == "partly estimated from single readings; without 1 h 0 min in which no power could be read"
