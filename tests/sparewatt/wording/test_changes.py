"""Every field of a manifest has a name that a person understands."""

import pytest

from sparewatt.testing.run import FakeRun
from sparewatt.wording.catalogue import catalogue
from sparewatt.wording.changes import FIELDS, change_words
from sparewatt.work.changes import manifest_fields


def test_every_field_has_words() -> None:
    fields = manifest_fields(FakeRun().manifest)
    assert [each for each in fields if each not in FIELDS and each.partition(".")[0] not in FIELDS] == []


@pytest.mark.parametrize(
    ("field", "before", "after", "line"),
    [
        ("costs.disk_bytes", "1500000000", "12400000000", "Disk: 1.5 GB → 12 GB"),
        ("costs.download_bytes_first", "12400", "12400000", "Download at first: 12 kB → 12 MB"),
        ("rounds.tokens_total", "1000000", "2500000", "Planned tokens: 1.0 M → 2.5 M"),
        ("rounds.seconds_total", "0", "86400", "Planned time: 0 s → 24 h 0 min"),
        ("created_at_s", "0", "1795007200", "Made at: 1970-01-01 00:00 UTC → 2026-11-18 13:06 UTC"),
        ("start_keyframe.size", "1000", "2000", "Version it starts from (size): 1.0 kB → 2.0 kB"),
        ("model.layers", "", "2", "Model, technical (layers): - → 2"),
        ("rounds.grace_milliseconds", "0", "500", "Rounds, technical (grace_milliseconds): 0 → 500"),
        ("licence", "CC0-1.0", "MIT", "Licence: CC0-1.0 → MIT"),
    ],
)
def test_a_change_is_one_line_with_units(field: str, before: str, after: str, line: str) -> None:
    assert change_words(field, before, after) == line


def test_what_rounding_hides_is_told_to_the_last_digit() -> None:
    assert change_words("costs.disk_bytes", "1500000000", "1500000001") == "Disk: 1500000000 → 1500000001"


def test_an_impossible_number_is_shown_as_it_came() -> None:
    line = change_words("created_at_s", "9" * 30, "²")
    assert line == f"Made at: {'9' * 30} → ²"


def test_german_writes_its_numbers() -> None:
    line = change_words("costs.disk_bytes", "1500000000", "4000000000", catalogue(["de"]))
    assert line.endswith(": 1,5 GB → 4,0 GB")
