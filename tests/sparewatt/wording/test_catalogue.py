import pytest

from sparewatt.wording.catalogue import ENGLISH, Catalogue, catalogue, entries_of, filled, language_of
from sparewatt.wording.portable_object import Entry


def test_a_language_without_a_catalogue_is_english() -> None:
    assert catalogue(["xx"]).gettext("Paused by you.") == "Paused by you."
    assert entries_of("xx") == ()


@pytest.mark.parametrize("name", ["de", "de_AT", "de-CH", "DE"])
def test_every_kind_of_german_is_german(name: str) -> None:
    assert catalogue([name]).gettext("Paused by you.") == "Von dir angehalten."


def test_who_reads_english_before_german_gets_english() -> None:
    assert catalogue(["en_GB", "en", "de_DE", "de"]) is ENGLISH
    assert language_of(catalogue(["fr_FR", "fr", "de_DE", "en_GB"])) == "de"


def test_one_is_said_otherwise_than_none_and_many() -> None:
    words = Catalogue("de", (Entry("{count} day", "{count} days", ("{count} Tag", "{count} Tage")),))
    assert [words.ngettext("{count} day", "{count} days", count) for count in (0, 1, 2)] == [
        "{count} Tage",
        "{count} Tag",
        "{count} Tage",
    ]


def test_what_a_catalogue_lacks_is_said_in_english() -> None:
    words = Catalogue("de", (Entry("Devices", "", ("",)),))
    assert words.gettext("Devices") == "Devices"
    assert words.gettext("") == ""
    assert words.ngettext("{count} day", "{count} days", 1) == "{count} day"
    assert words.ngettext("{count} day", "{count} days", 3) == "{count} days"


def test_a_missing_parameter_is_shown_as_a_question() -> None:
    assert filled("{a} and {b}", {"a": 1}) == "1 and ?"
