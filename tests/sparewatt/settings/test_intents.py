from pathlib import Path

import pytest

from sparewatt.settings.intents import Intents
from sparewatt.settings.intents_store import INTENTS_FILE, IntentsStore
from sparewatt.testing.hostile import HOSTILE_BYTES, injured


def test_a_pause_survives_a_restart(tmp_path: Path) -> None:
    IntentsStore(tmp_path).set(Intents(paused_until_unix_s=0))
    assert IntentsStore(tmp_path).intents.paused_at(1e12)


def test_a_pause_until_a_moment_ends_at_it() -> None:
    intents = Intents(paused_until_unix_s=100)
    assert intents.paused_at(99.9)
    assert not intents.paused_at(100)
    assert not Intents().paused_at(0)


def test_an_unreadable_file_counts_as_a_pause(tmp_path: Path) -> None:
    (tmp_path / INTENTS_FILE).write_text("{")
    assert IntentsStore(tmp_path).intents == Intents(paused_until_unix_s=0)


@pytest.mark.parametrize("content", HOSTILE_BYTES, ids=range(len(HOSTILE_BYTES)))
def test_hostile_bytes_count_as_a_pause_too(tmp_path: Path, content: bytes) -> None:
    (tmp_path / INTENTS_FILE).write_bytes(content)
    assert IntentsStore(tmp_path).intents == Intents(paused_until_unix_s=0)


def test_an_injured_file_never_stops_the_engine(tmp_path: Path) -> None:
    IntentsStore(tmp_path).set(Intents(paused_until_unix_s=1_795_000_000))
    for content in injured((tmp_path / INTENTS_FILE).read_bytes()):
        (tmp_path / INTENTS_FILE).write_bytes(content)
        IntentsStore(tmp_path)
