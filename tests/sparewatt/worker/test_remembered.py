"""What a device's next worker knows of the last one's search."""

from pathlib import Path

from sparewatt.worker.remembered import ENTRIES_MOST, FILE, Remembered, key, recall, remember


def found(name: str, sequences: int = 4) -> Remembered:
    return Remembered(key("Card", name), sequences, 8)


def test_each_device_and_model_has_its_own(tmp_path: Path) -> None:
    remember(tmp_path, found("a"))
    remember(tmp_path, found("b", 2))
    remember(tmp_path, found("a", 8))
    assert recall(tmp_path, key("Card", "a")) == found("a", 8)
    assert recall(tmp_path, key("Card", "b")) == found("b", 2)
    assert recall(tmp_path, key("Other card", "a")) is None


def test_the_file_does_not_grow_without_end(tmp_path: Path) -> None:
    for number in range(ENTRIES_MOST + 5):
        remember(tmp_path, found(str(number)))
    assert recall(tmp_path, key("Card", "4")) is None
    assert recall(tmp_path, key("Card", "5")) == found("5")


def test_a_damaged_file_costs_a_search_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b'[{"key": 1}]')
    assert recall(tmp_path, key("Card", "a")) is None
    remember(tmp_path, found("a"))
    assert recall(tmp_path, key("Card", "a")) == found("a")
