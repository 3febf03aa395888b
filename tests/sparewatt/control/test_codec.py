import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.control.codec import AnswerReader, decode_answer, decode_request, encode
from sparewatt.control.messages import CONTROL_PROTOCOL, Greeting, Pause, Reply, SetSetting
from sparewatt.errors import ProtocolError, UnavailableError
from sparewatt.process.frames import frame
from sparewatt.testing.hostile import HOSTILE_BYTES, injured

GREETING = Greeting(CONTROL_PROTOCOL, "1.2.3")
SET = SetSetting(id=3, revision=7, key="pause_programs", value="chess")


def test_the_greeting_is_kept_and_the_answers_come_after_it() -> None:
    reader = AnswerReader()
    data = encode(GREETING) + encode(Reply(1)) + encode(Reply(2))
    answers = [answer for byte in data for answer in reader.receive(bytes([byte]))]
    assert reader.greeting == GREETING
    assert answers == [Reply(1), Reply(2)]


def test_an_engine_of_another_protocol_is_named_by_its_version() -> None:
    with pytest.raises(UnavailableError) as caught:
        AnswerReader().receive(encode(Greeting(CONTROL_PROTOCOL + 1, "9.0")))
    assert (caught.value.error_id, caught.value.parameters) == ("engine.version", {"engine_version": "9.0"})


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"\xff", b'{"type": "reply"}'])
def test_what_is_no_answer_is_malformed(payload: bytes) -> None:
    reader = AnswerReader()
    with pytest.raises(ProtocolError) as caught:
        reader.receive(frame(payload) if payload != b'{"type": "reply"}' else encode(GREETING) + frame(payload))
    assert caught.value.error_id == "control.malformed"


def test_requests_with_unknown_fields_or_bounds_broken_are_malformed() -> None:
    assert decode_request(encode(Pause(id=1, until_unix_s=5))[4:]) == Pause(id=1, until_unix_s=5)
    for payload in (b'{"type":"resume","id":1,"extra":1}', b'{"type":"resume","id":0}', b'{"type":"pause","id":1}'):
        with pytest.raises(ProtocolError):
            decode_request(payload)


@pytest.mark.parametrize("payload", HOSTILE_BYTES, ids=range(len(HOSTILE_BYTES)))
def test_hostile_bytes_are_malformed_for_either_side(payload: bytes) -> None:
    for decode in (decode_request, decode_answer):
        with pytest.raises(ProtocolError, match=r"control\.malformed"):
            decode(payload)
    if len(payload) < 60_000:
        with pytest.raises(ProtocolError, match=r"control\.malformed"):
            AnswerReader().receive(frame(payload))


@given(st.binary(max_size=200) | st.sampled_from(injured(encode(SET)[4:])))
def test_any_request_is_understood_or_malformed(payload: bytes) -> None:
    try:
        request = decode_request(payload)
    except ProtocolError:
        return
    assert decode_request(encode(request)[4:]) == request
