import pytest

from sparewatt.errors import InputError
from sparewatt_cli.runs_by_name import run_named

RUNS = {"ab12" + "0" * 60: "first", "ab34" + "0" * 60: "second"}


def test_the_first_letters_are_enough_when_they_fit_one_run() -> None:
    assert run_named("AB1", RUNS) == "first"
    assert run_named("ab34" + "0" * 60, RUNS) == "second"


@pytest.mark.parametrize(("text", "error_id"), [("ab", "run.ambiguous"), ("cd", "run.unknown"), (" ", "run.unknown")])
def test_a_name_that_fits_none_or_several_is_refused(text: str, error_id: str) -> None:
    with pytest.raises(InputError) as caught:
        run_named(text, RUNS)
    assert caught.value.error_id == error_id
