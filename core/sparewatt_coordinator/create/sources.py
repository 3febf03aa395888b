"""The files that data are made from, chosen the same way on every computer and looked through before they are used.

A folder's files are taken in the order of the SHA-256 of their relative path, so that a small sample of a large folder
is a fair one.
"""

import codecs
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sparewatt.errors import InputError
from sparewatt.work.manifest import SourceFile
from sparewatt.work.plain import plain_text

FILES_MOST: Final = 1_000_000
READ_BYTES: Final = 1 << 20
Kind = Literal["text", "json_lines", "parquet"]
# A file with one of these endings is meant to be data; another one in a folder may be anything.
KINDS: Final[dict[str, Kind]] = {
    ".txt": "text",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".parquet": "parquet",
}
# Installed packages and caches are not what a person means by the folder that they lie in.
_FOLDERS_LEFT_OUT: Final = frozenset({"__pycache__", "site-packages", "dist-packages", "node_modules"})


@dataclass(frozen=True)
class Source:
    """One file.

    Attributes:
        meant: somebody named it, or its ending says that it is data.
        size: in bytes when it was listed.
    """

    path: Path
    kind: Kind
    meant: bool
    size: int

    @property
    def name(self) -> str:
        """The file's name as it can be shown."""
        readable = self.path.name.encode(errors="replace").decode()
        return plain_text(readable) or "?"


def find_sources(place: Path) -> tuple[Source, ...]:
    """The file at `place`, or the files in the folder there; links are not followed.

    Raises:
        InputError: ``text.missing`` when there is neither, ``text.unreadable`` when a folder cannot be listed or is
            empty.
    """
    if place.is_file():
        return (_source(place, meant=True),)
    if not place.is_dir():
        raise InputError("text.missing", path=str(place))
    try:
        # `os.walk` passes over a folder that it may not read.
        os.scandir(place).close()
    except OSError as error:
        raise InputError("text.unreadable", path=str(place), files=0) from error
    found = tuple(_source(path, meant=path.suffix.lower() in KINDS) for path in _listed(place))
    if not found:
        raise InputError("text.unreadable", path=str(place), files=0)
    return found


def look_through(source: Source) -> SourceFile:
    """Size and digest of a whole file; of one that is to be text also whether it is.

    Raises:
        InputError: ``text.file_missing`` when it cannot be read; ``text.empty`` when it holds nothing but blanks;
            ``text.binary`` with the place of a zero byte; ``text.not_utf8`` with line and byte, counted from 1 and 0.
    """
    hasher = hashlib.sha256()
    size = 0
    text = _TextCheck(source.name) if source.kind != "parquet" else None
    try:
        with source.path.open("rb") as file:
            while data := file.read(READ_BYTES):
                hasher.update(data)
                size += len(data)
                if text is not None:
                    text.feed(data, final=False)
    except OSError as error:
        raise InputError("text.file_missing", file=source.name, reason=error.strerror or "") from error
    if text is not None:
        text.feed(b"", final=True)
    if size == 0 or (text is not None and text.blank):
        raise InputError("text.empty", file=source.name)
    return SourceFile(name=source.name, size=size, sha256=hasher.hexdigest())


class _TextCheck:
    """Whether bytes that come in pieces are UTF-8 text; zero is valid UTF-8 and stands in no text."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._offset = 0
        self._line = 1
        self._rest = b""
        self.blank = True

    def feed(self, data: bytes, *, final: bool) -> None:
        data = self._rest + data
        zero = data.find(b"\0")
        if zero >= 0:
            raise InputError("text.binary", file=self._name, offset=self._offset + zero)
        try:
            _, used = codecs.utf_8_decode(data, "strict", final)
        except UnicodeDecodeError as error:
            line = self._line + data.count(b"\n", 0, error.start)
            offset = self._offset + error.start
            raise InputError("text.not_utf8", file=self._name, line=line, offset=offset) from error
        self.blank = self.blank and not data.strip()
        self._line += data.count(b"\n", 0, used)
        self._offset += used
        self._rest = data[used:]


def _source(path: Path, *, meant: bool) -> Source:
    try:
        size = path.stat().st_size
    except OSError:
        # What became of it is said when it is looked through.
        size = 0
    return Source(path, KINDS.get(path.suffix.lower(), "text"), meant, size)


def _listed(place: Path) -> Iterator[Path]:
    listed: list[tuple[bytes, Path]] = []
    for folder, names, files in os.walk(place):
        names[:] = sorted(name for name in names if name not in _FOLDERS_LEFT_OUT and not name.startswith("."))
        for file in files:
            path = Path(folder, file)
            relative = path.relative_to(place).as_posix()
            listed.append((hashlib.sha256(relative.encode(errors="surrogateescape")).digest(), path))
        if len(listed) > FILES_MOST:
            break
    for _, path in sorted(listed):
        if path.is_file() and not path.is_symlink():
            yield path
