"""Text to tokens: bytes, or a ``tokenizer.json``. The organiser's computer alone does it; no worker has a tokenizer."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sparewatt.errors import InputError, UnavailableError

Unsigned = NDArray[np.unsignedinteger]
TokenDtype = Literal["u8", "u16", "u32"]

TOKENIZER_FILE: Final = "tokenizer.json"
TOKENIZER_BYTES_MOST: Final = 64 * 1024 * 1024
DTYPES: Final[dict[TokenDtype, np.dtype[np.unsignedinteger]]] = {
    "u8": np.dtype("<u1"),
    "u16": np.dtype("<u2"),
    "u32": np.dtype("<u4"),
}
BYTE_VOCABULARY: Final = 256
# Names that published models give to the token between two documents, most telling first.
_ENDS: Final = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[EOS]", "<|end|>", "[SEP]")


class Tokens(Protocol):
    """How text becomes tokens.

    Attributes:
        end: the token between two documents.
        vocabulary_size: one more than the largest token.
        file: the ``tokenizer.json``; None for bytes.
    """

    end: int
    vocabulary_size: int
    file: bytes | None

    def encode(self, documents: Sequence[bytes]) -> Iterable[Unsigned]:
        """The tokens of each of `documents` (UTF-8), without the one at its end."""
        ...


class ByteTokens:
    """Every byte is a token; documents end with a line feed."""

    end = ord("\n")
    vocabulary_size = BYTE_VOCABULARY
    file: bytes | None = None

    def encode(self, documents: Sequence[bytes]) -> Iterable[Unsigned]:
        return (np.frombuffer(document, dtype=DTYPES["u8"]) for document in documents)


class FileTokens:
    """A ``tokenizer.json`` as the `tokenizers` library reads it, which runs no code of it.

    What looks like a special token within a text is text.

    Args:
        end: name of the token between two documents; by default `end_hint`, or one that published models use.
        end_hint: a token that a model's configuration names as its end.

    Raises:
        InputError: ``tokenizer.missing`` when the file cannot be read, ``tokenizer.malformed`` when it is no tokenizer,
            ``tokenizer.end`` when no token between documents can be told.
        UnavailableError: ``tokenizer.library`` when the library is not installed.
    """

    def __init__(self, path: Path, end: str | None = None, end_hint: int | None = None) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise UnavailableError("tokenizer.library") from error
        self.file: bytes | None = _read(path)
        try:
            self._tokenizer = Tokenizer.from_str(self.file.decode())
        except Exception as error:  # the library has no errors of its own: it raises `Exception` itself
            raise InputError("tokenizer.malformed", file=path.name, reason=str(error)[:100]) from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True
        known = self._tokenizer.get_vocab(with_added_tokens=True)
        self.vocabulary_size = max(known.values(), default=0) + 1
        self.end = _end(path.name, known, end, end_hint)

    def encode(self, documents: Sequence[bytes]) -> Iterable[Unsigned]:
        dtype = DTYPES[token_dtype(self.vocabulary_size)]
        texts = [document.decode(errors="replace") for document in documents]
        for encoded in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False):
            yield np.array(encoded.ids, dtype=dtype)


def token_dtype(vocabulary_size: int) -> TokenDtype:
    """The narrowest numbers that hold every token."""
    if vocabulary_size <= 1 << 8:
        return "u8"
    return "u16" if vocabulary_size <= 1 << 16 else "u32"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(TOKENIZER_BYTES_MOST + 1)
    except OSError as error:
        raise InputError("tokenizer.missing", path=str(path), reason=error.strerror or "") from error
    if len(data) > TOKENIZER_BYTES_MOST:
        raise InputError("tokenizer.malformed", file=path.name, reason=f"longer than {TOKENIZER_BYTES_MOST} bytes")
    return data


def _end(file: str, known: dict[str, int], wanted: str | None, hint: int | None) -> int:
    if wanted is not None:
        if wanted not in known:
            raise InputError("tokenizer.end_unknown", file=file, token=wanted[:60])
        return known[wanted]
    if hint is not None and hint in known.values():
        return hint
    found = next((known[name] for name in _ENDS if name in known), None)
    if found is None:
        raise InputError("tokenizer.end", file=file)
    return found
