"""Every field of a manifest has a name that a person understands."""

from sparewatt.testing.run import FakeRun
from sparewatt.wording.changes import FIELDS, change_words
from sparewatt.work.changes import manifest_fields


def test_every_field_has_words() -> None:
    fields = manifest_fields(FakeRun().manifest)
    assert [each for each in fields if each not in FIELDS and each.partition(".")[0] not in FIELDS] == []


def test_a_change_is_one_line() -> None:
    assert change_words("rounds.tokens_total", "1", "2") == "Planned tokens: 1 → 2"
    assert change_words("model.layers", "", "2") == "Model, technical: - → 2"
