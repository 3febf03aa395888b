"""Bytes from a file, a pipe or a network as a typed value, with one way to fail.

`msgspec` fails in three ways that share no useful parent: `msgspec.MsgspecError` for what is not JSON or not of the
type, `UnicodeDecodeError` for text that is not UTF-8 (`UnicodeEncodeError` for a string with half of a surrogate
pair) and `RecursionError` for brackets nested by the thousand. Whoever catches only the first can be crashed by the
others, so whatever another program may have written is read here.
"""

from typing import Final, TypeVar

import msgspec

DETAIL_CHARACTERS_MOST: Final = 200

T = TypeVar("T")


class Unreadable(Exception):
    """The bytes are no value of the type; each caller says in its own error what that means to the person."""

    @property
    def detail(self) -> str:
        """What is wrong, in the decoder's words: short enough to be a parameter of an error."""
        return str(self)[:DETAIL_CHARACTERS_MOST]


def decoded(data: bytes | str, into: type[T]) -> T:
    """The value of type `into` that `data` is in JSON.

    Raises:
        Unreadable: for whatever can be wrong with `data`.
    """
    return decoded_by(msgspec.json.Decoder(into), data)


def decoded_by(decoder: msgspec.json.Decoder[T], data: bytes | str) -> T:
    """The value that `decoder` reads: for unions, and for the many messages of one pipe.

    Raises:
        Unreadable: as `decoded`.
    """
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Unreadable(str(error)) from error
