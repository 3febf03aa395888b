"""Payloads that are no updates, brought over a real socket to a coordinator that validates as in production."""

import asyncio
import io
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import SystemClock
from sparewatt.errors import IntegrityError
from sparewatt.numeric.codec import encode_update
from sparewatt.numeric.sparse import decode_places, encode_places, places_bytes
from sparewatt.numeric.validate import validate_update
from sparewatt.signing import sign, verify
from sparewatt.wire import messages as wire
from sparewatt.work.assignment import ASSIGNMENT_KIND, Assignment
from sparewatt.work.invite import parse_invite
from sparewatt.work.manifest import MANIFEST_KIND, CodecSpec, Manifest
from sparewatt.work.model import parameter_count
from sparewatt_coordinator.gateway import admin
from sparewatt_coordinator.gateway.admin_client import AdminClient
from sparewatt_coordinator.gateway.validation import validate_payload
from sparewatt_coordinator.server.establish import establish_run
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.testing.coordinator import (
    SHARD_BYTES,
    Engine,
    RunningCoordinator,
    coordinator,
    payload_of,
    session,
    with_blobs,
)
from sparewatt_coordinator.testing.engine import signed_update
from sparewatt_coordinator.testing.runs import RUN_KEY, identifier, key, manifest, update_for

pytestmark = pytest.mark.timeout(300)

COORDINATES = parameter_count(manifest().model)
KEPT = 64
SPARSE = CodecSpec("topk", "none", kept=KEPT)
CODECS = {"topk": SPARSE, "int8": CodecSpec("int8", "none"), "fp16": CodecSpec("fp16", "none")}
CODECS["int4"] = CodecSpec("int4", "none")
# Offsets in the frame of docs/formats.md: format, coordinates, blocks, kept, and the first length.
FORMAT_AT, COORDINATES_AT, BLOCKS_AT, KEPT_AT, LENGTH_AT, BLOCK_AT = 8, 16, 24, 28, 32, 36


def honest(codec: CodecSpec, coordinates: int = COORDINATES) -> bytes:
    sink = io.BytesIO()
    delta = (np.random.default_rng(5).standard_normal(coordinates) * 1e-3).astype(np.float32)
    encode_update(delta, np.zeros_like(delta), codec, sink)
    return sink.getvalue()


def with_field(at: int, layout: str, value: int) -> Callable[[bytes], bytes]:
    def change(payload: bytes) -> bytes:
        return payload[:at] + struct.pack(layout, value) + payload[at + struct.calcsize(layout) :]

    return change


def with_places(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[bytes], bytes]:
    """The same block with other coordinates named, its length in the table put right."""

    def changed(payload: bytes) -> bytes:
        least, most = places_bytes(COORDINATES, KEPT)
        before = next(
            size
            for size in range(least, most + 1)
            if size <= len(payload) and decode_places(payload[-size:], COORDINATES, KEPT) is not None
        )
        places = decode_places(payload[-before:], COORDINATES, KEPT)
        assert places is not None
        block = payload[BLOCK_AT:-before] + encode_places(change(places.copy()), KEPT)
        return payload[:LENGTH_AT] + struct.pack("<I", len(block)) + block

    return changed


def beyond_the_model(places: np.ndarray) -> np.ndarray:
    places[-1] = COORDINATES
    return places


def one_too_many_in_the_first_chunk(places: np.ndarray) -> np.ndarray:
    free = next(place for place in range(4_095, 0, -1) if place not in places)
    return np.sort(np.concatenate((places[:KEPT], [free], places[KEPT + 1 :])))


def one_more_than_there_are(places: np.ndarray) -> np.ndarray:
    free = next(place for place in range(4_095, 0, -1) if place not in places)
    return np.sort(np.append(places, free))


HOSTILE: list[tuple[str, str, Callable[[bytes], bytes], str]] = [
    ("for a larger model", "topk", lambda _: honest(SPARSE, COORDINATES + 1), "update.coordinates"),
    ("for a smaller model", "int8", lambda _: honest(CODECS["int8"], COORDINATES - 1), "update.coordinates"),
    ("of another codec", "topk", lambda _: honest(CODECS["int8"]), "update.malformed"),
    ("with more kept than the manifest allows", "topk", with_field(KEPT_AT, "<I", 65), "update.malformed"),
    ("of another version of the format", "topk", with_field(FORMAT_AT, "<H", 2), "update.malformed"),
    ("not a number", "fp16", with_field(BLOCK_AT + 40, "<H", 0x7E00), "update.not_finite"),
    ("infinite", "fp16", with_field(BLOCK_AT + 40, "<H", 0xFC00), "update.not_finite"),
    ("beyond every bound", "fp16", with_field(BLOCK_AT + 40, "<H", 0x7BFF), "update.too_large"),
    ("with a level beyond every bound", "int8", with_field(BLOCK_AT, "<H", 0xFFFF), "update.malformed"),
    ("with a code that is none", "int8", with_field(BLOCK_AT + 4, "<B", 0x80), "update.malformed"),
    ("with a nibble that is none", "int4", with_field(BLOCK_AT + 4, "<B", 0x88), "update.malformed"),
    ("with an index out of range", "topk", with_places(beyond_the_model), "update.malformed"),
    ("with an index too many in a chunk", "topk", with_places(one_too_many_in_the_first_chunk), "update.malformed"),
    ("with an index too many in all", "topk", with_places(one_more_than_there_are), "update.malformed"),
    ("truncated", "topk", lambda payload: payload[:-1], "update.malformed"),
    ("truncated within the header", "int8", lambda payload: payload[:20], "update.malformed"),
    ("padded", "topk", lambda payload: payload + b"\0", "update.malformed"),
    ("padded by a block", "int4", lambda payload: payload + payload[BLOCK_AT:], "update.malformed"),
    ("a bomb of coordinates", "topk", with_field(COORDINATES_AT, "<Q", 2**60), "update.coordinates"),
    ("a bomb of blocks", "topk", with_field(BLOCKS_AT, "<I", 2**32 - 1), "update.malformed"),
    ("a bomb of a block", "topk", with_field(LENGTH_AT, "<I", 2**32 - 1), "update.malformed"),
    ("of zeros", "topk", lambda payload: bytes(len(payload)), "update.malformed"),
]


def changed(codec: str, change: Callable[[bytes], bytes]) -> bytes:
    payload = honest(CODECS[codec])
    found = change(payload)
    assert found != payload, "a payload that was not changed proves nothing"
    return found


@pytest.mark.parametrize(
    ("codec", "change", "error"), [each[1:] for each in HOSTILE], ids=[each[0] for each in HOSTILE]
)
def test_a_payload_that_is_no_update_is_refused_before_memory_is_taken_for_it(
    codec: str, change: Callable[[bytes], bytes], error: str
) -> None:
    payload = changed(codec, change)
    # What every payload needs once: modules, and buffers as large as a block.
    validate_update(io.BytesIO(honest(CODECS[codec])), CODECS[codec], COORDINATES)
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError) as caught:
            validate_update(io.BytesIO(payload), CODECS[codec], COORDINATES)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.error_id == error
    assert peak < 1 << 20


def test_no_payload_can_name_a_coordinate_twice() -> None:
    """What is written are gaps, and a gap is never below zero: equal places have no spelling at all."""
    payload = honest(SPARSE)
    repeated = with_places(lambda places: np.sort(np.concatenate((places[:1], places[:-1]))))
    with pytest.raises(IntegrityError, match=r"update\.malformed"):
        validate_update(io.BytesIO(repeated(payload)), SPARSE, COORDINATES)


def established(root: Path, codec: CodecSpec) -> tuple[DataFolder, Manifest]:
    folder = DataFolder(root)
    folder.make()
    blobs = BlobFolder(folder.blobs)
    shards = tuple(blobs.add_bytes(bytes([number]) * size) for number, size in enumerate(SHARD_BYTES))
    of = msgspec.structs.replace(with_blobs(manifest(SHARD_BYTES), blobs), codec=codec)
    establish_run(folder, of, sign(MANIFEST_KIND, of, RUN_KEY), shards, RUN_KEY, 1_000_000)
    return folder, of


async def ask(one: RunningCoordinator, request: admin.Request, answer: type[msgspec.Struct]) -> msgspec.Struct:
    def blocking() -> msgspec.Struct:
        with AdminClient(Path(one.running.admin)) as client:
            return client.ask(request, answer)

    return await asyncio.to_thread(blocking)


async def brought(engine: Engine, one: RunningCoordinator, number: int, data: bytes) -> wire.CoordinatorMessage:
    """The answer to `data` as the payload of a fresh assignment."""
    # A device of its own each time: one device gets a bounded number of assignments from one base.
    offer = wire.DeviceOffer(device=identifier(f"device {number}"), kind="cpu", tokens_per_s=0, memory_bytes=0)
    await engine.say(wire.RequestWork(id=number, offer=offer, base=None))
    answer = await engine.hear()
    assert isinstance(answer, wire.Work)
    assignment = verify(answer.assignment, ASSIGNMENT_KIND, one.online_public, Assignment)
    update = msgspec.structs.replace(update_for(assignment), payload=payload_of(data))
    return await engine.upload(number, signed_update(update, engine.key), assignment.assignment_id, data)


@pytest.mark.parametrize("codec", list(CODECS))
def test_a_coordinator_refuses_each_with_its_reason_and_goes_on_with_honest_updates(codec: str, tmp_path: Path) -> None:
    folder, of = established(tmp_path / "run", CODECS[codec])
    hostile = [(name, changed(codec, change), error) for name, at, change, error in HOSTILE if at == codec]
    assert hostile

    async def scenario() -> None:
        async with (
            coordinator(folder, of, SystemClock(), validate=validate_payload) as one,
            session(one, key(10)) as engine,
        ):
            invite = await ask(one, admin.CreateInvite(uses=3, trusted=True), admin.InviteReply)
            assert isinstance(invite, admin.InviteReply)
            await engine.greet(parse_invite(invite.invite).secret)
            for number, (name, data, error) in enumerate(hostile, 1):
                answer = await brought(engine, one, number, data)
                assert isinstance(answer, wire.Refused), name
                assert (answer.reason, answer.refusal is not None) == (error, True), name
            accepted = await brought(engine, one, len(hostile) + 1, honest(CODECS[codec]))
            assert isinstance(accepted, wire.Accepted)
            found = await ask(one, admin.GetStatus(), admin.StatusReply)
            assert isinstance(found, admin.StatusReply)
            assert (found.status.updates_accepted, found.status.updates_refused) == (1, len(hostile))

    asyncio.run(scenario())
