"""Frames to messages and back, under limits that hold before anything is built.

A control frame is UTF-8 JSON text: at most 64 KiB (4 KiB from a peer that has not proved a key yet), at most eight
levels deep, every name once per object, integers of at most 17 characters and no other numbers. A binary frame is a
`Chunk`. Whatever a peer sends, decoding ends in a message or in a `ProtocolError`, never in anything else.
"""

import json
import re
import struct
from typing import Final, NoReturn, TypeVar, cast, get_args

import msgspec

from sparewatt.errors import ProtocolError
from sparewatt.wire.messages import (
    CHUNK_BYTES,
    CONTROL_BYTES_MOST,
    Ack,
    Chunk,
    CoordinatorMessage,
    EngineMessage,
    Message,
)

UNAUTHENTICATED_BYTES_MOST: Final = 4 * 1024
DEPTH_MOST: Final = 8
INTEGER_CHARACTERS_MOST: Final = 17

M = TypeVar("M")
_CHUNK_HEADER: Final = struct.Struct("<II")
_FINAL_BINARY: Final = 0x82
# Possessive, with an optional end: an unterminated string is taken in one go, so the scan is linear in the text.
_BRACKETS_OUTSIDE_STRINGS: Final = re.compile(r'"(?:[^"\\]|\\.?)*+"?|[\[\]{}]', re.DOTALL)
# By far the most frequent frame, in the one form that `encode` gives it; every other form is read like all frames.
_PLAIN_ACK: Final = re.compile(
    r'\{"type":"ack","transfer":([1-9][0-9]{0,8}),"index":(0|[1-9][0-9]{0,8})(?:,"count":([2-4]))?\}'
)
_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89abAB]|\\u[dD][c-fC-F]")


def _by_tag(union: object) -> dict[str, type[Message]]:
    return {cast(str, each.__struct_config__.tag): each for each in get_args(union)}


_ENGINE_TYPES: Final = _by_tag(EngineMessage)
_COORDINATOR_TYPES: Final = _by_tag(CoordinatorMessage)


def encode(message: Message) -> str:
    """The control frame of `message`.

    Raises:
        ProtocolError: ``frame.too_long`` when it would not fit into a frame.
    """
    text = msgspec.json.encode(message)
    if len(text) > CONTROL_BYTES_MOST:
        raise ProtocolError("frame.too_long", size=len(text), most=CONTROL_BYTES_MOST)
    return text.decode()


def decode_engine(text: str, unauthenticated: bool) -> EngineMessage:
    """The message that an engine sent.

    Raises:
        ProtocolError: ``frame.too_long``, ``frame.too_deep``, ``frame.malformed``, ``frame.number``,
            ``frame.duplicate_key``, ``frame.unknown_type``, ``frame.critical`` or ``frame.field``.
    """
    if (plain := _PLAIN_ACK.fullmatch(text)) is not None:
        transfer, index, count = plain.groups()
        return Ack(transfer=int(transfer), index=int(index), count=int(count or 1))
    most = UNAUTHENTICATED_BYTES_MOST if unauthenticated else CONTROL_BYTES_MOST
    return cast(EngineMessage, _decode(text, most, _ENGINE_TYPES))


def decode_coordinator(text: str) -> CoordinatorMessage:
    """The message that a coordinator sent; raises like `decode_engine`."""
    return cast(CoordinatorMessage, _decode(text, CONTROL_BYTES_MOST, _COORDINATOR_TYPES))


def encode_chunk(chunk: Chunk) -> bytes:
    """The binary frame of `chunk`.

    Raises:
        ProtocolError: ``frame.chunk`` when it holds more than `CHUNK_BYTES`.
    """
    if len(chunk.data) > CHUNK_BYTES:
        raise ProtocolError("frame.chunk", size=len(chunk.data), most=CHUNK_BYTES)
    return _CHUNK_HEADER.pack(chunk.transfer, chunk.index) + chunk.data


def chunk_message(transfer: int, index: int, size: int) -> tuple[bytearray, memoryview]:
    """The websocket message of a chunk of `size` bytes that are not there yet, and the place in it that they go to.

    It is the unmasked message of a server with its header (RFC 6455, 5.2), so that nobody has to copy it once more.

    Raises:
        ProtocolError: ``frame.chunk`` when it is to hold more than `CHUNK_BYTES`.
    """
    if size > CHUNK_BYTES:
        raise ProtocolError("frame.chunk", size=size, most=CHUNK_BYTES)
    length = _CHUNK_HEADER.size + size
    if length < 126:
        header = struct.pack(">BB", _FINAL_BINARY, length)
    elif length < 1 << 16:
        header = struct.pack(">BBH", _FINAL_BINARY, 126, length)
    else:
        header = struct.pack(">BBQ", _FINAL_BINARY, 127, length)
    header += _CHUNK_HEADER.pack(transfer, index)
    message = bytearray(len(header) + size)
    message[: len(header)] = header
    return message, memoryview(message)[len(header) :]


def decode_chunk(frame: bytes | memoryview) -> Chunk:
    """The chunk in a binary frame, as a view of it; chunks hold at least one byte.

    Raises:
        ProtocolError: ``frame.chunk``.
    """
    size = len(frame) - _CHUNK_HEADER.size
    if not 0 < size <= CHUNK_BYTES:
        raise ProtocolError("frame.chunk", size=size, most=CHUNK_BYTES)
    transfer, index = _CHUNK_HEADER.unpack_from(frame)
    return Chunk(transfer=transfer, index=index, data=memoryview(frame)[_CHUNK_HEADER.size :])


def _decode(text: str, bytes_most: int, types: dict[str, type[Message]]) -> Message:
    _check_size(text, bytes_most)
    _check_depth(text)
    fields = _parse(text)
    tag = fields.get("type")
    kind = types.get(tag) if isinstance(tag, str) else None
    if kind is None:
        raise ProtocolError("frame.unknown_type", type=str(tag)[:64])
    try:
        message = msgspec.convert(fields, type=kind)
    except msgspec.ValidationError as error:
        raise ProtocolError("frame.field", type=str(tag), detail=str(error)[:200]) from error
    for name in message.critical:
        if name not in kind.__struct_fields__:
            raise ProtocolError("frame.critical", type=str(tag), field=name[:64])
    return message


def _check_size(text: str, bytes_most: int) -> None:
    # Characters are at least a byte each, so a long text is refused without being encoded.
    size = len(text) if len(text) > bytes_most else len(text.encode(errors="replace"))
    if size > bytes_most:
        raise ProtocolError("frame.too_long", size=size, most=bytes_most)


def _check_depth(text: str) -> None:
    depth = 0
    for match in _BRACKETS_OUTSIDE_STRINGS.finditer(text):
        token = match.group()
        if token in ("[", "{"):
            depth += 1
            if depth > DEPTH_MOST:
                raise ProtocolError("frame.too_deep", most=DEPTH_MOST)
        elif token in ("]", "}"):
            depth -= 1


def _parse(text: str) -> dict[str, object]:
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_number
        )
        if _SURROGATE_ESCAPE.search(text):
            # An escaped half of a surrogate pair parses but can never be written as UTF-8 again.
            json.dumps(value, ensure_ascii=False).encode()
    except (json.JSONDecodeError, UnicodeEncodeError) as error:
        raise ProtocolError("frame.malformed") from error
    if not isinstance(value, dict):
        raise ProtocolError("frame.malformed")
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ProtocolError("frame.duplicate_key")
    return fields


def _integer(digits: str) -> int:
    if len(digits) > INTEGER_CHARACTERS_MOST:
        _number(digits)
    return int(digits)


def _number(text: str) -> NoReturn:
    raise ProtocolError("frame.number", found=text[:32])
