"""The nouns hold their bounds, are signed in whole, and come back as they were."""

import msgspec
import pytest

from sparewatt.errors import IntegrityError
from sparewatt.signing import digest, sign, verify
from sparewatt.testing.run import FakeRun, private_key, version
from sparewatt.testing.transport import FakeCoordinator
from sparewatt.work.assignment import ASSIGNMENT_KIND, Assignment
from sparewatt.work.bounds import Sha256, Title, Words
from sparewatt.work.manifest import MANIFEST_KIND, Manifest
from sparewatt.work.receipt import ANNOUNCEMENT_KIND, Announcement

RUN = FakeRun()
KEY = private_key(3)


def test_a_manifest_is_named_by_its_digest() -> None:
    assert digest(verify(RUN.signed_manifest, MANIFEST_KIND, RUN.manifest.run_key, Manifest)) == RUN.run
    changed = msgspec.structs.replace(RUN.manifest, title="Another run")
    assert digest(changed) != RUN.run


def test_a_manifest_does_not_publish_moments_of_eight_bits() -> None:
    inner = msgspec.structs.replace(RUN.manifest.inner, state="fresh-shared-v")
    optimiser = msgspec.structs.replace(RUN.manifest.optimiser, name="adamw-8bit")
    for changes in ({"optimiser": optimiser}, {"inner": inner}):
        changed = msgspec.structs.replace(RUN.manifest, **changes)
        assert msgspec.json.decode(msgspec.json.encode(changed), type=Manifest) == changed
    with pytest.raises(ValueError, match="eight bits"):
        msgspec.structs.replace(RUN.manifest, inner=inner, optimiser=optimiser)


@pytest.mark.parametrize("number", [0, 1])
def test_absent_fields_of_an_announcement_come_back_absent(number: int) -> None:
    announcement = RUN.announcement(1, number)
    signed = sign(ANNOUNCEMENT_KIND, announcement, KEY)
    assert verify(signed, ANNOUNCEMENT_KIND, signed.key, Announcement) == announcement
    assert "null" not in signed.body


@pytest.mark.parametrize(
    "changes",
    [
        {"token_budget": 0},
        {"fence": 0},
        {"ttl_s": 7 * 86_400 + 1},
        {"inner_steps": 40_001},
        {"ranges": ()},
        {"kind": "mine"},
        {"device": "not-hex"},
        {"run": "AB" * 32},
    ],
)
def test_an_assignment_outside_its_bounds_does_not_decode(changes: dict[str, object]) -> None:
    honest = FakeCoordinator(RUN).assignment(1, "ab" * 32, "cd" * 16)
    signed = sign(ASSIGNMENT_KIND, msgspec.structs.replace(honest, **changes), KEY)
    with pytest.raises(IntegrityError, match=r"signature\.body"):
        verify(signed, ASSIGNMENT_KIND, signed.key, Assignment)


@pytest.mark.parametrize("text", ["two\nlines", "end\n", "tab\t", "\x1b[31m", "\x7f", "\u202eevil", "x" * 201])
def test_text_for_people_is_one_plain_line(text: str) -> None:
    for kind in (Title, Words):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(text, type=kind)


def test_titles_are_not_empty_but_words_may_be() -> None:
    assert msgspec.convert("", type=Words) == ""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert("", type=Title)


def test_a_digest_is_64_lower_case_hex_digits_and_no_more() -> None:
    assert msgspec.convert("ab" * 32, type=Sha256)
    for wrong in ("ab" * 31, "AB" * 32, "ab" * 32 + "\n", " " + "ab" * 32):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, type=Sha256)


def test_versions_are_ordered_by_branch_then_number() -> None:
    assert version(9).position < version(0, branch=1).position < version(1, branch=1).position
