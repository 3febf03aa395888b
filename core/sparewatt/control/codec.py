"""Frames of the control channel as bytes and back: sans-I/O, for asyncio and Qt alike."""

from typing import Final

import msgspec

from sparewatt.control.messages import CONTROL_PROTOCOL, Answer, Greeting, Request
from sparewatt.errors import ProtocolError, UnavailableError
from sparewatt.plain_json import Unreadable, decoded, decoded_by
from sparewatt.process.frames import FrameReader, frame

_REQUESTS: Final[msgspec.json.Decoder[Request]] = msgspec.json.Decoder(Request)
_ANSWERS: Final[msgspec.json.Decoder[Answer]] = msgspec.json.Decoder(Answer)


def encode(message: Request | Answer) -> bytes:
    """One frame.

    Raises:
        ProtocolError: ``frame.too_long``.
    """
    return frame(msgspec.json.encode(message))


def decode_request(payload: bytes) -> Request:
    """What a client asks for.

    Raises:
        ProtocolError: ``control.malformed``.
    """
    try:
        return decoded_by(_REQUESTS, payload)
    except Unreadable as error:
        raise ProtocolError("control.malformed") from error


def decode_answer(payload: bytes) -> Answer:
    """What the engine says.

    Raises:
        ProtocolError: ``control.malformed``.
    """
    try:
        return decoded_by(_ANSWERS, payload)
    except Unreadable as error:
        raise ProtocolError("control.malformed") from error


class AnswerReader:
    """Cuts what an engine sends into answers; the first must be a greeting of this protocol."""

    def __init__(self) -> None:
        self._frames = FrameReader()
        self.greeting: Greeting | None = None

    def receive(self, data: bytes) -> list[Answer]:
        """The answers that `data` completes, without the greeting, which is kept.

        Raises:
            ProtocolError: ``frame.too_long`` or ``control.malformed``.
            UnavailableError: ``engine.version`` when the engine speaks another protocol.
        """
        answers: list[Answer] = []
        for payload in self._frames.receive(data):
            if self.greeting is None:
                self.greeting = _greeting(payload)
            else:
                answers.append(decode_answer(payload))
        return answers


class _AnyGreeting(msgspec.Struct, frozen=True):
    """The part of a greeting that every version has."""

    protocol: int
    engine_version: str


def _greeting(payload: bytes) -> Greeting:
    try:
        greeting = decoded(payload, _AnyGreeting)
    except Unreadable as error:
        raise ProtocolError("control.malformed") from error
    if greeting.protocol != CONTROL_PROTOCOL:
        raise UnavailableError("engine.version", engine_version=greeting.engine_version[:40])
    return Greeting(greeting.protocol, greeting.engine_version)
