import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt_cli.figures import count_text, seconds_text, sparkline, watts_text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (12_345.4, "12,345"), (1_230_000, "1.23 million"), (4.5e9, "4.50 billion")]
)
def test_counts_are_grouped_and_then_named(count: float, text: str) -> None:
    assert count_text(count) == text


def test_an_unknown_power_is_said_and_never_zero() -> None:
    assert watts_text(None) == "no power sensor"


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0 s"), (59.4, "59 s"), (185, "3 min 05 s"), (7_800, "2 h 10 min")])
def test_durations_have_at_most_two_units(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_a_sparkline_spans_from_its_least_to_its_greatest_value() -> None:
    assert sparkline([3.0, 2.0, 1.0], 10) == "█▅▁"
    assert sparkline([], 10) == ""


@given(st.lists(st.floats(-1e9, 1e9) | st.sampled_from([math.nan, math.inf, -math.inf])), st.integers(1, 60))
def test_a_sparkline_has_one_bar_for_each_finite_value_that_fits(values: list[float], width: int) -> None:
    finite = sum(math.isfinite(value) for value in values)
    assert len(sparkline(values, width)) == min(finite, width)
