import ast
from pathlib import Path

from sparewatt.engine import offered
from sparewatt.wording.settings import UNAVAILABLE, unavailable_words


def test_everything_that_is_not_offered_has_words_and_none_is_left_over() -> None:
    tree = ast.parse(Path(offered.__file__).read_text("utf-8"))
    named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert set(UNAVAILABLE) == {each for each in named if each.startswith("no_") or each == "idle_unknown"}


def test_a_cause_of_a_newer_engine_is_a_sentence() -> None:
    assert unavailable_words("of a later version").endswith(".")
