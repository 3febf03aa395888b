import ast
from pathlib import Path

from sparewatt.policy import conflict_rules
from sparewatt.wording.conflicts import CONFLICTS, conflict_words
from sparewatt.wording.idle import IDLE


def told() -> set[str]:
    """Ids that the policy makes a conflict with."""
    tree = ast.parse(Path(conflict_rules.__file__).read_text("utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {
        str(call.args[0].value)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Conflict" and isinstance(call.args[0], ast.Constant)
    }


def test_every_conflict_has_words_and_none_is_left_over() -> None:
    assert told() == set(CONFLICTS)


def test_words_carry_what_was_found() -> None:
    words = conflict_words("sleeps_before_away", {"sleep_s": 300, "minutes": 5})
    assert words.startswith("The computer goes to sleep after 5 min, so you never count as away after 5 min.")
    assert IDLE["no_display"] in conflict_words("away_unknown", {"cause": "no_display"})


def test_a_conflict_of_a_newer_engine_is_named() -> None:
    assert "solar" in conflict_words("solar", {})
