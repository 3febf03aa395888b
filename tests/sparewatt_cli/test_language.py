"""What a terminal's environment says of the person's language."""

import pytest

from sparewatt.wording.catalogue import language_of
from sparewatt_cli.language import languages, words_of


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ()),
        ({"LANG": "de_DE.UTF-8"}, ("de_DE",)),
        ({"LANG": "de_AT@euro"}, ("de_AT",)),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, ("en_GB",)),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "de_DE.UTF-8"}, ("de_DE",)),
        ({"LC_ALL": "", "LC_MESSAGES": "", "LANG": "de"}, ("de",)),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C.UTF-8"}, ()),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "fr:de"}, ("fr", "de", "en_US")),
        ({"LANG": "C", "LANGUAGE": "de"}, ()),
    ],
)
def test_the_first_that_says_anything_decides(environment: dict[str, str], expected: tuple[str, ...]) -> None:
    assert languages(environment) == expected


@pytest.mark.parametrize(
    ("environment", "language"),
    [({"LANG": "de_DE.UTF-8"}, "de"), ({"LANG": "en_US.UTF-8"}, "en"), ({"LANG": "xx_XX"}, "en"), ({}, "en")],
)
def test_what_there_is_no_catalogue_for_is_english(environment: dict[str, str], language: str) -> None:
    assert language_of(words_of(environment)) == language
