"""Bytes that a damaged disk or another program may put where JSON is expected; none is a value of any of our types."""

from typing import Final

# Each fails in a decoder's own way: syntax, text that is no UTF-8, a number beyond every bound, nesting without end.
HOSTILE_BYTES: Final = (
    b"",
    b"\x00" * 5_000,
    b"\xff\xfe{\x00}\x00",
    b"\x80",
    b'"\xff"',
    b'"\\ud800"',
    b"nul",
    b"1e400",
    b"9" * 5_000,
    b"[" * 100_000,
    b'{"a":' * 100_000,
)


def injured(sound: bytes) -> tuple[bytes, ...]:
    """`sound`, which is JSON of one of our types, in the ways that a disk injures a file: cut, or with foreign bytes
    in each of its strings and numbers. Some results may still be readable."""
    places = range(0, len(sound), max(1, len(sound) // 200))
    cut = tuple(sound[:place] for place in places)
    foreign = tuple(sound[:place] + byte + sound[place + 1 :] for place in places for byte in (b"\xff", b"\xc3", b"["))
    return (*cut, *foreign)
