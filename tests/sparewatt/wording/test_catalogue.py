from sparewatt.wording.catalogue import catalogue, filled


def test_a_language_without_a_catalogue_is_english() -> None:
    assert catalogue(["xx"]).gettext("Paused by you.") == "Paused by you."


def test_a_missing_parameter_is_shown_as_unknown() -> None:
    assert filled("{a} and {b}", {"a": 1}) == "1 and unknown"
