import json
from pathlib import Path

import numpy as np
import pytest

from sparewatt.errors import InputError
from sparewatt_coordinator.create import tokens
from sparewatt_coordinator.create.tokens import ByteTokens, FileTokens, token_dtype
from sparewatt_coordinator.testing.tokenizers import END, word_tokenizer

WORDS = ["one", "two", "three"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(word_tokenizer(WORDS))
    return path


def changed(file: Path, **parts: object) -> Path:
    file.write_text(json.dumps({**json.loads(file.read_text()), **parts}))
    return file


def test_bytes_are_tokens() -> None:
    (encoded,) = ByteTokens().encode(["Ä".encode()])
    assert encoded.tolist() == [0xC3, 0x84]
    assert (ByteTokens().end, ByteTokens().vocabulary_size) == (10, 256)


def test_a_file_says_which_words_are_which_tokens(file: Path) -> None:
    found = FileTokens(file)
    assert [each.tolist() for each in found.encode([b"one three", b"two four"])] == [[1, 3], [2, 0]]
    assert (found.end, found.vocabulary_size, found.file) == (4, 5, file.read_bytes())


def test_what_looks_like_the_end_of_a_document_within_a_text_is_text(file: Path) -> None:
    (encoded,) = FileTokens(file).encode([f"one {END} two".encode()])
    assert encoded.tolist() == [1, 0, 2]


def test_a_file_that_cuts_or_fills_texts_does_neither_here(file: Path) -> None:
    changed(
        file,
        truncation={"max_length": 1, "stride": 0, "strategy": "LongestFirst", "direction": "Right"},
        padding={"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
                 "pad_type_id": 0, "pad_token": END},
    )  # fmt: skip
    assert [each.tolist() for each in FileTokens(file).encode([b"one two three"])] == [[1, 2, 3]]


def test_the_token_between_documents_is_named_hinted_or_known(file: Path) -> None:
    assert FileTokens(file, end="two").end == 2
    assert FileTokens(file, end_hint=3).end == 3
    assert FileTokens(file, end_hint=99).end == 4
    with pytest.raises(InputError, match=r"tokenizer\.end_unknown"):
        FileTokens(file, end="<eos>")


def test_without_any_such_token_one_has_to_be_named(file: Path) -> None:
    model = {"type": "WordLevel", "vocab": {"one": 0, "[UNK]": 1}, "unk_token": "[UNK]"}
    changed(file, added_tokens=[], model=model)
    with pytest.raises(InputError, match=r"tokenizer\.end "):
        FileTokens(file)
    assert FileTokens(file, end="one").end == 0


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"model": {"type": "None"}}'])
def test_what_is_no_tokenizer_is_refused(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"tokenizer\.malformed"):
        FileTokens(file)


def test_a_file_beyond_all_tokenizers_is_not_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "TOKENIZER_BYTES_MOST", 100)
    with pytest.raises(InputError, match=r"tokenizer\.malformed"):
        FileTokens(file)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tokenizer\.missing"):
        FileTokens(tmp_path / "tokenizer.json")


@pytest.mark.parametrize(("size", "name"), [(256, "u8"), (257, "u16"), (65_536, "u16"), (65_537, "u32")])
def test_tokens_are_as_narrow_as_the_vocabulary_allows(size: int, name: str) -> None:
    assert token_dtype(size) == name
    assert np.iinfo(tokens.DTYPES[token_dtype(size)]).max >= size - 1
