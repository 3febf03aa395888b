"""What a run says about its shards, as an engine reads it."""

import msgspec
import pytest

from sparewatt.engine.run_driver import shard_index
from sparewatt.errors import IntegrityError
from sparewatt.testing.hostile import HOSTILE_BYTES, injured
from sparewatt.work.version import BlobRef

INDEX = (BlobRef("0" * 64, 1_000), BlobRef("1" * 64, 24))
SOUND = msgspec.json.encode(INDEX)


def test_the_index_names_the_shards_in_order() -> None:
    assert shard_index(SOUND) == INDEX


@pytest.mark.parametrize("data", HOSTILE_BYTES, ids=range(len(HOSTILE_BYTES)))
def test_an_index_that_is_none_is_told_in_words(data: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"manifest\.index"):
        shard_index(data)


def test_an_injured_index_is_an_index_or_refused() -> None:
    refused = 0
    for data in injured(SOUND):
        try:
            shard_index(data)
        except IntegrityError:
            refused += 1
    assert refused > 100
