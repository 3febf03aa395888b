"""Frames: what is said is what is heard, and nothing a peer sends is more than a ProtocolError."""

import json
import random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from sparewatt.errors import ProtocolError
from sparewatt.signing import Signed
from sparewatt.testing.hostile import HOSTILE_BYTES, injured
from sparewatt.wire import messages as wire
from sparewatt.wire.codec import (
    UNAUTHENTICATED_BYTES_MOST,
    chunk_message,
    decode_chunk,
    decode_coordinator,
    decode_engine,
    encode,
    encode_chunk,
)
from sparewatt.work.version import BlobRef, VersionId

SIGNED = Signed(kind="update", body='{"tokens":1}', key="11" * 32, signature="22" * 64)
BLOB = BlobRef(sha256="33" * 32, size=700_000)
VERSION = VersionId(branch=0, number=7, sha256="44" * 32)
OFFER = wire.DeviceOffer(device="55" * 16, kind="cuda", tokens_per_s=12, memory_bytes=1 << 30)

ENGINE_MESSAGES: tuple[wire.EngineMessage, ...] = (
    wire.Hello(protocol=1, run="66" * 32, contributor="77" * 32, nonce="88" * 32, software="sparewatt 0.1.0"),
    wire.GetManifest(id=1),
    wire.Prove(proof=SIGNED, consent="66" * 32, invite_secret="s" * 32),
    wire.RequestWork(id=2, offer=OFFER, base=VERSION),
    wire.Release(assignment_id="99" * 16, fence=3),
    wire.Heartbeat(assignments=("99" * 16,)),
    wire.GetVersions(id=3, have=None),
    wire.Fetch(transfer=4, blob=BLOB, missing=((0, 3),)),
    wire.Ack(transfer=4, index=2),
    wire.EndTransfer(transfer=4, reason="transfer.left"),
    wire.OfferUpdate(transfer=5, update=SIGNED),
    wire.Commit(transfer=5, assignment_id="99" * 16),
    wire.Stored(assignment_id="99" * 16),
)
COORDINATOR_MESSAGES: tuple[wire.CoordinatorMessage, ...] = (
    wire.Challenge(protocol=1, nonce="88" * 32, session="aa" * 16, online_key=SIGNED, proof=SIGNED),
    wire.ManifestText(reply_to=1, manifest=SIGNED),
    wire.Welcome(trust="trusted", latest=SIGNED, heartbeat_s=30),
    wire.Work(reply_to=2, assignment=SIGNED),
    wire.NoWork(reply_to=2, device="55" * 16, reason="run.closed", words="Closed.", retry_after_s=60),
    wire.Leases(ttl_s=60, renewed=("99" * 16,), lost=()),
    wire.Versions(reply_to=3, keyframe=None, patches=(SIGNED,)),
    wire.Announce(announcement=SIGNED),
    wire.Ack(transfer=5, index=0),
    wire.EndTransfer(transfer=4, reason="blob.gone"),
    wire.Missing(transfer=5, missing=()),
    wire.Accepted(assignment_id="99" * 16, receipt=SIGNED),
    wire.Refused(reason="update.shape", reply_to=5, refusal=SIGNED),
)


INJURED = injured(encode(wire.OfferUpdate(transfer=5, update=SIGNED)).encode())


def refusal(text: str, unauthenticated: bool = False) -> str:
    with pytest.raises(ProtocolError) as caught:
        decode_engine(text, unauthenticated)
    return caught.value.error_id


def test_every_message_is_heard_as_it_was_said() -> None:
    assert {type(each) for each in ENGINE_MESSAGES} == set(get_args(wire.EngineMessage))
    assert {type(each) for each in COORDINATOR_MESSAGES} == set(get_args(wire.CoordinatorMessage))
    for said in ENGINE_MESSAGES:
        assert decode_engine(encode(said), unauthenticated=False) == said
    for answered in COORDINATOR_MESSAGES:
        assert decode_coordinator(encode(answered)) == answered


def test_golden_frames_of_the_protocol_page() -> None:
    assert encode(wire.Ack(transfer=4, index=2)) == '{"type":"ack","transfer":4,"index":2}'
    assert encode(wire.Ack(transfer=4, index=2, count=3)) == '{"type":"ack","transfer":4,"index":2,"count":3}'
    assert encode(wire.Fetch(transfer=4, blob=BLOB, missing=((0, 3),))) == (
        '{"type":"fetch","transfer":4,"blob":{"sha256":"' + "33" * 32 + '","size":700000},"missing":[[0,3]]}'
    )
    assert encode(wire.Heartbeat(assignments=())) == '{"type":"heartbeat","assignments":[]}'
    assert encode_chunk(wire.Chunk(transfer=4, index=258, data=b"abc")).hex() == "0400000002010000616263"


def test_what_a_coordinator_says_is_not_taken_from_an_engine() -> None:
    assert refusal(encode(wire.Missing(transfer=5, missing=()))) == "frame.unknown_type"


@pytest.mark.parametrize(
    ("text", "error_id"),
    [
        ("", "frame.malformed"),
        ("[]", "frame.malformed"),
        ("nonsense", "frame.malformed"),
        ("\ufeff{}", "frame.malformed"),
        ("{}", "frame.unknown_type"),
        ('{"type":7}', "frame.unknown_type"),
        ('{"type":"shutdown"}', "frame.unknown_type"),
        ('{"type":"ack","transfer":1}', "frame.field"),
        ('{"type":"ack","transfer":0,"index":1}', "frame.field"),
        ('{"type":"ack","transfer":1,"index":1,"count":0}', "frame.field"),
        ('{"type":"ack","transfer":1,"index":1,"count":5}', "frame.field"),
        ('{"type":"ack","transfer":"1","index":1}', "frame.field"),
        ('{"type":"ack","transfer":true,"index":1}', "frame.field"),
        ('{"type":"ack","transfer":1,"transfer":1,"index":1}', "frame.duplicate_key"),
        ('{"type":"ack","transfer":1,"index":1,"hint":{"a":1,"a":2}}', "frame.duplicate_key"),
        ('{"type":"ack","transfer":1,"index":1.0}', "frame.number"),
        ('{"type":"ack","transfer":1,"index":1,"hint":1e9}', "frame.number"),
        ('{"type":"ack","transfer":1,"index":1,"hint":NaN}', "frame.number"),
        ('{"type":"ack","transfer":1,"index":1,"hint":-Infinity}', "frame.number"),
        ('{"type":"ack","transfer":1,"index":' + "9" * 5_000 + "}", "frame.number"),
        ('{"type":"stored","assignment_id":"\\ud800"}', "frame.malformed"),
        ('{"type":"ack","transfer":1,"index":1,"hint":2,"critical":["hint"]}', "frame.critical"),
        ("[" * 60_000, "frame.too_deep"),
        ('"' + '\\"' * 30_000 + "\\", "frame.malformed"),
    ],
)
def test_frames_that_break_a_rule_say_which(text: str, error_id: str) -> None:
    assert refusal(text) == error_id


def test_an_unknown_field_is_a_hint_and_a_known_one_may_be_critical() -> None:
    text = '{"type":"ack","transfer":1,"index":1,"hint":{"a":[1]},"critical":["index"]}'
    assert decode_engine(text, unauthenticated=False) == wire.Ack(transfer=1, index=1, critical=("index",))


def test_signed_statements_have_no_unknown_fields() -> None:
    fields = json.loads(encode(wire.OfferUpdate(transfer=5, update=SIGNED)))
    fields["update"]["hint"] = 1
    assert refusal(json.dumps(fields)) == "frame.field"


def test_depth_counts_brackets_but_not_those_in_strings() -> None:
    nested = '{"type":"ack","transfer":1,"index":1,"hint":' + "[" * 7 + "]" * 7 + "}"
    assert isinstance(decode_engine(nested, unauthenticated=False), wire.Ack)
    assert refusal(nested.replace("[[", "[[[").replace("]]", "]]]")) == "frame.too_deep"
    quoted = '{"type":"ack","transfer":1,"index":1,"hint":"' + "[{" * 100 + '"}'
    assert isinstance(decode_engine(quoted, unauthenticated=False), wire.Ack)


def test_a_peer_without_a_proof_says_at_most_4_kib_and_any_other_64_kib() -> None:
    frame = '{"type":"ack","transfer":1,"index":1,"hint":""}'
    for unauthenticated, most in ((True, UNAUTHENTICATED_BYTES_MOST), (False, wire.CONTROL_BYTES_MOST)):
        fits = frame.replace('""', '"' + "x" * (most - len(frame)) + '"')
        assert len(fits) == most
        assert isinstance(decode_engine(fits, unauthenticated), wire.Ack)
        assert refusal(fits + " ", unauthenticated) == "frame.too_long"
        # Bytes count, not characters.
        assert refusal(fits.replace("xx", "xé", 1), unauthenticated) == "frame.too_long"


def test_nothing_too_long_is_ever_sent() -> None:
    long = Signed(kind="update", body="x" * wire.CONTROL_BYTES_MOST, key="", signature="")
    with pytest.raises(ProtocolError, match=r"frame\.too_long"):
        encode(wire.OfferUpdate(transfer=1, update=long))
    with pytest.raises(ProtocolError, match=r"frame\.chunk"):
        encode_chunk(wire.Chunk(transfer=1, index=0, data=bytes(wire.CHUNK_BYTES + 1)))
    with pytest.raises(ProtocolError, match=r"frame\.chunk"):
        chunk_message(1, 0, wire.CHUNK_BYTES + 1)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.binary(min_size=1, max_size=64))
def test_chunks_are_heard_as_they_were_said(transfer: int, index: int, data: bytes) -> None:
    chunk = wire.Chunk(transfer=transfer, index=index, data=data)
    assert decode_chunk(encode_chunk(chunk)) == chunk


@pytest.mark.parametrize("size", [1, 117, 118, 65_527, 65_528, wire.CHUNK_BYTES])
def test_a_chunk_with_its_websocket_header_is_the_message_that_websockets_sends(size: int) -> None:
    data = bytes(each % 251 for each in range(size))
    message, place = chunk_message(7, 258, size)
    place[:] = data
    frame = Frame(Opcode.BINARY, encode_chunk(wire.Chunk(transfer=7, index=258, data=data)))
    assert message == frame.serialize(mask=False)


@given(
    st.integers(0, 2**33), st.integers(0, 2**33), st.none() | st.integers(0, 9), st.sampled_from(["", " ", "0", "-"])
)
def test_a_plain_acknowledgement_is_read_like_every_other(
    transfer: int, index: int, count: int | None, before: str
) -> None:
    told = "" if count is None else f',"count":{count}'
    text = f'{{"type":"ack","transfer":{transfer},"index":{before}{index}{told}}}'
    assert heard(text) == heard(text[:-1] + ',"hint":0}')


def heard(text: str) -> wire.EngineMessage | str:
    try:
        return decode_engine(text, unauthenticated=False)
    except ProtocolError as error:
        return error.error_id


@pytest.mark.parametrize("size", [0, 7, 8, 8 + wire.CHUNK_BYTES + 1])
def test_a_chunk_without_data_or_with_too_much_is_refused(size: int) -> None:
    with pytest.raises(ProtocolError, match=r"frame\.chunk"):
        decode_chunk(bytes(size))


def mutated(text: str, chance: random.Random) -> str:
    """`text` after one to four small injuries that still arrive as text."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(4):
            case 0:
                text = text[:at] + text[at + chance.randint(1, 8) :]
            case 1:
                text = text[:at] + chance.choice('{}[]",:\\0-1.e9tnuf\x00é\u2028') + text[at:]
            case 2:
                text = text[:at] + chance.choice(FRAGMENTS) + text[at:]
            case _:
                text = text[:at] + text[chance.randrange(len(text) + 1) :][:40] + text[at:]
    return text


FRAGMENTS = (
    '"type":"ack",',
    "null",
    "NaN",
    "1e999",
    "9" * 20,
    '"\\ud800"',
    "[" * 9,
    '{"a":',
    '"critical":["x"],',
    "-0",
)


def test_100_000_injured_frames_are_messages_or_protocol_errors() -> None:
    chance = random.Random(20_240_607)
    engine = [encode(each) for each in ENGINE_MESSAGES]
    coordinator = [encode(each) for each in COORDINATOR_MESSAGES]
    understood = 0
    for turn in range(50_000):
        for frames, decode in ((engine, lambda text: decode_engine(text, False)), (coordinator, decode_coordinator)):
            try:
                message = decode(mutated(frames[turn % len(frames)], chance))
            except ProtocolError:
                continue
            encode(message)
            understood += 1
    assert 0 < understood < 100_000


@given(st.binary(max_size=200))
def test_any_bytes_are_a_chunk_or_a_protocol_error(frame: bytes) -> None:
    try:
        assert encode_chunk(decode_chunk(frame)) == frame
    except ProtocolError:
        assert len(frame) <= 8


@given(st.sampled_from(HOSTILE_BYTES) | st.sampled_from(INJURED) | st.binary(max_size=200))
def test_hostile_bytes_that_arrive_as_text_are_messages_or_protocol_errors(data: bytes) -> None:
    # A text frame is UTF-8 by the time it is here; the two ways below are all that foreign bytes could become.
    for text in (data.decode(errors="replace"), data.decode("latin-1")):
        try:
            message = decode_engine(text, unauthenticated=False)
        except ProtocolError:
            continue
        assert decode_engine(encode(message), unauthenticated=False) == message
