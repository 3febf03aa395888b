"""Whatever a network says, a screen shows one plain line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.work.plain import plain_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bedtime stories", "Bedtime stories"),
        ("Gute-Nacht-Geschichten für alle · 物語 · قصص", "Gute-Nacht-Geschichten für alle · 物語 · قصص"),
        ("<b>Free</b> &amp; <img src=x>", "‹b›Free‹/b› ＆amp; ‹img src=x›"),
        ("safe\u202eexe.txt", "safeexe.txt"),
        ("\u2066\u2067\u200e\u200f\u061cturned\u2069", "turned"),
        ("two\r\nlines\u2028and\ttabs", "two lines and tabs"),
        ("bell\a, escape\x1b[31m, nothing\0", "bell, escape[31m, nothing"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("  ", ""),
    ],
)
def test_what_is_shown_of_it(text: str, shown: str) -> None:
    assert plain_text(text) == shown


def test_what_is_too_long_ends_in_an_ellipsis() -> None:
    assert plain_text("x" * 10_000) == "x" * 199 + "…"
    assert plain_text("x" * 200) == "x" * 200


@given(st.text(max_size=3_000), st.integers(2, 300))
def test_nothing_else_comes_through(text: str, most: int) -> None:
    shown = plain_text(text, most)
    assert len(shown) <= most
    assert shown == shown.strip()
    assert not {"<", ">", "&"} & set(shown)
    assert not [mark for mark in shown if unicodedata.category(mark) in ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp")]
    assert plain_text(shown, most) == shown
