import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.wording.portable_object import TEXT_MOST, BadCatalogue, Entry, read_entries

WHOLE = """# what translators keep in mind
msgid ""
msgstr ""
"Language: de\\n"

#: sparewatt.wording.rules
msgid "Paused by you."
msgstr ""
"Von dir "
"angehalten."

msgid "{count} day"
msgid_plural "{count} days"
msgstr[0] "{count} Tag"
msgstr[1] "{count} Tage"
"""


def test_entries_are_read_without_the_header() -> None:
    assert read_entries(WHOLE) == (
        Entry("Paused by you.", "", ("Von dir angehalten.",)),
        Entry("{count} day", "{count} days", ("{count} Tag", "{count} Tage")),
    )


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")) | st.sampled_from('\n\t"\\')))
def test_any_text_can_be_said(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    assert read_entries(f'msgid "x"\nmsgstr "{quoted}"\n') == (Entry("x", "", (text,)),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('msgid "a"\n', "line 1: is not whole"),
        ('msgid "a"\nmsgstr[0] "b"\n', "line 1: is not whole"),
        ('msgid "a"\nmsgid_plural "b"\nmsgstr "c"\n', "line 1: is not whole"),
        ('msgid "a"\nmsgstr "b"\n\nmsgid "a"\nmsgstr "c"\n', "line 4: stands twice"),
        ('msgid "a"\nmsgstr "b"\nmsgstr "c"\n', "line 3: msgstr is not expected"),
        ('msgstr "b"\n', "line 1: msgstr is not expected"),
        ('msgid "a"\nmsgctxt "b"\n', "line 2: msgctxt is not expected"),
        ('"a"\n', "line 1: belongs to nothing"),
        ('msgid "a"\nmsgstr "b"\n\n"c"\n', "line 4: belongs to nothing"),
        ("msgid a\n", "line 1: is no text in quotation marks"),
        ('msgid "a\n', "line 1: is no text in quotation marks"),
        ('msgid "a\\x41"\n', "line 1: is no text in quotation marks"),
        ('msgid "a" + "b"\n', "line 1: is no text in quotation marks"),
        ("#" * (TEXT_MOST + 1), f"more than {TEXT_MOST} characters"),
    ],
)
def test_a_catalogue_that_breaks_the_rules_is_refused_by_its_line(text: str, why: str) -> None:
    with pytest.raises(BadCatalogue) as refused:
        read_entries(text)
    assert str(refused.value) == why
