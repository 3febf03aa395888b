"""Documents from a file or folder, chosen the same way on every computer.

A folder's files are taken in the order of the SHA-256 of their relative path until enough bytes are there, so that a
small sample of a large folder is a fair one. A file that is no UTF-8 text is left out and counted.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sparewatt.errors import InputError

DOCUMENT_BYTES_MOST: Final = 64 * 1024
FILE_BYTES_MOST: Final = 64 * 1024 * 1024
FILES_MOST: Final = 1_000_000
HELD_OUT_SHARE: Final = 10
# Installed packages and caches are not what a person means by the folder that they lie in.
_FOLDERS_LEFT_OUT: Final = frozenset({"__pycache__", "site-packages", "dist-packages", "node_modules"})


@dataclass(frozen=True)
class Documents:
    """Distinct documents of at most 64 KiB, sorted by the SHA-256 of their bytes.

    Attributes:
        files: read in whole or in part.
        files_skipped: no UTF-8 text, empty, unreadable or longer than 64 MiB.
        bytes_total: of all documents.
    """

    texts: tuple[bytes, ...]
    files: int
    files_skipped: int
    bytes_total: int


@dataclass(frozen=True)
class SplitText:
    """Attributes:
    training, held_out: documents joined by a newline; no document is in both.
    """

    training: bytes
    held_out: bytes


def collect(source: Path, bytes_most: int) -> Documents:
    """Text from `source`, about `bytes_most` at most. Held in memory.

    Raises:
        InputError: ``text.missing`` when there is no such file or folder, ``text.unreadable`` when it cannot be opened
            or holds no text at all.
    """
    if not source.exists():
        raise InputError("text.missing", path=str(source))
    found: dict[bytes, bytes] = {}
    files = skipped = total = 0
    for path in _files(source):
        text = _read_text(path)
        if text is None:
            skipped += 1
            continue
        files += 1
        for document in _documents(text[: bytes_most - total]):
            name = hashlib.sha256(document).digest()
            if name not in found:
                found[name] = document
                total += len(document)
        if total >= bytes_most:
            break
    if not found:
        raise InputError("text.unreadable", path=str(source), files=skipped)
    return Documents(tuple(found[name] for name in sorted(found)), files, skipped, total)


def split(documents: Documents) -> SplitText:
    """Hold out the first tenth of the documents, by bytes, in the order of their SHA-256: nothing but their content
    decides. At least one document stays on each side where there are two."""
    wanted = documents.bytes_total // HELD_OUT_SHARE
    held_out = taken = 0
    while held_out < len(documents.texts) - 1 and (held_out == 0 or taken < wanted):
        taken += len(documents.texts[held_out])
        held_out += 1
    return SplitText(
        training=b"\n".join(documents.texts[held_out:]),
        held_out=b"\n".join(documents.texts[:held_out]),
    )


def _files(source: Path) -> Iterator[Path]:
    """The file itself, or a folder's files in the order of their hashed relative paths; links are not followed.

    Raises:
        InputError: ``text.unreadable``.
    """
    if source.is_file():
        yield source
        return
    try:
        # `os.walk` passes over a folder that it may not read.
        os.scandir(source).close()
    except OSError as error:
        raise InputError("text.unreadable", path=str(source), files=0) from error
    listed: list[tuple[bytes, Path]] = []
    for folder, names, files in os.walk(source):
        names[:] = sorted(name for name in names if name not in _FOLDERS_LEFT_OUT and not name.startswith("."))
        for file in files:
            path = Path(folder, file)
            relative = path.relative_to(source).as_posix()
            listed.append((hashlib.sha256(relative.encode(errors="surrogateescape")).digest(), path))
        if len(listed) > FILES_MOST:
            break
    for _, path in sorted(listed):
        if path.is_file() and not path.is_symlink():
            yield path


def _read_text(path: Path) -> bytes | None:
    """The file's bytes if they are UTF-8 text."""
    try:
        if path.stat().st_size > FILE_BYTES_MOST:
            return None
        data = path.read_bytes()
        data.decode()
    except (OSError, UnicodeDecodeError):
        return None
    # NUL is valid UTF-8 and stands in no text.
    return data if data.strip() and b"\0" not in data else None


def _documents(text: bytes) -> Iterator[bytes]:
    """`text` in pieces of at most 64 KiB that end with a line where one ends in their second half."""
    first = 0
    while first < len(text):
        end = min(first + DOCUMENT_BYTES_MOST, len(text))
        if end < len(text):
            line_end = text.rfind(b"\n", first + DOCUMENT_BYTES_MOST // 2, end)
            end = end if line_end < 0 else line_end + 1
        yield text[first:end]
        first = end
