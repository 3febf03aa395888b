import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from sparewatt.blobs.folder import BlobFolder
from sparewatt.errors import InputError
from sparewatt.work.manifest import SourceFile
from sparewatt_coordinator.create import shards, spool
from sparewatt_coordinator.create.data import DataOptions, Stage, StoredData, store_data
from sparewatt_coordinator.create.tokens import ByteTokens, FileTokens, Tokens
from sparewatt_coordinator.testing.tokenizers import word_tokenizer

LENGTH = 8
WORDS = [f"w{number}" for number in range(500)]


def text_of(number: int) -> str:
    return " ".join(f"w{(number * 31 + step * (number % 7 + 1)) % 500}" for step in range(40)) + f" w{number % 500}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """1,000 distinct documents as lines of JSON in ten files."""
    folder = tmp_path / "data"
    folder.mkdir()
    for file in range(10):
        rows = (json.dumps({"text": text_of(100 * file + row)}) for row in range(100))
        (folder / f"{file}.jsonl").write_text("\n".join(rows))
    return folder


@pytest.fixture
def words(tmp_path: Path) -> FileTokens:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(word_tokenizer(WORDS))
    return FileTokens(path)


def stored(place: Path, blobs: Path, tokens: Tokens | None = None, **options: Any) -> StoredData:
    chosen = DataOptions(**{"text": place, "description": "words", "refuse_unusable": True, **options})
    return store_data(
        chosen,
        tokens if tokens is not None else ByteTokens(),
        BlobFolder(blobs),
        sequence_length=LENGTH,
        training_tokens_least=1_000,
        seed=0,
    )


def tokens_in(blobs: Path, data: StoredData, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    folder = BlobFolder(blobs)
    training = b"".join(folder.read(shard) for shard in data.shards)
    return np.frombuffer(training, dtype), np.frombuffer(folder.read(data.spec.held_out), dtype)


def test_tokens_of_a_file_make_shards_of_the_narrowest_numbers(folder: Path, words: FileTokens, tmp_path: Path) -> None:
    data = stored(folder, tmp_path / "blobs", words)
    training, held_out = tokens_in(tmp_path / "blobs", data, "<u2")
    spec = data.spec
    assert (spec.tokenizer, spec.token_dtype, spec.loss_unit) == ("tokenizer.json", "u16", "nats_per_token")
    assert (spec.vocabulary_size, spec.tokens, spec.held_out_tokens) == (502, len(training), len(held_out))
    assert spec.tokens % LENGTH == spec.held_out_tokens % LENGTH == 0
    assert training.max() == held_out.max() == words.end == 501
    assert 1_000 * 42 - 2 * LENGTH < spec.tokens + spec.held_out_tokens <= 1_000 * 42
    assert 0.08 < spec.held_out_tokens / spec.tokens < 0.14


def test_the_tokenizer_is_kept_for_whoever_exports_the_model(folder: Path, words: FileTokens, tmp_path: Path) -> None:
    data = stored(folder, tmp_path / "blobs", words)
    assert data.spec.tokenizer_file is not None
    assert BlobFolder(tmp_path / "blobs").read(data.spec.tokenizer_file) == words.file


def test_bytes_of_text_are_counted_for_each_token(folder: Path, words: FileTokens, tmp_path: Path) -> None:
    with_words = stored(folder, tmp_path / "one", words).spec.bytes_per_token_milli
    assert with_words is not None
    assert 4_400 < with_words < 5_000
    assert stored(folder, tmp_path / "two").spec.bytes_per_token_milli == 1_000


def test_what_data_were_made_from_is_recorded(folder: Path, tmp_path: Path) -> None:
    data = stored(folder, tmp_path / "blobs", licence="CC-BY-4.0")
    record = data.spec.record
    assert record is not None
    assert (record.licence, record.files, data.files) == ("CC-BY-4.0", 10, 10)
    listed = BlobFolder(tmp_path / "blobs").read(record.all_files)
    files = msgspec.json.decode(listed, type=tuple[SourceFile, ...])
    assert files == record.first
    assert record.bytes == sum(path.stat().st_size for path in folder.iterdir())
    for file in files:
        content = (folder / file.name).read_bytes()
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_manifest_names_only_the_first_of_many_files(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(100):
        (folder / f"{number}.txt").write_text(text_of(number) * 5)
    record = stored(folder, tmp_path / "blobs").spec.record
    assert record is not None
    assert (record.files, len(record.first)) == (100, 32)
    assert len(msgspec.json.decode(BlobFolder(tmp_path / "blobs").read(record.all_files))) == 100


def test_neither_names_nor_order_of_files_matter(folder: Path, words: FileTokens, tmp_path: Path) -> None:
    first = stored(folder, tmp_path / "one", words)
    whole = tmp_path / "whole.jsonl"
    whole.write_text("\n".join(path.read_text() for path in sorted(folder.iterdir(), reverse=True)))
    second = stored(whole, tmp_path / "two", words)
    assert first.shards == second.shards
    assert first.spec.held_out == second.spec.held_out


def test_data_in_many_parts_are_the_same_documents(
    folder: Path, words: FileTokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = tokens_in(tmp_path / "one", stored(folder, tmp_path / "one", words), "<u2")
    monkeypatch.setattr(spool, "PART_BYTES", 20_000)
    monkeypatch.setattr(shards, "SHARD_BYTES", 4_096)
    data = stored(folder, tmp_path / "two", words)
    parts = tokens_in(tmp_path / "two", data, "<u2")
    assert len(data.shards) > 10
    sizes = {shard.size for shard in data.shards[:-1]}
    assert sizes == {4_096}
    # The same documents are held out, and as many of every token are trained on, but for a rest.
    assert len(once[1]) > 0
    assert sorted(once[1].tolist()) == sorted(parts[1].tolist())
    assert abs(len(once[0]) - len(parts[0])) <= LENGTH
    common = np.bincount(once[0], minlength=502) - np.bincount(parts[0], minlength=502)
    assert np.abs(common).sum() <= 2 * LENGTH


def test_equal_documents_count_once(folder: Path, words: FileTokens, tmp_path: Path) -> None:
    (folder / "again.jsonl").write_text((folder / "0.jsonl").read_text())
    again = stored(folder, tmp_path / "two", words).spec
    (folder / "again.jsonl").unlink()
    once = stored(folder, tmp_path / "one", words).spec
    assert (again.tokens, again.index, again.held_out) == (once.tokens, once.index, once.held_out)
    assert again.record != once.record


def test_progress_reaches_the_end(folder: Path, tmp_path: Path) -> None:
    told: list[tuple[Stage, int, int]] = []
    store_data(
        DataOptions(folder, "words"),
        ByteTokens(),
        BlobFolder(tmp_path / "blobs"),
        sequence_length=LENGTH,
        training_tokens_least=1_000,
        seed=0,
        progress=lambda stage, done, total: told.append((stage, done, total)),
    )
    for stage in ("reading", "shuffling"):
        steps = [(done, total) for each, done, total in told if each == stage]
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1] > 0


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("bad.txt", b"", "text.empty"),
        ("bad.txt", b"\x89PNG\0", "text.binary"),
        ("bad.txt", b"\xff", "text.not_utf8"),
        ("bad.jsonl", b'{"text": "x"}\n{"text": 1}', "text.field"),
        ("bad.jsonl", b'{"text": "x"}\nnonsense', "text.json_line"),
        ("bad.parquet", b"nonsense", "text.parquet"),
    ],
)
def test_a_file_that_is_meant_to_be_data_and_is_none_is_refused_or_left_out(
    name: str, content: bytes, error: str, folder: Path, tmp_path: Path
) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        stored(folder, tmp_path / "blobs")
    assert caught.value.error_id == error
    assert caught.value.parameters["file"] == name
    assert [path for path in (tmp_path / "blobs").iterdir() if path.name != "incoming"] == []
    assert stored(folder, tmp_path / "blobs", refuse_unusable=False).skipped == 1


def test_a_file_that_is_not_meant_to_be_data_is_left_out(folder: Path, tmp_path: Path) -> None:
    (folder / "picture.png").write_bytes(b"\x89PNG\0")
    assert stored(folder, tmp_path / "blobs").skipped == 1


def test_no_document_at_all_is_said(tmp_path: Path) -> None:
    (tmp_path / "blank.jsonl").write_text('{"text": " "}\n{"text": ""}')
    with pytest.raises(InputError, match=r"text\.unreadable"):
        stored(tmp_path / "blank.jsonl", tmp_path / "blobs")


def test_reading_ends_when_there_is_enough(folder: Path, tmp_path: Path) -> None:
    spec = stored(folder, tmp_path / "blobs", bytes_most=60_000).spec
    assert 50_000 < spec.tokens + spec.held_out_tokens <= 61_000
    assert spec.record is not None
    assert spec.record.files < 10
