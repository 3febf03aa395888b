"""Whatever the bytes are: a value of the type, or `Unreadable`."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.plain_json import DETAIL_CHARACTERS_MOST, Unreadable, decoded, decoded_by
from sparewatt.testing.hostile import HOSTILE_BYTES, injured


class Sample(msgspec.Struct, frozen=True):
    name: str
    counts: tuple[int, ...]
    more: dict[str, float] = {}


SOUND = Sample("a name", (1, 2, 3), {"é": 0.5})


def test_what_was_written_is_read() -> None:
    assert decoded(msgspec.json.encode(SOUND), Sample) == SOUND
    assert decoded_by(msgspec.json.Decoder(Sample), msgspec.json.encode(SOUND)) == SOUND


@pytest.mark.parametrize("data", HOSTILE_BYTES, ids=range(len(HOSTILE_BYTES)))
def test_every_way_to_be_wrong_is_the_same_failure(data: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        decoded(data, Sample)
    assert len(caught.value.detail) <= DETAIL_CHARACTERS_MOST


@pytest.mark.parametrize(
    "text", ['{"name":"\ud800","counts":[]}', '{"name":"x","counts":[' + "9" * 5_000 + "]}", "[" * 99_999]
)
def test_text_fails_like_bytes(text: str) -> None:
    with pytest.raises(Unreadable):
        decoded(text, Sample)


@given(st.binary(max_size=200) | st.sampled_from(injured(msgspec.json.encode(SOUND))))
def test_any_bytes_are_a_value_or_unreadable(data: bytes) -> None:
    try:
        found = decoded(data, Sample)
    except Unreadable:
        return
    assert decoded(msgspec.json.encode(found), Sample) == found
