from pathlib import Path

from sparewatt.settings.intents import Intents
from sparewatt.settings.intents_store import INTENTS_FILE, IntentsStore


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
