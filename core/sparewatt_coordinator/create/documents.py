"""Documents from files, one at a time: a file larger than memory is no matter.

A document is at most 64 KiB long; longer texts are cut, at a line's end where one is near.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from sparewatt.errors import InputError, UnavailableError
from sparewatt.plain_json import Unreadable, decoded
from sparewatt_coordinator.create.sources import READ_BYTES, Source

DOCUMENT_BYTES_MOST: Final = 64 * 1024
LINE_BYTES_MOST: Final = 64 * 1024 * 1024
ROWS_AT_A_TIME: Final = 64

Unusable = Callable[[InputError], None]


def documents(source: Source, field: str, unusable: Unusable) -> Iterator[bytes]:
    """The documents of a file that was looked through, in UTF-8; none is blank.

    Args:
        field: what holds the text in a line of JSON, or the column that does.
        unusable: told of every line that cannot be used, and of a table that cannot be read on; raises to end there.

    Raises:
        InputError: ``text.file_missing`` when it cannot be read any more.
        UnavailableError: ``parquet.missing`` when pyarrow is not installed.
    """
    try:
        yield from (document for document in _read(source, field, unusable) if document.strip())
    except OSError as error:
        raise InputError("text.file_missing", file=source.name, reason=error.strerror or "") from error


def _read(source: Source, field: str, unusable: Unusable) -> Iterator[bytes]:
    match source.kind:
        case "text":
            return _text(source.path)
        case "json_lines":
            texts = _json_lines(source, field, unusable)
        case "parquet":
            texts = _parquet(source, field, unusable)
    return (piece for text in texts for piece in pieces(text))


def pieces(text: bytes) -> Iterator[bytes]:
    """`text` in parts of at most 64 KiB that end with a line where one ends in their second half, and never within a
    character."""
    first = 0
    while first < len(text):
        end = _cut(text, first)
        yield text[first:end]
        first = end


def _cut(text: bytes, first: int) -> int:
    end = first + DOCUMENT_BYTES_MOST
    if end >= len(text):
        return len(text)
    line_end = text.rfind(b"\n", first + DOCUMENT_BYTES_MOST // 2, end)
    if line_end >= 0:
        return line_end + 1
    while text[end] & 0xC0 == 0x80:
        end -= 1
    return end


def _text(path: Path) -> Iterator[bytes]:
    rest = b""
    with path.open("rb") as file:
        while data := file.read(READ_BYTES):
            rest += data
            while len(rest) > DOCUMENT_BYTES_MOST:
                end = _cut(rest, 0)
                yield rest[:end]
                rest = rest[end:]
    yield rest


def _json_lines(source: Source, field: str, unusable: Unusable) -> Iterator[bytes]:
    number = 0
    with source.path.open("rb") as file:
        while line := file.readline(LINE_BYTES_MOST + 1):
            number += 1
            if not line.strip():
                continue
            if len(line) > LINE_BYTES_MOST:
                unusable(InputError("text.line_long", file=source.name, line=number, most=LINE_BYTES_MOST))
                while not line.endswith(b"\n") and (line := file.readline(LINE_BYTES_MOST)):
                    pass
                continue
            try:
                fields = decoded(line, dict[str, msgspec.Raw])
            except Unreadable:
                unusable(InputError("text.json_line", file=source.name, line=number))
                continue
            try:
                yield decoded(fields[field], str).encode()
            except (KeyError, Unreadable, UnicodeEncodeError):
                known = ", ".join(sorted(fields))[:200]
                unusable(InputError("text.field", file=source.name, line=number, field=field, known=known))


def _parquet(source: Source, field: str, unusable: Unusable) -> Iterator[bytes]:
    try:
        from pyarrow import ArrowException, parquet, types
    except ImportError as error:
        raise UnavailableError("parquet.missing") from error
    try:
        with parquet.ParquetFile(source.path, memory_map=True) as table:
            names = table.schema_arrow.names
            column = table.schema_arrow.field(field).type if names.count(field) == 1 else None
            if column is None or not (types.is_string(column) or types.is_large_string(column)):
                known = ", ".join(names)[:200]
                unusable(InputError("text.column", file=source.name, column=field, known=known))
                return
            for rows in table.iter_batches(batch_size=ROWS_AT_A_TIME, columns=[field]):
                yield from (cell.encode() for cell in rows.column(0).to_pylist() if cell is not None)
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        reason = (str(error).splitlines() or [""])[0][:120]
        unusable(InputError("text.parquet", file=source.name, reason=reason))
