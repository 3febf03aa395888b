"""The coordinator's half of a session, message by message."""

from typing import TypeVar

import msgspec
import pytest

from sparewatt.signing import digest, public_key_hex, sign, verify
from sparewatt.wire import messages as wire
from sparewatt.wire.messages import CHUNK_BYTES
from sparewatt.wire.transfer import ChunkMap
from sparewatt.work.assignment import Assignment
from sparewatt.work.version import BlobRef
from sparewatt_coordinator.gateway import effects as e
from sparewatt_coordinator.gateway.protocol import (
    FETCHES_MOST,
    UPLOADS_MOST,
    GatewaySession,
    Terms,
    secret_sha256,
    why_no_work_untrusted,
)
from sparewatt_coordinator.store.base import Accepted, Leased, NoWork, Refused, Registered, Renewed, Way
from sparewatt_coordinator.store.memory import MemoryStore
from sparewatt_coordinator.testing.engine import hello, prove, signed_update
from sparewatt_coordinator.testing.runs import (
    ONLINE_KEY,
    blob,
    identifier,
    key,
    lease_request,
    manifest,
    new_run,
    online_sign,
    sha256,
    update_for,
)

MANIFEST = manifest()
RUN = digest(MANIFEST)
NEW = new_run(MANIFEST)
ONLINE = public_key_hex(ONLINE_KEY)
ALICE = key(10)
TERMS = Terms(
    run=RUN,
    manifest=NEW.manifest,
    online_keys=(NEW.online_key,),
    online_public=ONLINE,
    upload_bytes_most=10 * CHUNK_BYTES,
    heartbeat_s=20,
    ttl_s=120,
)
LATEST = online_sign("announcement", {"stands": "for one"})
M = TypeVar("M", bound=wire.Message)


def session() -> GatewaySession:
    return GatewaySession(TERMS, online_sign, "a" * 64, "b" * 32)


def sent(effects: list[e.Effect], kind: type[M]) -> M:
    assert len(effects) == 1
    effect = effects[0]
    assert isinstance(effect, e.Send)
    assert isinstance(effect.message, kind)
    return effect.message


def active(trusted: bool = True) -> GatewaySession:
    one = session()
    challenge = sent(one.receive(hello(RUN, ALICE)), wire.Challenge)
    effects = one.receive(prove(challenge, ONLINE, RUN, ALICE, "secret"))
    assert effects == [e.Register(public_key_hex(ALICE), secret_sha256("secret"))]
    welcome = sent(one.outcome(e.Admitted(Registered(trusted), LATEST)), wire.Welcome)
    assert (welcome.trust, welcome.latest) == ("trusted" if trusted else "probation", LATEST)
    return one


def assignment() -> Assignment:
    store = MemoryStore()
    store.create_run(NEW, online_sign, 0)
    outcome = store.lease_assignment(lease_request(public_key_hex(ALICE), 1), online_sign, 0)
    assert isinstance(outcome, Leased)
    return outcome.assignment


class TestHandshake:
    def test_the_coordinator_proves_over_both_nonces_that_it_speaks_for_the_run(self) -> None:
        challenge = sent(session().receive(hello(RUN, ALICE)), wire.Challenge)
        stated = verify(challenge.proof, wire.HANDSHAKE_KIND, ONLINE, wire.Transcript)
        assert (stated.side, stated.client_nonce, stated.server_nonce) == ("coordinator", "c" * 64, "a" * 64)
        assert stated.contributor == public_key_hex(ALICE)

    def test_a_manifest_may_be_read_before_anything_is_proved(self) -> None:
        one = session()
        one.receive(hello(RUN, ALICE))
        answer = sent(one.receive(wire.GetManifest(id=1)), wire.ManifestText)
        assert answer.manifest == NEW.manifest

    def test_whoever_proves_nothing_gets_two_answers(self) -> None:
        one = session()
        one.receive(hello(RUN, ALICE))
        for number in (1, 2):
            sent(one.receive(wire.GetManifest(id=number)), wire.ManifestText)
        assert one.receive(wire.GetManifest(id=3)) == [e.Close("session.out_of_order")]
        assert one.state == "ended"

    @pytest.mark.parametrize(
        ("message", "reason"),
        [
            (hello(sha256("other"), ALICE), "session.unknown_run"),
            (msgspec.structs.replace(hello(RUN, ALICE), protocol=2), "session.protocol"),
        ],
    )
    def test_another_run_or_protocol_is_refused(self, message: wire.Hello, reason: str) -> None:
        refused, close = session().receive(message)
        assert isinstance(refused, e.Send)
        assert isinstance(refused.message, wire.Refused)
        assert (refused.message.reason, close) == (reason, e.Close(reason))

    def test_whoever_asks_for_another_run_learns_which_is_served(self) -> None:
        refused, _ = session().receive(hello(sha256("other"), ALICE))
        assert isinstance(refused, e.Send)
        assert isinstance(refused.message, wire.Refused)
        assert refused.message.manifest == NEW.manifest

    def test_every_key_of_the_run_is_shown(self) -> None:
        rotated = online_sign("online-key", {"stands": "for the next"})
        terms = msgspec.structs.replace(TERMS, online_keys=(NEW.online_key, rotated))
        challenge = sent(
            GatewaySession(terms, online_sign, "a" * 64, "b" * 32).receive(hello(RUN, ALICE)), wire.Challenge
        )
        assert (challenge.online_key, challenge.earlier_keys) == (rotated, (NEW.online_key,))

    def test_a_proof_by_another_key_or_over_another_session_is_refused(self) -> None:
        for attack, reason in (("key", "signature.key"), ("nonce", "session.transcript")):
            one = session()
            challenge = sent(one.receive(hello(RUN, ALICE)), wire.Challenge)
            if attack == "nonce":
                challenge = msgspec.structs.replace(challenge, nonce="0" * 64)
            message = prove(challenge, ONLINE, RUN, key(11) if attack == "key" else ALICE, None)
            assert one.receive(message)[-1] == e.Close(reason)

    def test_the_coordinators_own_proof_cannot_be_sent_back(self) -> None:
        one = session()
        challenge = sent(one.receive(hello(RUN, ALICE)), wire.Challenge)
        message = wire.Prove(proof=challenge.proof, consent=RUN)
        assert one.receive(message)[-1] == e.Close("signature.key")

    def test_consent_must_be_to_this_very_manifest(self) -> None:
        one = session()
        challenge = sent(one.receive(hello(RUN, ALICE)), wire.Challenge)
        message = msgspec.structs.replace(prove(challenge, ONLINE, RUN, ALICE, None), consent=sha256("other"))
        assert one.receive(message)[-1] == e.Close("session.consent")

    def test_an_unknown_contributor_is_refused_in_words(self) -> None:
        one = session()
        challenge = sent(one.receive(hello(RUN, ALICE)), wire.Challenge)
        one.receive(prove(challenge, ONLINE, RUN, ALICE, None))
        assert one.outcome(Refused("invite.needed"))[-1] == e.Close("invite.needed")

    def test_nothing_else_is_heard_before_the_session_stands(self) -> None:
        for message in (wire.Heartbeat(assignments=()), wire.GetManifest(id=1), wire.GetVersions(id=1, have=None)):
            one = session()
            assert one.receive(message) == [e.Close("session.out_of_order")]
            assert one.receive(hello(RUN, ALICE)) == [e.Close("session.out_of_order")]
        one = session()
        assert one.receive_chunk(wire.Chunk(1, 0, b"x")) == [e.Close("session.out_of_order")]


class TestWork:
    offer = wire.DeviceOffer(device=identifier("device"), kind="cpu", tokens_per_s=0, memory_bytes=0)

    def test_a_request_for_work_becomes_a_lease(self) -> None:
        one = active()
        effects = one.receive(wire.RequestWork(id=5, offer=self.offer, base=None))
        assert effects == [e.Lease(5, public_key_hex(ALICE), "b" * 32, self.offer, None)]
        given = Leased(online_sign("assignment", {"one": 1}), assignment())
        answer = sent(one.outcome(e.LeaseAnswer(5, self.offer, given, "")), wire.Work)
        assert (answer.reply_to, answer.assignment) == (5, given.signed)

    def test_no_work_says_why_and_until_when(self) -> None:
        one = active()
        one.receive(wire.RequestWork(id=5, offer=self.offer, base=None))
        answer = e.LeaseAnswer(5, self.offer, NoWork("run.closed", 60), "Thank you.")
        said = sent(one.outcome(answer), wire.NoWork)
        assert (said.reason, said.words, said.retry_after_s) == ("run.closed", "Thank you.", 60)

    def test_only_trusted_contributors_are_given_work(self) -> None:
        said = sent(active(trusted=False).receive(wire.RequestWork(id=5, offer=self.offer, base=None)), wire.NoWork)
        assert said.reason == "contributor.not_trusted"

    def test_work_that_nobody_could_do_again_is_for_trusted_contributors_whatever_else_the_run_checks(self) -> None:
        inner = msgspec.structs.replace(MANIFEST.inner, state="kept")
        assert why_no_work_untrusted(MANIFEST) == "contributor.not_trusted"
        assert why_no_work_untrusted(msgspec.structs.replace(MANIFEST, inner=inner)) == "contributor.optimiser_kept"

    def test_a_heartbeat_renews_and_says_what_is_lost(self) -> None:
        one = active()
        ids = (identifier("1"), identifier("2"))
        assert one.receive(wire.Heartbeat(assignments=ids)) == [e.Renew(public_key_hex(ALICE), ids)]
        said = sent(one.outcome(Renewed(ids[:1], ids[1:])), wire.Leases)
        assert (said.renewed, said.lost, said.ttl_s) == (ids[:1], ids[1:], 120)

    def test_an_idle_heartbeat_never_reaches_the_store(self) -> None:
        assert sent(active().receive(wire.Heartbeat(assignments=())), wire.Leases).renewed == ()

    def test_versions_fit_into_one_frame(self) -> None:
        one = active()
        one.receive(wire.GetVersions(id=9, have=None))
        long = online_sign("announcement", {"words": "x" * 4_000})
        said = sent(one.outcome(e.WayAnswer(9, Way(long, (long,) * 32))), wire.Versions)
        assert 0 < len(said.patches) < 32
        assert len(msgspec.json.encode(said)) <= wire.CONTROL_BYTES_MOST

    def test_news_are_told_to_standing_sessions_only(self) -> None:
        assert sent(active().announce(LATEST), wire.Announce).announcement == LATEST
        assert session().announce(LATEST) == []


class TestFetch:
    def test_chunks_go_out_four_at_a_time(self) -> None:
        one = active()
        data = blob("data", 6 * CHUNK_BYTES)
        assert one.receive(wire.Fetch(transfer=1, blob=data, missing=((0, 6),))) == [e.OpenBlob(1, data)]
        assert one.outcome(e.BlobAnswer(1, None)) == [e.SendChunks(1, data, (0, 1, 2, 3))]
        assert one.receive(wire.Ack(transfer=1, index=2)) == [e.SendChunks(1, data, (4,))]
        assert one.receive(wire.Ack(transfer=1, index=0, count=2)) == [e.SendChunks(1, data, (5,))]
        assert one.receive(wire.Ack(transfer=1, index=2)) == [e.Close("transfer.ack")]

    def test_a_blob_that_is_not_the_runs_is_refused(self) -> None:
        one = active()
        one.receive(wire.Fetch(transfer=1, blob=blob("data"), missing=((0, 1),)))
        said = sent(one.outcome(e.BlobAnswer(1, "blob.not_offered")), wire.Refused)
        assert (said.reason, said.reply_to) == ("blob.not_offered", 1)

    def test_spans_outside_the_blob_end_the_session(self) -> None:
        message = wire.Fetch(transfer=1, blob=blob("data", 10), missing=((1, 1),))
        assert active().receive(message) == [e.Close("transfer.spans")]

    def test_a_bounded_number_at_a_time(self) -> None:
        one = active()
        for number in range(1, FETCHES_MOST + 1):
            one.receive(wire.Fetch(transfer=number, blob=blob("data"), missing=((0, 1),)))
        said = sent(one.receive(wire.Fetch(transfer=99, blob=blob("data"), missing=((0, 1),))), wire.Refused)
        assert (said.reason, said.reply_to) == ("transfer.too_many", 99)
        one.receive(wire.EndTransfer(transfer=1, reason="enough"))
        assert one.receive(wire.Fetch(transfer=99, blob=blob("data"), missing=((0, 1),))) == [
            e.OpenBlob(99, blob("data"))
        ]

    def test_a_transfer_number_is_used_once_at_a_time(self) -> None:
        one = active()
        message = wire.Fetch(transfer=1, blob=blob("data"), missing=((0, 1),))
        one.receive(message)
        assert one.receive(message) == [e.Close("transfer.in_use")]

    def test_a_chunk_that_cannot_be_read_refuses_the_transfer(self) -> None:
        one = active()
        one.receive(wire.Fetch(transfer=1, blob=blob("data"), missing=((0, 1),)))
        effect = one.outcome(e.BlobAnswer(1, None))[0]
        said = sent(one.outcome(e.Failed(effect, "storage.blob_missing")), wire.Refused)
        assert (said.reply_to, said.retry_after_s) == (1, 60)


class TestUpload:
    payload = BlobRef(sha256=sha256("payload"), size=CHUNK_BYTES + 5)

    def offered(self) -> tuple[GatewaySession, e.OpenUpload]:
        one = active()
        update = msgspec.structs.replace(update_for(assignment()), payload=self.payload)
        effect = one.receive(wire.OfferUpdate(transfer=3, update=signed_update(update, ALICE)))[0]
        assert isinstance(effect, e.OpenUpload)
        assert (effect.update, effect.update_sha256) == (update, digest(update))
        return one, effect

    def arriving(self, *present: int) -> e.UploadAnswer:
        have = ChunkMap(self.payload.size)
        for index in present:
            have.add(index)
        return e.UploadAnswer(3, e.Arriving(have.bitmap()))

    def test_the_whole_course(self) -> None:
        one, effect = self.offered()
        assert sent(one.outcome(self.arriving()), wire.Missing).missing == ((0, 2),)
        chunks = (bytes(CHUNK_BYTES), b"12345")
        for index, data in enumerate(chunks):
            write = e.WriteChunk(3, self.payload, index, data)
            assert one.receive_chunk(wire.Chunk(3, index, data)) == [write]
            assert sent(one.outcome(e.ChunkWritten(3, index)), wire.Ack).index == index
        assert one.payloads == (self.payload,)
        commit = one.receive(wire.Commit(transfer=3, assignment_id=effect.update.assignment_id))
        assert commit == [e.FinishUpload(3, effect.contributor, effect.update, effect.update_sha256)]
        receipt = online_sign("receipt", {"one": 1})
        said = sent(one.outcome(e.UploadAnswer(3, Accepted(receipt, 5))), wire.Accepted)
        assert (said.receipt, said.needs_more, one.payloads) == (receipt, False, ())
        stored = one.receive(wire.Stored(assignment_id=said.assignment_id))
        assert stored == [e.MarkStored(public_key_hex(ALICE), said.assignment_id)]

    def test_only_what_is_missing_is_asked_for_after_a_cut(self) -> None:
        one, _ = self.offered()
        assert sent(one.outcome(self.arriving(0)), wire.Missing).missing == ((1, 1),)

    def test_a_lost_answer_is_repeated_at_once(self) -> None:
        one, _ = self.offered()
        receipt = online_sign("receipt", {"one": 1})
        assert sent(one.outcome(e.UploadAnswer(3, Accepted(receipt))), wire.Accepted).receipt == receipt

    def test_that_the_round_needs_more_is_said(self) -> None:
        one, _ = self.offered()
        accepted = Accepted(online_sign("receipt", {"one": 1}), 5, needs_more=True)
        assert sent(one.outcome(e.UploadAnswer(3, accepted)), wire.Accepted).needs_more

    def test_a_final_refusal_is_signed_and_the_late_chunks_are_dropped(self) -> None:
        one, effect = self.offered()
        refusal = online_sign("refusal", {"one": 1})
        said = sent(one.outcome(e.UploadAnswer(3, Refused("update.fence", refusal))), wire.Refused)
        assert (said.refusal, said.assignment_id, said.reply_to) == (refusal, effect.update.assignment_id, 3)
        assert one.receive_chunk(wire.Chunk(3, 0, b"x")) == []
        assert one.state == "active"

    def test_an_upload_that_cannot_be_taken_now_may_be_offered_again(self) -> None:
        one, _ = self.offered()
        said = sent(one.outcome(e.UploadAnswer(3, e.NotNow("upload.in_use", 5))), wire.Refused)
        assert (said.refusal, said.retry_after_s) == (None, 5)
        assert self.offer_again(one) != []

    def offer_again(self, one: GatewaySession) -> list[e.Effect]:
        update = msgspec.structs.replace(update_for(assignment()), payload=self.payload)
        return one.receive(wire.OfferUpdate(transfer=3, update=signed_update(update, ALICE)))

    def test_a_commit_before_all_is_there_is_answered_with_what_is_missing(self) -> None:
        one, effect = self.offered()
        one.outcome(self.arriving(0))
        commit = wire.Commit(transfer=3, assignment_id=effect.update.assignment_id)
        assert sent(one.receive(commit), wire.Missing).missing == ((1, 1),)

    @pytest.mark.parametrize(
        ("chunk", "reason"),
        [
            (wire.Chunk(3, 0, b"short"), "transfer.length"),
            (wire.Chunk(3, 2, b"beyond"), "transfer.index"),
        ],
    )
    def test_a_chunk_that_does_not_fit_ends_the_session(self, chunk: wire.Chunk, reason: str) -> None:
        one, _ = self.offered()
        one.outcome(self.arriving())
        assert one.receive_chunk(chunk) == [e.Close(reason)]

    def test_a_repeated_chunk_is_acknowledged_and_not_written(self) -> None:
        one, _ = self.offered()
        one.outcome(self.arriving())
        one.receive_chunk(wire.Chunk(3, 1, b"12345"))
        assert sent(one.receive_chunk(wire.Chunk(3, 1, b"12345")), wire.Ack).index == 1

    def test_an_update_signed_by_somebody_else_is_refused(self) -> None:
        update = update_for(assignment())
        message = wire.OfferUpdate(transfer=3, update=sign("update", update, key(11)))
        assert sent(active().receive(message), wire.Refused).reason == "signature.key"

    def test_a_payload_above_the_manifests_size_is_refused(self) -> None:
        large = BlobRef(sha256=sha256("large"), size=TERMS.upload_bytes_most + 1)
        update = msgspec.structs.replace(update_for(assignment()), payload=large)
        message = wire.OfferUpdate(transfer=3, update=signed_update(update, ALICE))
        assert sent(active().receive(message), wire.Refused).reason == "update.payload_size"

    def test_a_bounded_number_at_a_time(self) -> None:
        one = active()
        signed = signed_update(update_for(assignment()), ALICE)
        for number in range(1, UPLOADS_MOST + 1):
            one.receive(wire.OfferUpdate(transfer=number, update=signed))
        assert (
            sent(one.receive(wire.OfferUpdate(transfer=99, update=signed)), wire.Refused).reason == "transfer.too_many"
        )

    def test_a_full_disk_refuses_for_now_and_keeps_what_arrived(self) -> None:
        one, _ = self.offered()
        one.outcome(self.arriving())
        effect = one.receive_chunk(wire.Chunk(3, 1, b"12345"))[0]
        refused, close = one.outcome(e.Failed(effect, "storage.full"))
        assert isinstance(refused, e.Send)
        assert close == e.CloseUpload(self.payload)
        assert one.payloads == ()
