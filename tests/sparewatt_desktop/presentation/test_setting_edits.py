"""What was typed is never lost, and never saved twice."""

from hypothesis import given
from hypothesis import strategies as st

from sparewatt.control.messages import SettingValue
from sparewatt_desktop.presentation.setting_edits import Edits

KEYS = ("a", "b", "c")
TEXT = st.sampled_from(("1", "2", "3"))


def lines(**values: str) -> tuple[SettingValue, ...]:
    return tuple(SettingValue(key, value, "1", "computer") for key, value in values.items())


LISTED = Edits().listed(4, lines(a="1", b="1"))


def test_typing_the_stored_value_is_no_edit() -> None:
    assert LISTED.typed("a", "2").unsaved == {"a": "2"}
    assert LISTED.typed("a", "2").typed("a", "1").unsaved == {}


def test_an_edit_survives_a_new_list_and_is_marked_where_the_stored_value_changed() -> None:
    edits = LISTED.typed("a", "2").typed("b", "2").listed(5, lines(a="3", b="1"))
    assert edits.revision == 5
    assert edits.unsaved == {"a": "2", "b": "2"}
    assert edits.elsewhere == {"a"}
    assert edits.typed("a", "3").elsewhere == frozenset()


def test_an_edit_that_somebody_else_made_as_well_is_done() -> None:
    assert LISTED.typed("a", "2").listed(5, lines(a="2", b="1")).unsaved == {}


def test_an_edit_of_a_line_that_is_gone_goes_too() -> None:
    assert LISTED.typed("a", "2").listed(5, lines(b="1")).unsaved == {}


def test_saving_keeps_what_was_typed_meanwhile() -> None:
    edits = LISTED.typed("a", "2").typed("a", "3").saved("a", "2")
    assert edits.lines["a"].value == "2"
    assert edits.unsaved == {"a": "3"}
    assert edits.saved("a", "3").unsaved == {}


def test_a_value_that_nobody_lists_cannot_be_typed() -> None:
    assert LISTED.typed("z", "2").unsaved == {}
    assert LISTED.saved("z", "2") == LISTED


@given(st.lists(st.tuples(st.sampled_from(("type", "list", "save")), st.sampled_from(KEYS), TEXT), max_size=30))
def test_an_edit_is_always_of_a_listed_line_and_differs_from_it(steps: list[tuple[str, str, str]]) -> None:
    edits = Edits().listed(0, lines(a="1", b="1", c="1"))
    for revision, (what, key, text) in enumerate(steps, start=1):
        match what:
            case "type":
                edits = edits.typed(key, text)
            case "list":
                stored = {each: line.value for each, line in edits.lines.items()} | {key: text}
                edits = edits.listed(revision, lines(**stored))
            case _ if key in edits.unsaved:
                edits = edits.saved(key, edits.unsaved[key])
                assert key not in edits.unsaved
        assert all(edits.lines[each].value != value for each, value in edits.unsaved.items())
        assert edits.elsewhere <= edits.unsaved.keys()
