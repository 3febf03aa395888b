import ast
from pathlib import Path
from typing import Any

import pytest

from sparewatt.engine import offered
from sparewatt.errors import InputError
from sparewatt.settings.option import Option
from sparewatt.settings.schema import BY_KEY, OPTIONS
from sparewatt.wording.catalogue import catalogue
from sparewatt.wording.errors import sentence
from sparewatt.wording.settings import UNAVAILABLE, allowed_words, unavailable_words, with_allowed


def test_everything_that_is_not_offered_has_words_and_none_is_left_over() -> None:
    tree = ast.parse(Path(offered.__file__).read_text("utf-8"))
    named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert set(UNAVAILABLE) == {each for each in named if each.startswith("no_") or each == "idle_unknown"}


def test_a_cause_of_a_newer_engine_is_a_sentence() -> None:
    assert unavailable_words("of a later version").endswith(".")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_what_is_allowed_is_what_the_schema_says(option: Option[Any]) -> None:
    assert allowed_words(option) == option.allowed


def test_a_refused_value_is_told_what_is_allowed_in_its_language() -> None:
    with pytest.raises(InputError) as refused:
        BY_KEY["idle_minutes"].parse("0")
    assert sentence(refused.value) == "idle_minutes cannot be 0. Allowed: 1 to 240."
    assert sentence(refused.value, catalogue(["de"])) == "idle_minutes kann nicht 0 sein. Erlaubt: 1 bis 240."


def test_bounds_that_are_not_the_schemas_are_kept() -> None:
    told = {"key": "idle_minutes", "allowed": "5 to 6"}
    assert with_allowed(told) == told
    assert with_allowed({"key": "of_a_later_version", "allowed": "x"}) == {"key": "of_a_later_version", "allowed": "x"}
