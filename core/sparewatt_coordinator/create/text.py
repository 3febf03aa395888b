"""All text of a file or folder at once, for measurements in one process: split as the data of a run are."""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sparewatt.errors import InputError
from sparewatt_coordinator.create.documents import documents
from sparewatt_coordinator.create.shards import HELD_OUT_SHARE
from sparewatt_coordinator.create.sources import find_sources, look_through


@dataclass(frozen=True)
class Documents:
    """Distinct documents of at most 64 KiB, sorted by the SHA-256 of their bytes."""

    texts: tuple[bytes, ...]

    @property
    def bytes_total(self) -> int:
        return sum(map(len, self.texts))


@dataclass(frozen=True)
class SplitText:
    """Attributes:
    training, held_out: documents joined by a line feed; no document is in both.
    """

    training: bytes
    held_out: bytes


def collect(place: Path, bytes_most: int) -> Documents:
    """Text from `place`, about `bytes_most` at most. Held in memory; files that are no text are left out.

    Raises:
        InputError: ``text.missing``, ``text.unreadable``.
    """
    found: dict[bytes, bytes] = {}
    total = 0
    for document in _documents(place):
        kept = document[: bytes_most - total]
        name = hashlib.sha256(kept).digest()
        if name not in found:
            found[name] = kept
            total += len(kept)
        if total >= bytes_most:
            break
    if not found:
        raise InputError("text.unreadable", path=str(place), files=0)
    return Documents(tuple(found[name] for name in sorted(found)))


def split(documents: Documents) -> SplitText:
    """Hold out the first tenth of the documents, by bytes."""
    wanted = documents.bytes_total // HELD_OUT_SHARE
    held_out = taken = 0
    while held_out < len(documents.texts) - 1 and (held_out == 0 or taken < wanted):
        taken += len(documents.texts[held_out])
        held_out += 1
    return SplitText(
        training=b"\n".join(documents.texts[held_out:]),
        held_out=b"\n".join(documents.texts[:held_out]),
    )


def _documents(place: Path) -> Iterator[bytes]:
    for source in find_sources(place):
        with contextlib.suppress(InputError):
            look_through(source)
            yield from documents(source, "text", lambda _: None)
