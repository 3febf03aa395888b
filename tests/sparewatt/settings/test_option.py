import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import InputError
from sparewatt.settings.option import NAMES_MOST, Option
from sparewatt.settings.schema import OPTIONS, PAUSE_PROGRAMS


def test_names_of_programs_are_kept_once_and_in_order() -> None:
    assert PAUSE_PROGRAMS.parse(" blender ;OBS64.exe; Blender; a  b ;") == ("blender", "OBS64.exe", "a b")


@pytest.mark.parametrize("text", ["", "none", " None "])
def test_no_names_is_a_list(text: str) -> None:
    assert PAUSE_PROGRAMS.parse(text) == ()


@pytest.mark.parametrize(
    "text", [";", "a/b", "c:\\\\x", "x" * 81, "a\x1bb", "; ".join(f"p{number}" for number in range(NAMES_MOST + 1))]
)
def test_paths_control_characters_and_too_much_are_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        PAUSE_PROGRAMS.parse(text)
    assert caught.value.error_id == "settings.value"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
@given(st.text(max_size=100) | st.sampled_from(["0", "1", "on", "never", "mo 1:00-2:00", "a; b", "none", "eur"]))
def test_whatever_is_typed_is_a_value_that_reads_itself_back_or_is_refused(option: Option[object], text: str) -> None:
    try:
        value = option.parse(text)
    except InputError:
        return
    assert option.parse(option.text(value)) == value
