"""What a person is shown when a run is not what they consented to."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.testing.run import FakeRun
from sparewatt.work.changes import Change, manifest_changes, manifest_fields

MANIFEST = FakeRun().manifest


def test_a_manifest_does_not_differ_from_itself() -> None:
    assert manifest_changes(MANIFEST, MANIFEST) == ()


def test_every_changed_field_is_named_with_both_values() -> None:
    after = msgspec.structs.replace(
        MANIFEST,
        title="A larger run",
        rounds=msgspec.structs.replace(MANIFEST.rounds, tokens_total=64_000),
        costs=msgspec.structs.replace(MANIFEST.costs, memory_bytes=2_000),
    )
    assert manifest_changes(MANIFEST, after) == (
        Change("title", "A small run", "A larger run"),
        Change("rounds.tokens_total", "32000", "64000"),
        Change("costs.memory_bytes", "1000", "2000"),
    )


def test_a_value_is_shown_as_plain_text() -> None:
    after = msgspec.structs.replace(MANIFEST, title="<b>" + "x" * 300)
    (change,) = manifest_changes(MANIFEST, after)
    assert change.after.startswith("‹b›xxx")
    assert len(change.after) == 200


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.sampled_from(["A small run", "Another"]))
def test_there_and_back_are_the_same_fields(tokens: int, disk: int, title: str) -> None:
    after = msgspec.structs.replace(
        MANIFEST,
        title=title,
        rounds=msgspec.structs.replace(MANIFEST.rounds, tokens_total=tokens),
        costs=msgspec.structs.replace(MANIFEST.costs, disk_bytes=disk),
    )
    there, back = manifest_changes(MANIFEST, after), manifest_changes(after, MANIFEST)
    assert [(each.field, each.after, each.before) for each in there] == [
        (each.field, each.before, each.after) for each in back
    ]
    assert {each.field for each in there} <= set(manifest_fields(MANIFEST))
