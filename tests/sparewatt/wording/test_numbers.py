import pytest

from sparewatt.wording.catalogue import ENGLISH, Translations, catalogue
from sparewatt.wording.energy import carbon_words, energy_words, money_words, yield_words
from sparewatt.wording.numbers import decimal_words, significant_words, written
from sparewatt.wording.release import released_words
from sparewatt.wording.rules import rule_words
from sparewatt.wording.units import bytes_words, count_words, credit_words, loss_words

GERMAN = catalogue(["de"])


@pytest.mark.parametrize(
    ("words", "grouped", "told"),
    [
        (ENGLISH, False, "1234567.50"),
        (ENGLISH, True, "1,234,567.50"),
        (GERMAN, False, "1234567,50"),
        (GERMAN, True, "1.234.567,50"),
    ],
)
def test_a_number_has_the_marks_of_its_language(words: Translations, grouped: bool, told: str) -> None:
    assert decimal_words(1234567.5, 2, words, grouped=grouped) == told


def test_digits_that_say_something() -> None:
    assert significant_words(3.14159, 3) == "3.14"
    assert significant_words(3.14159, 3, GERMAN) == "3,14"
    assert significant_words(2.0, 3, GERMAN) == "2"
    assert written("-0.5", GERMAN) == "-0,5"


def test_amounts_in_german() -> None:
    assert bytes_words(1_500_000_000, GERMAN) == "1,5 GB"
    assert bytes_words(15_000_000_000, GERMAN) == "15 GB"
    assert [count_words(count, GERMAN) for count in (12, 1_200, 1_200_000, 3 * 10**9, 10**12)] == [
        "12",
        "1,2 Tsd.",
        "1,2 Mio.",
        "3,0 Mrd.",
        "1,0 Bio.",
    ]
    assert credit_words(3_200, GERMAN) == "0,0032 Gutschriften"
    assert credit_words(12_345_678_900, GERMAN) == "12.345,68 Gutschriften"
    assert loss_words(3_214_500, "nats_per_token", GERMAN) == "3,2145 Nats je Token"
    assert energy_words(12.34, GERMAN) == "12,3 Wh"
    assert energy_words(1_234, GERMAN) == "1,23 kWh"
    assert money_words(1_234_560_000, "EUR", GERMAN) == "1.234,56 EUR"
    assert carbon_words(1_234, GERMAN) == "etwa 1,23 kg CO₂"
    assert yield_words(1_200, 1.0, GERMAN) == "1,2 Mio. Tokens je kWh"
    assert released_words(420, GERMAN) == "frei nach 0,4 s"


def test_amounts_within_a_sentence_are_german_too() -> None:
    low = {"available_bytes": 1_500_000_000, "needed_bytes": 2_500_000_000}
    assert rule_words("memory_low", low, GERMAN).startswith("Wenig Speicher ist frei: 1,5 GB von 2,5 GB")
