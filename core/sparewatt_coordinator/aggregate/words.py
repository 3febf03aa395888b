"""Text to tokens and back, to let a version write. Contributors have no tokenizer."""

from collections.abc import Sequence
from typing import Protocol

from sparewatt.errors import UnavailableError


class Words(Protocol):
    """How a run's tokens are text."""

    def tokens(self, text: str) -> list[int]: ...

    def text(self, tokens: Sequence[int]) -> str: ...


class ByteWords:
    """Every byte of UTF-8 is a token."""

    def tokens(self, text: str) -> list[int]:
        return list(text.encode())

    def text(self, tokens: Sequence[int]) -> str:
        return bytes(tokens).decode(errors="replace")


class FileWords:
    """A ``tokenizer.json`` that was read once already, when its run was made.

    Raises:
        UnavailableError: ``tokenizer.library`` when the library is not installed.
    """

    def __init__(self, file: bytes) -> None:
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise UnavailableError("tokenizer.library") from error
        self._tokenizer = Tokenizer.from_str(file.decode())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def tokens(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def text(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=False))
