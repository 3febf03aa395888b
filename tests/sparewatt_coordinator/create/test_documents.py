import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from sparewatt.errors import InputError
from sparewatt_coordinator.create.documents import DOCUMENT_BYTES_MOST, documents, pieces
from sparewatt_coordinator.create.sources import find_sources


def read(path: Path, field: str = "text") -> tuple[list[bytes], list[tuple[str, dict[str, str | int]]]]:
    """The documents of a file, and what could not be used."""
    unusable: list[InputError] = []
    (source,) = find_sources(path)
    texts = list(documents(source, field, unusable.append))
    return texts, [(error.error_id, error.parameters) for error in unusable]


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def table(path: Path, **columns: list[object]) -> Path:
    parquet.write_table(pa.table(columns), path, row_group_size=2)
    return path


def test_a_long_text_is_cut_at_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(300_000)))
    texts, _ = read(path)
    assert b"".join(texts) == path.read_bytes()
    assert all(len(text) <= DOCUMENT_BYTES_MOST and text.endswith(b"\n") for text in texts)


@given(st.text(st.sampled_from("aÄ€😀\n"), max_size=400), st.integers(1, 300))
def test_pieces_are_the_text_and_never_end_within_a_character(text: str, repeated: int) -> None:
    data = text.encode() * repeated
    parts = list(pieces(data))
    assert b"".join(parts) == data
    assert all(0 < len(part) <= DOCUMENT_BYTES_MOST for part in parts)
    assert "".join(part.decode() for part in parts) == text * repeated


def test_every_line_of_json_is_a_document(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", {"text": "one", "id": 1}, {"id": [2, {"x": None}], "text": "zwei €"})
    path.write_text(path.read_text() + "\n  \n" + '{"text": "last"}')
    assert read(path) == ([b"one", "zwei €".encode(), b"last"], [])


def test_another_field_can_hold_the_text(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", {"body": "one", "text": "no"})
    assert read(path, "body") == ([b"one"], [])


def test_a_line_that_cannot_be_used_is_told_by_its_number(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", {"text": "one"}, {"body": "x", "id": 1}, {"text": 3}, [1], {"text": "five"})
    path.write_text(path.read_text() + '{"text": "broken\n' + '{"text": "\\ud800"}\n' + "[" * 100_000 + "\n")
    texts, unusable = read(path)
    assert texts == [b"one", b"five"]
    assert unusable[0] == ("text.field", {"file": "a.jsonl", "line": 2, "field": "text", "known": "body, id"})
    assert [(kind, parameters["line"]) for kind, parameters in unusable] == [
        ("text.field", 2), ("text.field", 3), ("text.json_line", 4), ("text.json_line", 6), ("text.json_line", 7),
        ("text.json_line", 8),
    ]  # fmt: skip


def test_every_cell_of_a_column_is_a_document(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", text=["one", None, "zwei €", " ", "three"], id=[1, 2, 3, 4, 5])
    assert read(path) == ([b"one", "zwei €".encode(), b"three"], [])


def test_a_column_that_is_not_there_or_holds_no_text_is_refused_with_those_there_are(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", body=["one"], id=[1])
    for column in ("text", "id"):
        expected = ("text.column", {"file": "a.parquet", "column": column, "known": "body, id"})
        assert read(path, column) == ([], [expected])
    assert read(path, "body") == ([b"one"], [])


@pytest.mark.parametrize("damage", ["cut", "pages", "other"])
def test_a_damaged_table_is_told(damage: str, tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", text=[f"row {number}" * 50 for number in range(10)])
    data = bytearray(path.read_bytes())
    match damage:
        case "cut":
            del data[len(data) // 2 :]
        case "pages":
            data[4:300] = bytes(296)
        case "other":
            data[:] = b"no table at all"
    path.write_bytes(data)
    _, unusable = read(path)
    assert [kind for kind, _ in unusable] == ["text.parquet"]


@given(data=st.data())
def test_a_hostile_table_is_read_or_refused_and_nothing_else(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = table(tmp_path_factory.mktemp("t") / "a.parquet", text=["one", "two", "three"])
    changed = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(changed)
    read(path)
