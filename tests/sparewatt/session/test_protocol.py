"""The engine's half of a session against an honest coordinator, and against every dishonest one."""

import hashlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.credit.keychain import key_chain
from sparewatt.errors import UnavailableError
from sparewatt.session import events as event
from sparewatt.session.protocol import (
    ALLOWED,
    HANDSHAKE_SECONDS,
    REQUEST_SECONDS,
    REQUESTS_MOST,
    SessionProtocol,
    SessionTerms,
)
from sparewatt.session.trust import HighestSeen
from sparewatt.signing import Signed, digest, public_key_hex, sign
from sparewatt.testing.run import FakeRun, private_key, version
from sparewatt.testing.transport import FakeCoordinator, FakeCoordinatorSession, Frame
from sparewatt.wire import messages as wire
from sparewatt.wire.codec import decode_engine, encode, encode_chunk
from sparewatt.work.assignment import ASSIGNMENT_KIND, Assignment
from sparewatt.work.manifest import MANIFEST_KIND
from sparewatt.work.receipt import ANNOUNCEMENT_KIND, RECEIPT_KIND, REFUSAL_KIND, Receipt, Refusal
from sparewatt.work.update import UPDATE_KIND, Update
from sparewatt.work.version import BlobRef

RUN = FakeRun()
KEY = private_key(7)
CONTRIBUTOR = public_key_hex(KEY)
NONCE = "0c" * 32
DEVICE = "d0" * 16
OFFER = wire.DeviceOffer(device=DEVICE, kind="cpu", tokens_per_s=0, memory_bytes=1)
TERMS = RUN.terms("s" * 32)
PAYLOAD = bytes(range(256)) * 3_000
UPDATE = Update(
    assignment_id=f"{1:032x}",
    run=RUN.run,
    device=DEVICE,
    fence=1,
    base=version(0),
    payload=BlobRef(sha256="ee" * 32, size=len(PAYLOAD)),
    tokens=256,
    inner_steps=4,
    loss_first_micro=1,
    loss_last_micro=1,
    train_milliseconds=1,
    delta_root="ff" * 32,
)
SIGNED_UPDATE = sign(UPDATE_KIND, UPDATE, KEY)


class Pair:
    """A client and an honest coordinator whose frames pass through the hands of a test."""

    def __init__(self, terms: SessionTerms = TERMS) -> None:
        self.coordinator = FakeCoordinator(RUN)
        self.server = FakeCoordinatorSession(self.coordinator)
        self.client = SessionProtocol(terms, KEY, NONCE, now=0.0)
        self.events: list[event.Event] = []

    def tell(self, *frames: Frame | wire.Message, now: float = 0.0) -> tuple[event.Event, ...]:
        """Frames to the client, one after the other; its events."""
        told: tuple[event.Event, ...] = ()
        for each in frames:
            frame = encode(each) if isinstance(each, wire.Message) else each
            told += self.client.receive(frame, now)
        self.events += told
        return told

    def step(self) -> bool:
        """Everything that the client has to say to the server, and the answers back; whether anything was said."""
        frames = self.client.take_frames()
        for frame in frames:
            self.tell(*self.server.receive(frame))
        return bool(frames)

    def settle(self) -> list[event.Event]:
        """Until neither has anything to say; the events meanwhile."""
        before = len(self.events)
        while self.step():
            pass
        return self.events[before:]

    def said(self) -> list[wire.EngineMessage]:
        """What the client says now, taken away from the server."""
        return [decode_engine(each, False) for each in self.client.take_frames() if isinstance(each, str)]


def active() -> Pair:
    pair = Pair()
    pair.settle()
    assert pair.client.state == "active"
    return pair


def failure(told: tuple[event.Event, ...]) -> str:
    """The id of the error that ended the session with the last of these events."""
    last = told[-1]
    assert isinstance(last, event.SessionFailed), told
    return last.error.error_id


# Handshake


def test_a_good_handshake_proves_both_sides_and_ends_connected() -> None:
    pair = Pair()
    told = pair.settle()
    assert [type(each) for each in told] == [event.CoordinatorProved, event.Announced, event.Connected]
    assert isinstance(told[0], event.CoordinatorProved)
    assert told[0].online_key.key == public_key_hex(RUN.online)
    assert pair.client.highest == HighestSeen(branch=0, number=0, sequence=1)


def test_an_inspection_ends_with_the_manifest_and_proves_nothing() -> None:
    pair = Pair(msgspec.structs.replace(TERMS, purpose="inspect"))
    told = pair.settle()
    assert isinstance(told[-1], event.ManifestReceived)
    assert told[-1].manifest == RUN.manifest
    assert pair.client.state == "ended"
    assert not pair.server.active


def test_whoever_comes_after_a_rotation_can_check_what_the_older_key_signed() -> None:
    newer = private_key(2_500)
    rotated = RUN.online_key(1, newer)
    pair = Pair()
    (hello,) = pair.said()
    assert isinstance(hello, wire.Hello)
    honest = pair.server.challenge(hello)
    transcript = msgspec.structs.replace(pair.server.transcript, online_key=public_key_hex(newer))
    challenge = msgspec.structs.replace(
        honest,
        online_key=rotated,
        earlier_keys=(RUN.signed_online_key,),
        proof=sign(wire.HANDSHAKE_KIND, transcript, newer),
    )
    (proved,) = pair.tell(challenge)
    assert isinstance(proved, event.CoordinatorProved)
    assert (proved.signed, proved.earlier) == (rotated, (RUN.signed_online_key,))
    told = pair.tell(wire.Welcome(trust="trusted", latest=RUN.announce(1, 0), heartbeat_s=30))
    assert [type(each) for each in told] == [event.Announced, event.Connected]


def test_an_earlier_key_that_the_organiser_did_not_state_ends_the_session() -> None:
    other = FakeRun(seed=2)
    assert challenged(lambda c, _: msgspec.structs.replace(c, earlier_keys=(other.signed_online_key,))) == "key.run_key"


def refused_at_hello(manifest: Signed) -> event.SessionRefused:
    pair = Pair()
    pair.said()
    (told,) = pair.tell(wire.Refused(reason="session.unknown_run", manifest=manifest))
    assert isinstance(told, event.SessionRefused)
    return told


def test_what_the_organiser_made_of_the_run_is_told_and_nothing_is_proved() -> None:
    changed = msgspec.structs.replace(RUN.manifest, title="Another title")
    told = refused_at_hello(sign(MANIFEST_KIND, changed, RUN.run_key)).changed
    assert told is not None
    assert (told.manifest, told.run) == (changed, digest(changed))


def test_another_organisers_run_at_the_address_is_no_change() -> None:
    assert refused_at_hello(FakeRun(seed=2).signed_manifest).changed is None
    assert refused_at_hello(RUN.signed_manifest).changed is None, "nor is the very same run"
    forged = msgspec.structs.replace(FakeRun(seed=2).signed_manifest, key=RUN.signed_manifest.key)
    assert refused_at_hello(forged).changed is None


def challenged(change: Callable[[wire.Challenge, FakeCoordinatorSession], wire.Challenge]) -> str:
    """How a session ends whose challenge was changed."""
    pair = Pair()
    (hello,) = pair.said()
    assert isinstance(hello, wire.Hello)
    told = pair.tell(change(pair.server.challenge(hello), pair.server))
    assert pair.client.state == "ended"
    assert pair.client.take_frames() == [], "nothing is proved to somebody who proved nothing"
    return failure(told)


def test_a_coordinator_with_another_run_key_is_refused() -> None:
    other = FakeRun(seed=2)
    assert challenged(lambda c, _: msgspec.structs.replace(c, online_key=other.signed_online_key)) == "key.run_key"


def test_an_online_key_of_another_run_of_the_same_organiser_is_refused() -> None:
    other = FakeRun()
    other.run = "12" * 32
    foreign = other.online_key(0, RUN.online)
    assert challenged(lambda c, _: msgspec.structs.replace(c, online_key=foreign)) == "key.run"


def test_a_proof_by_another_key_than_the_online_key_is_refused() -> None:
    def change(challenge: wire.Challenge, server: FakeCoordinatorSession) -> wire.Challenge:
        proof = sign(wire.HANDSHAKE_KIND, server.transcript, private_key(99))
        return msgspec.structs.replace(challenge, proof=proof)

    assert challenged(change) == "signature.key"


def test_a_replayed_challenge_is_refused() -> None:
    recorded = FakeCoordinatorSession(FakeCoordinator(RUN)).challenge(
        wire.Hello(protocol=1, run=RUN.run, contributor=CONTRIBUTOR, nonce="0d" * 32, software="")
    )
    assert challenged(lambda c, _: recorded) == "session.transcript"


@pytest.mark.parametrize(
    "field", ["side", "run", "contributor", "online_key", "client_nonce", "server_nonce", "session"]
)
def test_every_field_of_the_transcript_is_checked(field: str) -> None:
    other = {"side": "contributor", "session": "ab" * 16}.get(field, "ab" * 32)

    def change(challenge: wire.Challenge, server: FakeCoordinatorSession) -> wire.Challenge:
        transcript = msgspec.structs.replace(server.transcript, **{field: other})
        return msgspec.structs.replace(challenge, proof=sign(wire.HANDSHAKE_KIND, transcript, RUN.online))

    assert challenged(change) == "session.transcript"


def test_a_retired_online_key_opens_no_session() -> None:
    newer = RUN.online_key(1, private_key(50))
    chain = key_chain(RUN.run, RUN.run_key_sha256, [RUN.signed_online_key, newer])
    pair = Pair(msgspec.structs.replace(TERMS, chain=chain))
    pair.step()
    assert failure(tuple(pair.events)) == "key.retired"


@pytest.mark.parametrize(
    ("manifest", "error_id"),
    [
        (lambda: FakeRun(seed=2).signed_manifest, "key.run_key"),
        (
            lambda: sign("manifest", msgspec.structs.replace(RUN.manifest, title="Other"), RUN.run_key),
            "manifest.digest",
        ),
        (lambda: sign("receipt", RUN.manifest, RUN.run_key), "signature.kind"),
        (lambda: msgspec.structs.replace(RUN.signed_manifest, signature="00" * 64), "signature.invalid"),
    ],
)
def test_a_manifest_that_is_not_the_invited_one_is_refused(manifest: Callable[[], Signed], error_id: str) -> None:
    pair = Pair(msgspec.structs.replace(TERMS, purpose="inspect"))
    pair.step()
    assert failure(pair.tell(wire.ManifestText(reply_to=1, manifest=manifest()))) == error_id


def test_a_refused_handshake_says_why() -> None:
    pair = Pair()
    pair.step()
    told = pair.tell(wire.Refused(reason="invite.used", words="This invite was used.", retry_after_s=None))
    assert isinstance(told[-1], event.SessionRefused)
    assert told[-1].refused.reason == "invite.used"


def test_a_silent_coordinator_is_given_ten_seconds() -> None:
    pair = Pair()
    assert pair.client.tick(HANDSHAKE_SECONDS - 0.1) == ()
    assert failure(pair.client.tick(HANDSHAKE_SECONDS)) == "session.handshake_timeout"


def test_announcements_below_the_highest_seen_are_refused() -> None:
    seen = HighestSeen(branch=0, number=5, sequence=9)
    pair = Pair(msgspec.structs.replace(TERMS, highest=seen))
    assert failure(tuple(pair.settle())) == "announcement.rollback"


# Order

SAMPLES: dict[type[wire.Message], Frame] = {
    type(each): encode(each)
    for each in (
        FakeCoordinatorSession(FakeCoordinator(RUN)).challenge(
            wire.Hello(protocol=1, run=RUN.run, contributor=CONTRIBUTOR, nonce=NONCE, software="")
        ),
        wire.ManifestText(reply_to=9, manifest=RUN.signed_manifest),
        wire.Welcome(trust="trusted", latest=RUN.announce(1, 0), heartbeat_s=30),
        wire.Work(reply_to=9, assignment=RUN.announce(1, 0)),
        wire.NoWork(reply_to=9, device=DEVICE, reason="no_work", words="", retry_after_s=1),
        wire.Leases(ttl_s=1, renewed=(), lost=()),
        wire.Versions(reply_to=9, keyframe=None, patches=()),
        wire.Announce(announcement=RUN.announce(2, 1)),
        wire.Ack(transfer=9, index=0),
        wire.EndTransfer(transfer=9, reason="gone"),
        wire.Missing(transfer=9, missing=()),
        wire.Accepted(assignment_id="ab" * 16, receipt=RUN.announce(1, 0)),
        wire.Refused(reason="no", reply_to=9),
    )
}


def in_state(state: str) -> Pair:
    match state:
        case "greeting":
            return Pair()
        case "inspecting":
            pair = Pair(msgspec.structs.replace(TERMS, purpose="inspect"))
        case "proving":
            pair = Pair()
        case _:
            return active()
    pair.step()
    pair.client.take_frames()
    assert pair.client.state == state
    return pair


@pytest.mark.parametrize("state", ["greeting", "inspecting", "proving", "active"])
@pytest.mark.parametrize("kind", list(SAMPLES), ids=lambda kind: kind.__name__)
def test_what_may_not_come_now_ends_the_session(state: str, kind: type[wire.Message]) -> None:
    pair = in_state(state)
    told = pair.tell(SAMPLES[kind])
    if kind not in {str(name): kinds for name, kinds in ALLOWED.items()}[state]:
        assert failure(told) == "session.out_of_order"
    elif state == "active" and kind is not wire.Announce:
        assert failure(told) == "session.unasked", "allowed in general, but nobody asked"
    if pair.client.state == "ended":
        assert pair.tell(SAMPLES[wire.Announce], encode_chunk(wire.Chunk(transfer=1, index=0, data=b"x"))) == ()


@pytest.mark.parametrize("state", ["greeting", "inspecting", "proving", "active"])
def test_chunks_that_nobody_asked_for_end_the_session(state: str) -> None:
    pair = in_state(state)
    assert failure(pair.tell(encode_chunk(wire.Chunk(transfer=1, index=0, data=b"x")))) == "session.unasked"


@given(st.lists(st.sampled_from(list(SAMPLES.values())) | st.text(max_size=50) | st.binary(max_size=50), max_size=8))
def test_nothing_a_coordinator_sends_raises(frames: list[Frame]) -> None:
    pair = active()
    pair.client.request_work(OFFER, None, 0.0)
    pair.client.offer_update(UPDATE, SIGNED_UPDATE, 0.0)
    pair.client.fetch(BlobRef(sha256="aa" * 32, size=10), None, 0.0)
    for frame in frames:
        pair.tell(frame)
    pair.client.tick(1.0)


# Requests


def assigned(**changes: object) -> Assignment:
    honest = FakeCoordinator(RUN).assignment(1, CONTRIBUTOR, DEVICE)
    return msgspec.structs.replace(honest, **changes)


def answer_work(
    assignment: Assignment, kind: str = ASSIGNMENT_KIND, key_seed: int | None = None
) -> tuple[event.Event, ...]:
    pair = active()
    number = pair.client.request_work(OFFER, None, 0.0)
    key = RUN.online if key_seed is None else private_key(key_seed)
    return pair.tell(wire.Work(reply_to=number, assignment=sign(kind, assignment, key)))


def test_work_arrives_for_the_device_that_asked() -> None:
    (told,) = answer_work(assigned())
    assert isinstance(told, event.WorkReceived)
    assert told.assignment == assigned()


@pytest.mark.parametrize(
    ("changes", "error_id"),
    [
        ({"run": "12" * 32}, "assignment.run"),
        ({"contributor": "12" * 32}, "assignment.contributor"),
        ({"device": "12" * 16}, "assignment.device"),
        ({"token_budget": 255}, "assignment.tokens"),
    ],
)
def test_work_for_somebody_else_ends_the_session(changes: dict[str, object], error_id: str) -> None:
    assert failure(answer_work(assigned(**changes))) == error_id


def test_work_that_no_online_key_signed_ends_the_session() -> None:
    assert failure(answer_work(assigned(), key_seed=77)) == "key.unknown"
    assert failure(answer_work(assigned(), kind=RECEIPT_KIND)) == "signature.kind"


def test_no_work_says_when_to_ask_again() -> None:
    pair = active()
    number = pair.client.request_work(OFFER, None, 0.0)
    (told,) = pair.settle()
    assert told == event.NoWorkReceived(request=number, reason="no_work", words="", retry_after_s=5)


def test_an_answer_comes_once() -> None:
    pair = active()
    number = pair.client.request_work(OFFER, None, 0.0)
    answer = wire.NoWork(reply_to=number, device=DEVICE, reason="no_work", words="", retry_after_s=1)
    pair.tell(answer)
    assert failure(pair.tell(answer)) == "session.unasked"


def test_a_request_without_an_answer_for_a_minute_ends_the_session() -> None:
    pair = active()
    pair.client.request_work(OFFER, None, 10.0)
    assert pair.client.tick(10.0 + REQUEST_SECONDS - 0.1) == ()
    assert failure(pair.client.tick(10.0 + REQUEST_SECONDS)) == "session.silent"


def test_versions_are_an_unbroken_way() -> None:
    pair = active()
    number = pair.client.get_versions(None, 0.0)
    patches = (RUN.announce(2, 1), RUN.announce(3, 2))
    (told,) = pair.tell(wire.Versions(reply_to=number, keyframe=RUN.announce(1, 0), patches=patches))
    assert isinstance(told, event.VersionsReceived)
    assert [each.version.number for each in told.patches] == [1, 2]


@pytest.mark.parametrize(
    ("have", "keyframe", "numbers", "error_id"),
    [
        (None, None, (1,), "versions.chain"),
        (0, None, (2,), "versions.chain"),
        (0, None, (1, 3), "versions.chain"),
        (None, 1, (), "versions.keyframe"),
    ],
)
def test_a_broken_way_ends_the_session(
    have: int | None, keyframe: int | None, numbers: tuple[int, ...], error_id: str
) -> None:
    pair = active()
    number = pair.client.get_versions(None if have is None else version(have), 0.0)
    told = pair.tell(
        wire.Versions(
            reply_to=number,
            keyframe=None if keyframe is None else RUN.announce(1, keyframe),
            patches=tuple(RUN.announce(each + 1, each) for each in numbers),
        )
    )
    assert failure(told) == error_id


@pytest.mark.parametrize(("sequence", "number"), [(1, 2), (4, 1), (3, 1)])
def test_announcements_never_go_back(sequence: int, number: int) -> None:
    pair = active()
    pair.tell(wire.Announce(announcement=RUN.announce(3, 2)))
    assert failure(pair.tell(wire.Announce(announcement=RUN.announce(sequence, number)))) == "announcement.rollback"


def test_a_signed_new_branch_may_go_back() -> None:
    pair = active()
    pair.tell(wire.Announce(announcement=RUN.announce(3, 2)))
    pair.tell(wire.Announce(announcement=RUN.announce(4, 1, branch=1)))
    assert pair.client.highest == HighestSeen(branch=1, number=1, sequence=4)


def test_an_announcement_of_another_run_ends_the_session() -> None:
    foreign = msgspec.structs.replace(RUN.announcement(2, 1), run="12" * 32)
    signed = sign(ANNOUNCEMENT_KIND, foreign, RUN.online)
    assert failure(active().tell(wire.Announce(announcement=signed))) == "announcement.run"


# Leases


def test_heartbeats_name_what_is_held_and_lost_leases_are_told_once() -> None:
    pair = active()
    held = frozenset({"ab" * 16, "cd" * 16})
    pair.client.hold(held)
    pair.client.tick(19.0)
    assert pair.said() == []
    pair.client.tick(20.0)
    assert pair.said() == [wire.Heartbeat(assignments=tuple(sorted(held)))]
    told = pair.tell(wire.Leases(ttl_s=60, renewed=("ab" * 16,), lost=("cd" * 16, "ef" * 16)), now=20.0)
    assert told == (
        event.LeasesRenewed(assignments=("ab" * 16,), ttl_s=60),
        event.LeaseLost(assignment_id="cd" * 16),
    )
    pair.client.tick(40.0)
    assert pair.said() == [wire.Heartbeat(assignments=("ab" * 16,))]


def test_leases_are_renewed_at_once_when_that_is_asked_for_but_one_heartbeat_at_a_time() -> None:
    pair = active()
    pair.client.hold(frozenset({"ab" * 16}))
    pair.client.renew(1.0)
    pair.client.tick(1.0)
    assert pair.said() == [wire.Heartbeat(assignments=("ab" * 16,))]
    pair.client.hold(frozenset({"cd" * 16}))
    pair.client.renew(2.0)
    pair.client.tick(2.0)
    assert pair.said() == []
    pair.tell(wire.Leases(ttl_s=60, renewed=("ab" * 16,), lost=()), now=3.0)
    pair.client.tick(3.0)
    assert pair.said() == [wire.Heartbeat(assignments=("cd" * 16,))]
    assert pair.tell(wire.Leases(ttl_s=60, renewed=("cd" * 16,), lost=()), now=4.0) == (
        event.LeasesRenewed(assignments=("cd" * 16,), ttl_s=60),
    )


def test_a_peer_that_answers_no_heartbeat_is_dead() -> None:
    pair = active()
    for now in (20.0, 40.0, 60.0, 79.0):
        assert pair.client.tick(now) == ()
    assert failure(pair.client.tick(80.0)) == "session.silent"


def test_between_heartbeats_nobody_has_to_look_every_second() -> None:
    pair = active()
    assert pair.client.next_tick_s(0.0) == 10.0
    assert pair.client.next_tick_s(17.5) == 2.5
    assert pair.client.next_tick_s(30.0) == 1.0, "what is due already is done at the next look"
    pair.client.tick(20.0)
    assert pair.client.next_tick_s(35.0) == 10.0, "there is no other heartbeat before this one was answered"
    assert pair.client.next_tick_s(78.0) == 2.0, "it was not answered yet"


# Downloads


def test_a_blob_arrives_chunk_by_chunk_and_waits_for_room() -> None:
    pair = active()
    data = bytes(6 * wire.CHUNK_BYTES - 1)
    blob = BlobRef(sha256="aa" * 32, size=len(data))
    pair.coordinator.blobs[blob.sha256] = data
    transfer = pair.client.fetch(blob, None, 0.0)
    told = pair.settle()
    assert [each.index for each in told if isinstance(each, event.ChunkReceived)] == [0, 1, 2, 3]
    for index in range(5):
        assert pair.client.acknowledge(transfer, [index], 1.0) == ()
        pair.settle()
    assert pair.client.acknowledge(transfer, [5], 1.0) == (event.FetchAnswered(transfer=transfer),)


def test_chunks_that_are_taken_over_together_are_acknowledged_together() -> None:
    pair = active()
    data = bytes(6 * wire.CHUNK_BYTES)
    pair.coordinator.blobs["aa" * 32] = data
    transfer = pair.client.fetch(BlobRef(sha256="aa" * 32, size=len(data)), None, 0.0)
    pair.settle()
    pair.client.acknowledge(transfer, [0, 1, 3], 1.0)
    assert pair.said() == [wire.Ack(transfer=transfer, index=0, count=2), wire.Ack(transfer=transfer, index=3)]


def test_a_sender_that_does_not_wait_ends_the_session() -> None:
    pair = active()
    transfer = pair.client.fetch(BlobRef(sha256="aa" * 32, size=6 * wire.CHUNK_BYTES), None, 0.0)
    chunks = [encode_chunk(wire.Chunk(transfer=transfer, index=i, data=bytes(wire.CHUNK_BYTES))) for i in range(5)]
    assert failure(pair.tell(*chunks)) == "session.window"


def test_late_chunks_of_a_transfer_that_was_given_up_are_ignored() -> None:
    pair = active()
    transfer = pair.client.fetch(BlobRef(sha256="aa" * 32, size=10), None, 0.0)
    pair.client.end_transfer(transfer, "transfer.left")
    late = encode_chunk(wire.Chunk(transfer=transfer, index=0, data=bytes(10)))
    assert pair.tell(late, wire.EndTransfer(transfer=transfer, reason="done")) == ()
    assert pair.client.state == "active"


def test_a_fetch_that_stands_still_for_a_minute_ends_the_session() -> None:
    pair = active()
    transfer = pair.client.fetch(BlobRef(sha256="aa" * 32, size=2 * wire.CHUNK_BYTES), None, 0.0)
    pair.tell(encode_chunk(wire.Chunk(transfer=transfer, index=0, data=bytes(wire.CHUNK_BYTES))), now=50.0)
    pair.client.tick(61.0)
    pair.tell(wire.Leases(ttl_s=1, renewed=(), lost=()), now=61.0)
    assert pair.client.state == "active"
    assert failure(pair.client.tick(110.0)) == "session.silent"


# Uploads


def real_update() -> tuple[Update, Signed]:
    update = msgspec.structs.replace(
        UPDATE, payload=BlobRef(sha256=hashlib.sha256(PAYLOAD).hexdigest(), size=len(PAYLOAD))
    )
    return update, sign(UPDATE_KIND, update, KEY)


def decided(answer: Callable[[Update], wire.Message]) -> tuple[event.Event, ...]:
    pair = active()
    pair.client.offer_update(UPDATE, SIGNED_UPDATE, 0.0)
    return pair.tell(answer(UPDATE))


def receipt_of(update: Update, /, **changes: object) -> wire.Accepted:
    receipt: Receipt = msgspec.structs.replace(FakeCoordinator(RUN).receipt(update, CONTRIBUTOR, 1), **changes)
    return wire.Accepted(assignment_id=update.assignment_id, receipt=sign(RECEIPT_KIND, receipt, RUN.online))


def test_a_receipt_that_fits_is_accepted_and_its_repetition_ignored() -> None:
    told = decided(receipt_of)
    assert isinstance(told[-1], event.UploadAccepted)
    pair = active()
    pair.client.offer_update(UPDATE, SIGNED_UPDATE, 0.0)
    assert len(pair.tell(receipt_of(UPDATE), receipt_of(UPDATE))) == 1


@pytest.mark.parametrize("hint", [True, False])
def test_the_hint_that_a_version_needs_more_is_handed_on(hint: bool) -> None:
    told = decided(lambda update: msgspec.structs.replace(receipt_of(update), needs_more=hint))
    assert isinstance(told[-1], event.UploadAccepted)
    assert told[-1].needs_more == hint


@pytest.mark.parametrize(
    ("changes", "error_id"),
    [
        ({"update": "12" * 32}, "receipt.update"),
        ({"tokens": 255}, "receipt.update"),
        ({"device": "12" * 16}, "receipt.update"),
        ({"assignment_id": "12" * 16}, "receipt.update"),
        ({"contributor": "12" * 32}, "receipt.contributor"),
        ({"run": "12" * 32}, "receipt.run"),
    ],
)
def test_a_receipt_for_something_else_ends_the_session(changes: dict[str, object], error_id: str) -> None:
    assert failure(decided(lambda update: receipt_of(update, **changes))) == error_id


def test_only_a_signed_refusal_is_final() -> None:
    def refuse(update: Update) -> wire.Message:
        server = FakeCoordinator(RUN)
        server.refuse[update.assignment_id] = "update.not_finite"
        return server.decide(update, CONTRIBUTOR)

    told = decided(refuse)
    assert isinstance(told[-1], event.UploadRefused)
    assert told[-1].refusal.reason == "update.not_finite"
    told = decided(lambda update: wire.Refused(reason="busy", assignment_id=update.assignment_id, retry_after_s=5))
    assert isinstance(told[-1], event.RequestRefused)


def test_a_refusal_of_another_update_ends_the_session() -> None:
    def refuse(update: Update) -> wire.Message:
        refusal = Refusal(
            run=RUN.run,
            contributor=CONTRIBUTOR,
            assignment_id=update.assignment_id,
            update="12" * 32,
            reason="no",
            refused_at_s=1,
        )
        signed = sign(REFUSAL_KIND, refusal, RUN.online)
        return wire.Refused(reason="no", assignment_id=update.assignment_id, refusal=signed)

    assert failure(decided(refuse)) == "refusal.update"


def test_chunks_are_wanted_four_at_a_time_and_committed_when_all_are_acknowledged() -> None:
    pair = active()
    transfer = pair.client.offer_update(UPDATE, SIGNED_UPDATE, 0.0)
    told = pair.tell(wire.Missing(transfer=transfer, missing=((0, 3),)))
    assert [each.index for each in told if isinstance(each, event.ChunkWanted)] == [0, 1, 2]
    for index in range(3):
        pair.client.send_chunk(transfer, index, b"x", 0.0)
        pair.client.take_frames()
    pair.tell(wire.Ack(transfer=transfer, index=1, count=2))
    assert pair.said() == []
    pair.tell(wire.Ack(transfer=transfer, index=0))
    assert pair.said() == [wire.Commit(transfer=transfer, assignment_id=UPDATE.assignment_id)]


@pytest.mark.parametrize(
    "frames",
    [
        lambda t: [wire.Ack(transfer=t, index=0)],
        lambda t: [wire.Missing(transfer=t, missing=((0, 2),)), wire.Missing(transfer=t, missing=((0, 2),))],
        lambda t: [wire.Missing(transfer=t, missing=()), wire.Missing(transfer=t, missing=())],
        lambda t: [wire.Missing(transfer=t, missing=()), wire.Ack(transfer=t, index=0)],
    ],
)
def test_an_upload_has_its_own_order(frames: Callable[[int], list[wire.Message]]) -> None:
    pair = active()
    transfer = pair.client.offer_update(UPDATE, SIGNED_UPDATE, 0.0)
    assert failure(pair.tell(*frames(transfer))) == "session.out_of_order"


def test_a_commit_may_find_more_gaps() -> None:
    pair = active()
    transfer = pair.client.offer_update(UPDATE, SIGNED_UPDATE, 0.0)
    pair.client.take_frames()
    pair.tell(wire.Missing(transfer=transfer, missing=()))
    assert pair.said() == [wire.Commit(transfer=transfer, assignment_id=UPDATE.assignment_id)]
    told = pair.tell(wire.Missing(transfer=transfer, missing=((2, 1),)))
    assert told == (event.ChunkWanted(transfer=transfer, index=2),)


def test_a_whole_upload_ends_in_one_receipt() -> None:
    pair = active()
    update, signed = real_update()
    transfer = pair.client.offer_update(update, signed, 0.0)
    while pair.step():
        for told in pair.events:
            if isinstance(told, event.ChunkWanted):
                first = told.index * wire.CHUNK_BYTES
                pair.client.send_chunk(transfer, told.index, PAYLOAD[first : first + wire.CHUNK_BYTES], 0.0)
        pair.events = [each for each in pair.events if isinstance(each, event.UploadAccepted)]
    assert len(pair.events) == 1
    assert pair.coordinator.accepted == [update.assignment_id]


# Bounds


def test_nothing_can_be_asked_before_and_after() -> None:
    for client in (Pair().client, ended().client):
        for ask in (
            lambda c=client: c.request_work(OFFER, None, 0.0),
            lambda c=client: c.get_versions(None, 0.0),
            lambda c=client: c.stored("ab" * 16),
            lambda c=client: c.release("ab" * 16, 1),
        ):
            with pytest.raises(UnavailableError, match=r"session\.not_active"):
                ask()


def ended() -> Pair:
    pair = active()
    pair.tell("nonsense")
    return pair


def test_requests_are_bounded() -> None:
    pair = active()
    for _ in range(REQUESTS_MOST):
        pair.client.request_work(OFFER, None, 0.0)
    with pytest.raises(UnavailableError, match=r"session\.busy"):
        pair.client.request_work(OFFER, None, 0.0)


def test_the_secret_of_an_invite_shows_in_no_description() -> None:
    assert "s" * 32 not in repr(TERMS)
