"""The child's side of the pipe."""

import os
from collections.abc import Iterator

import msgspec
import pytest

from sparewatt.errors import ProtocolError
from sparewatt.process.channel import Channel
from sparewatt.process.frames import FrameReader, frame
from sparewatt.testing.hostile import HOSTILE_BYTES


class Word(msgspec.Struct, frozen=True):
    text: str


class Pipes:
    """A channel with the far ends of its two pipes."""

    def __init__(self) -> None:
        source, self.write_end = os.pipe()
        self.read_end, sink = os.pipe()
        self.channel = Channel[Word, Word](Word, source, sink)
        self._ours = [source, sink, self.read_end]

    def say(self, *words: str) -> None:
        os.write(self.write_end, b"".join(frame(msgspec.json.encode(Word(text))) for text in words))

    def close(self) -> None:
        os.close(self.write_end)
        assert self.channel.closed.wait(10)
        for descriptor in self._ours:
            os.close(descriptor)


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    made = Pipes()
    yield made
    made.close()


def test_frames_arrive_in_order(pipes: Pipes) -> None:
    pipes.say("one", "two")
    assert [pipes.channel.receive(10), pipes.channel.receive(10)] == [Word("one"), Word("two")]
    assert pipes.channel.receive(0.0) is None


def test_what_is_sent_is_framed(pipes: Pipes) -> None:
    pipes.channel.send(Word("out"))
    assert FrameReader().receive(os.read(pipes.read_end, 1000)) == [b'{"text":"out"}']


def test_the_end_of_the_pipe_shows_after_the_last_frame() -> None:
    pipes = Pipes()
    pipes.say("last")
    pipes.close()
    assert pipes.channel.receive(10) == Word("last")
    assert pipes.channel.receive(10) is None
    assert pipes.channel.closed.is_set()


@pytest.mark.parametrize(
    ("data", "error_id"),
    [
        (frame(b"{}"), "frame.malformed"),
        (frame(b"\xff"), "frame.malformed"),
        (b"\xff\xff\xff\xff", "frame.too_long"),
        (frame(b'{"text":"x"}') * 400, "frame.too_many"),
    ],
)
def test_a_parent_that_breaks_the_protocol_is_told_apart_from_one_that_left(data: bytes, error_id: str) -> None:
    pipes = Pipes()
    os.write(pipes.write_end, data)
    assert pipes.channel.closed.wait(10)
    with pytest.raises(ProtocolError, match=error_id):
        list(iter(lambda: pipes.channel.receive(0.0), None))
    pipes.close()


def test_sending_to_a_parent_that_left_is_an_error() -> None:
    source, write_end = os.pipe()
    read_end, sink = os.pipe()
    channel = Channel[Word, Word](Word, source, sink)
    os.close(read_end)
    with pytest.raises(ProtocolError, match=r"pipe\.closed"):
        channel.send(Word("nobody hears"))
    os.close(write_end)
    assert channel.closed.wait(10)
    os.close(source)
    os.close(sink)


@pytest.mark.parametrize("payload", [each for each in HOSTILE_BYTES if len(each) < 60_000], ids=len)
def test_hostile_bytes_close_the_channel_and_are_told(payload: bytes) -> None:
    pipes = Pipes()
    os.write(pipes.write_end, frame(payload))
    pipes.close()
    with pytest.raises(ProtocolError, match=r"frame\.malformed"):
        pipes.channel.receive(10)
