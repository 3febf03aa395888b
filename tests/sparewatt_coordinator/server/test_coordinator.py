"""A coordinator as contributors and organisers meet it: real sockets, store and files."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from sparewatt.clock import SystemClock
from sparewatt.credit.keychain import KeyChain
from sparewatt.errors import (
    ConflictError,
    InputError,
    IntegrityError,
    ProtocolError,
    StorageError,
    UnavailableError,
)
from sparewatt.session.connection import WebsocketDial
from sparewatt.session.trust import Identity, check_challenge, check_versions
from sparewatt.signing import digest, public_key_hex, sign, verify
from sparewatt.wire import messages as wire
from sparewatt.wire.codec import decode_chunk, decode_coordinator, encode
from sparewatt.wire.messages import SUBPROTOCOL
from sparewatt.work.assignment import ASSIGNMENT_KIND, Assignment
from sparewatt.work.invite import parse_invite, run_key_sha256
from sparewatt.work.manifest import ROTATION_KIND, OnlineKey
from sparewatt.work.receipt import RECEIPT_KIND, Receipt
from sparewatt_coordinator.gateway import admin
from sparewatt_coordinator.gateway.admin_client import AdminClient
from sparewatt_coordinator.server.coordinator import Settings
from sparewatt_coordinator.server.encryption import Wanted
from sparewatt_coordinator.server.establish import rotate_online_key
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.testing.certificates import certified
from sparewatt_coordinator.testing.coordinator import (
    Engine,
    RunningCoordinator,
    coordinator,
    establish,
    payload_of,
    session,
)
from sparewatt_coordinator.testing.engine import NONCE, hello, prove, signed_update
from sparewatt_coordinator.testing.runs import RUN_KEY, identifier, key, update_for

pytestmark = pytest.mark.timeout(60)

ALICE = key(10)
OFFER = wire.DeviceOffer(device=identifier("device"), kind="cpu", tokens_per_s=0, memory_bytes=0)
A = TypeVar("A", bound=msgspec.Struct)


def run(scenario: Coroutine[object, object, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(40):
            await scenario

    asyncio.run(bounded())


async def ask(one: RunningCoordinator, request: admin.Request, answer: type[A]) -> A:
    def blocking() -> A:
        with AdminClient(Path(one.running.admin)) as client:
            return client.ask(request, answer)

    return await asyncio.to_thread(blocking)


async def invited(one: RunningCoordinator, trusted: bool = True) -> str:
    reply = await ask(one, admin.CreateInvite(uses=3, trusted=trusted), admin.InviteReply)
    invite = parse_invite(reply.invite)
    assert (invite.run, invite.url) == (digest(one.manifest), one.running.url)
    return invite.secret


async def status(one: RunningCoordinator) -> admin.StatusReply:
    return await ask(one, admin.GetStatus(), admin.StatusReply)


async def closed(engine: Engine, one: RunningCoordinator) -> admin.StatusReply:
    await engine.hear_announcement(lambda said: said.state == "closed")
    return await status(one)


async def frames_until_closed(socket: ClientConnection) -> AsyncIterator[str | bytes]:
    while True:
        try:
            yield await socket.recv()
        except ConnectionClosed:
            return


async def work(engine: Engine, one: RunningCoordinator, number: int) -> Assignment:
    await engine.say(wire.RequestWork(id=number, offer=OFFER, base=None))
    answer = await engine.hear()
    assert isinstance(answer, wire.Work)
    return verify(answer.assignment, ASSIGNMENT_KIND, one.online_public, Assignment)


async def bring(engine: Engine, one: RunningCoordinator, assignment: Assignment, transfer: int) -> Receipt:
    data = b"payload of " + assignment.assignment_id.encode()
    update = msgspec.structs.replace(update_for(assignment), payload=payload_of(data))
    signed = signed_update(update, engine.key)
    answer = await engine.upload(transfer, signed, assignment.assignment_id, data)
    assert isinstance(answer, wire.Accepted)
    return verify(answer.receipt, RECEIPT_KIND, one.online_public, Receipt)


def test_from_an_invite_to_a_published_version(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one, session(one, ALICE) as engine:
            welcome = await engine.greet(await invited(one))
            assert isinstance(welcome, wire.Welcome)
            assert welcome.trust == "trusted"
            assignment = await work(engine, one, 1)
            shard = assignment.ranges[0].blob
            await engine.say(wire.Fetch(transfer=2, blob=shard, missing=((0, 1),)))
            frame = await engine.socket.recv()
            assert isinstance(frame, bytes)
            assert payload_of(bytes(decode_chunk(frame).data)) == shard
            await engine.say(wire.Ack(transfer=2, index=0))
            receipt = await bring(engine, one, assignment, 3)
            assert (receipt.merged, receipt.sequence) == ("yes", 1)
            await engine.say(wire.Stored(assignment_id=assignment.assignment_id))
            heard = await engine.hear_announcement(lambda said: said.version.number == 1)
            assert heard.previous == manifest.start
            await engine.say(wire.GetVersions(id=4, have=manifest.start))
            answer = await engine.hear()
            assert isinstance(answer, wire.Versions)
            assert answer.keyframe is None or answer.patches
            said = await status(one)
            assert (said.contributors_here, said.status.updates_accepted) == (1, 1)

    run(scenario())


def test_finishing_merges_measures_and_closes(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run", tokens_target=10**9)

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one, session(one, ALICE) as engine:
            await engine.greet(await invited(one))
            await bring(engine, one, await work(engine, one, 1), 2)
            await ask(one, admin.Finish(words="Thank you."), admin.Reply)
            end = (await closed(engine, one)).status
            assert (end.version.number, end.words, end.gathering_updates) == (1, "Thank you.", 0)
            assert end.evaluations[-1].version == 1
            await engine.say(wire.RequestWork(id=9, offer=OFFER, base=None))
            answer = await engine.hear()
            assert isinstance(answer, wire.NoWork)
            assert (answer.reason, answer.words) == ("run.closed", "Thank you.")
            export = await ask(one, admin.GetExport(), admin.ExportReply)
            assert payload_of(await asyncio.to_thread(Path(export.path).read_bytes)) == export.blob

    run(scenario())


def test_three_failed_merges_stall_the_run_until_it_is_resumed(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one, session(one, ALICE) as engine:
            one.aggregator.failures += [UnavailableError("aggregate.ended")] * 3
            await engine.greet(await invited(one))
            await bring(engine, one, await work(engine, one, 1), 2)
            await engine.hear_announcement(lambda said: said.state == "stalled")
            stalled = await status(one)
            assert (stalled.status.merge_failures, stalled.aggregator.error_id) == (3, "aggregate.ended")
            assert len({task.plan_digest for task in one.aggregator.merged}) == 1
            await ask(one, admin.ResumeRun(), admin.Reply)
            await engine.hear_announcement(lambda said: said.state == "open" and said.version.number == 1)

    run(scenario())


def test_a_full_disk_is_waited_for_and_never_stalls_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparewatt_coordinator.server.conductor.STORAGE_RETRY_SECONDS", 0.01)
    folder, manifest = establish(tmp_path / "run")

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one, session(one, ALICE) as engine:
            one.aggregator.failures += [StorageError("storage.full", folder="here")] * 5
            await engine.greet(await invited(one))
            await bring(engine, one, await work(engine, one, 1), 2)
            await engine.hear_announcement(lambda said: said.version.number == 1)
            found = await status(one)
            assert (found.status.merge_failures, found.aggregator.error_id) == (0, "")
            assert len({task.fence for task in one.aggregator.merged}) == 1

    run(scenario())


def test_a_restart_repeats_lost_answers_and_does_the_merge_again(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run", tokens_target=10**9)

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one, session(one, ALICE) as engine:
            await engine.greet(await invited(one))
            assignment = await work(engine, one, 1)
            first = await bring(engine, one, assignment, 2)
            assert one.folder.read_running() == one.running
        async with coordinator(folder, manifest, SystemClock()) as two, session(two, ALICE) as engine:
            assert isinstance(await engine.greet(None), wire.Welcome)
            assert await bring(engine, two, assignment, 1) == first
            await ask(two, admin.Finish(), admin.Reply)
            assert (await closed(engine, two)).status.version.number == 1
        with pytest.raises(UnavailableError, match=r"coordinator\.not_running"):
            folder.read_running()

    run(scenario())


def test_contributors_without_trust_are_told_so(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one:
            async with session(one, ALICE) as stranger:
                answer = await stranger.greet(None)
                assert isinstance(answer, wire.Refused)
                assert answer.reason == "invite.needed"
            async with session(one, ALICE) as engine:
                welcome = await engine.greet(await invited(one, trusted=False))
                assert isinstance(welcome, wire.Welcome)
                assert welcome.trust == "probation"
                await engine.say(wire.RequestWork(id=1, offer=OFFER, base=None))
                answer = await engine.hear()
                assert isinstance(answer, wire.NoWork)
                assert answer.reason == "contributor.not_trusted"

    run(scenario())


def test_what_is_kept_out(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one:
            url, mine = one.running.url, [Subprotocol(SUBPROTOCOL)]
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, subprotocols=mine, origin=Origin("http://127.0.0.1"), proxy=None)
            assert refused.value.response.status_code == 403
            for offered in (None, [Subprotocol("other.v1")]):
                with pytest.raises(InvalidStatus) as refused:
                    await connect(url, subprotocols=offered, proxy=None)
                assert refused.value.response.status_code == 400
            for frame, code in (
                ("x" * 4097, 1009),
                ("[]", 1008),
                (b"\1\0\0\0\0\0\0\0x", 1008),
                (encode(wire.Heartbeat(assignments=())), 1008),
            ):
                async with connect(url, subprotocols=mine, proxy=None) as socket:
                    await socket.send(frame)
                    with pytest.raises(ConnectionClosed) as ended:
                        await socket.recv()
                    assert ended.value.rcvd is not None
                    assert ended.value.rcvd.code == code
            async with connect(url, subprotocols=mine, proxy=None) as socket:
                await socket.send(encode(hello(digest(manifest), ALICE)))
                for number in (1, 2, 3):
                    await socket.send(encode(wire.GetManifest(id=number)))
                heard = [frame async for frame in frames_until_closed(socket)]
                assert len(heard) == 3

    run(scenario())


def test_people_see_a_page_and_probes_an_answer(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")

    async def get(one: RunningCoordinator, path: str) -> str:
        host, port = one.running.url.removeprefix("ws://").rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        text = (await reader.read()).decode()
        writer.close()
        return text

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one:
            assert (await get(one, "/healthz")).startswith("HTTP/1.1 200")
            page = await get(one, "/")
            assert "unaudited" in page
            assert manifest.title in page
            assert (await get(one, "/other")).startswith("HTTP/1.1 404")

    run(scenario())


def test_one_coordinator_a_folder(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()):
            with pytest.raises(ConflictError, match=r"coordinator\.running"):
                async with coordinator(folder, manifest, SystemClock()):
                    pass

    run(scenario())


def test_a_key_that_the_organiser_did_not_state_is_refused(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")
    folder.online_key.unlink()
    folder.write_online_key(key(99))

    async def scenario() -> None:
        with pytest.raises(IntegrityError, match=r"key\.other"):
            async with coordinator(folder, manifest, SystemClock()):
                pass

    run(scenario())


def test_a_folder_is_established_once_and_needs_its_parts(tmp_path: Path) -> None:
    folder, _ = establish(tmp_path / "run")
    with pytest.raises(ConflictError, match=r"key\.exists"):
        establish(tmp_path / "run")
    folder.online_key.chmod(0o644)
    with pytest.raises(InputError, match=r"key\.mode"):
        folder.read_online_key()
    with pytest.raises(StorageError, match=r"key\.missing"):
        DataFolder(tmp_path).read_online_key()


def test_who_asks_a_coordinator_that_does_not_run_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"coordinator\.not_running"):
        AdminClient(tmp_path / "admin.sock")


OWN = Wanted(own=True)


def served(folder: DataFolder, **more: object) -> Settings:
    return msgspec.structs.replace(Settings(folder.root, (("127.0.0.1", 0),)), **more)


def test_a_certificate_made_here_is_known_by_its_key(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock(), served(folder, wanted=OWN)) as one:
            reply = await ask(one, admin.CreateInvite(), admin.InviteReply)
            invite = parse_invite(reply.invite)
            assert invite.url.startswith("wss://127.0.0.1:")
            transport = await WebsocketDial()(invite.url, invite.pin)
            await transport.send(encode(hello(digest(manifest), ALICE)))
            assert isinstance(decode_coordinator(str(await transport.receive())), wire.Challenge)
            await transport.close()
            with pytest.raises(IntegrityError, match=r"connection\.pin"):
                await WebsocketDial()(invite.url, "00" * 32)
            with pytest.raises(IntegrityError, match=r"connection\.certificate"):
                await WebsocketDial()(invite.url)
            with pytest.raises((ProtocolError, UnavailableError)):
                await WebsocketDial()(invite.url.replace("wss:", "ws:"))

    run(scenario())


def test_a_certificate_of_an_authority_is_known_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, manifest = establish(tmp_path / "run")
    authority, certificate, key_file = certified(tmp_path, ("127.0.0.1",))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))

    async def scenario() -> None:
        given = served(folder, wanted=Wanted(certificate, key_file), address="127.0.0.1")
        async with coordinator(folder, manifest, SystemClock(), given) as one:
            reply = await ask(one, admin.CreateInvite(), admin.InviteReply)
            invite = parse_invite(reply.invite)
            assert invite.pin is None
            await (await WebsocketDial()(invite.url)).close()
            other = invite.url.replace("127.0.0.1", "localhost")
            with pytest.raises(IntegrityError, match=r"connection\.certificate"):
                await WebsocketDial()(other)

    run(scenario())


def test_several_addresses_are_served_and_an_invite_may_name_any(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")

    async def scenario() -> None:
        both = served(folder, listen=(("127.0.0.1", 0), ("127.0.0.2", 0)), wanted=OWN)
        async with coordinator(folder, manifest, SystemClock(), both) as one:
            assert len(one.running.listening) == 2
            for each in one.running.listening:
                reply = await ask(one, admin.CreateInvite(address=each), admin.InviteReply)
                invite = parse_invite(reply.invite)
                assert invite.url == f"wss://{each}"
                await (await WebsocketDial()(invite.url, invite.pin)).close()
            with pytest.raises(InputError, match=r"serve\.address_malformed"):
                await ask(one, admin.CreateInvite(address="no address"), admin.InviteReply)

    run(scenario())


def test_an_origin_comes_in_only_if_it_is_listed(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")

    async def scenario() -> None:
        listed = served(folder, origins=("https://run.example.org",))
        async with coordinator(folder, manifest, SystemClock(), listed) as one:
            mine = [Subprotocol(SUBPROTOCOL)]
            origin = Origin("https://run.example.org")
            async with connect(one.running.url, subprotocols=mine, origin=origin, proxy=None):
                pass
            for other in ("https://example.org", "null", "https://run.example.org.evil.example"):
                with pytest.raises(InvalidStatus) as refused:
                    await connect(one.running.url, subprotocols=mine, origin=Origin(other), proxy=None)
                assert refused.value.response.status_code == 403

    run(scenario())


def test_an_invite_lets_in_as_many_as_it_says_and_none_after_it_was_revoked(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one:
            reply = await ask(one, admin.CreateInvite(uses=2, trusted=True), admin.InviteReply)
            secret = parse_invite(reply.invite).secret
            assert await greeted(one, ALICE, secret) == "welcome"
            assert await greeted(one, ALICE, secret) == "welcome", "the same key uses it once"
            (invite,) = (await ask(one, admin.ListInvites(), admin.InvitesReply)).invites
            assert (invite.uses, invite.uses_left, invite.trusted, invite.revoked) == (2, 1, True, False)
            await ask(one, admin.RevokeInvite(invite.invite_id), admin.Reply)
            assert await greeted(one, key(11), secret) == "invite.revoked"
            assert await greeted(one, ALICE, None) == "welcome", "whoever came in by it stays"
            with pytest.raises(InputError, match=r"invite\.unknown_id"):
                await ask(one, admin.RevokeInvite("0" * 12), admin.Reply)

    run(scenario())


def test_a_revoked_contributor_hears_so_at_once_and_is_let_in_no_more(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run", tokens_target=10**9)
    alice = public_key_hex(ALICE)

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one:
            secret = await invited(one)
            async with session(one, ALICE) as engine, session(one, key(11)) as other:
                await engine.greet(secret)
                await other.greet(secret)
                receipt = await bring(engine, one, await work(engine, one, 1), 2)
                unfinished = await work(engine, one, 3)
                here = await ask(one, admin.ListContributors(), admin.ContributorsReply)
                assert here.connected == tuple(sorted((alice, public_key_hex(key(11)))))
                async with asyncio.timeout(5):
                    await ask(one, admin.RevokeContributor(alice), admin.Reply)
                    refused = await engine.hear()
                    assert isinstance(refused, wire.Refused)
                    assert refused.reason == "contributor.revoked"
                    with pytest.raises(ConnectionClosed):
                        await engine.socket.recv()
                assert await greeted(one, ALICE, secret) == "contributor.revoked"
                taken_over = await work(other, one, 4)
                assert taken_over.ranges == unfinished.ranges
            listed = (await ask(one, admin.ListContributors(), admin.ContributorsReply)).contributors
            found = {each.contributor: each for each in listed}
            assert (found[alice].revoked, found[alice].tokens) == (True, receipt.tokens)
            assert found[alice].seen_milliseconds > 0
            with pytest.raises(InputError, match=r"contributor\.unknown"):
                await ask(one, admin.RevokeContributor("0" * 64), admin.Reply)

    run(scenario())


def test_a_contributor_who_does_not_read_is_cut_off_all_the_same(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one, session(one, ALICE) as engine:
            await engine.greet(await invited(one))
            engine.socket.transport.pause_reading()
            async with asyncio.timeout(5):
                await ask(one, admin.RevokeContributor(public_key_hex(ALICE)), admin.Reply)
                while (await status(one)).contributors_here:
                    await asyncio.sleep(0.02)
            engine.socket.transport.abort()

    run(scenario())


def test_closing_merges_what_receipts_call_merged(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run", tokens_target=10**9)

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one, session(one, ALICE) as engine:
            await engine.greet(await invited(one))
            receipt = await bring(engine, one, await work(engine, one, 1), 2)
            assert receipt.merged == "yes"
            await ask(one, admin.CloseRun(words="Out of money."), admin.Reply)
            end = (await closed(engine, one)).status
            assert (end.version.number, end.words, end.gathering_updates) == (1, "Out of money.", 0)

    run(scenario())


def test_an_end_that_was_asked_for_comes_after_a_restart_with_its_words(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run", tokens_target=10**9)

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one, session(one, ALICE) as engine:
            await engine.greet(await invited(one))
            await bring(engine, one, await work(engine, one, 1), 2)
        store = sqlite.open(folder.database)
        store.end_run("Out of money.")
        store.close()
        async with coordinator(folder, manifest, SystemClock()) as two, session(two, ALICE) as engine:
            await engine.greet(None)
            while (end := (await status(two)).status).state != "closed":
                await asyncio.sleep(0.05)
            assert (end.version.number, end.words) == (1, "Out of money.")

    run(scenario())


def test_a_recorded_handshake_opens_nothing(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one:
            secret = await invited(one)
            async with session(one, ALICE) as engine:
                await engine.say(hello(digest(manifest), ALICE))
                challenge = await engine.hear()
                assert isinstance(challenge, wire.Challenge)
                proof = prove(challenge, one.online_public, digest(manifest), ALICE, secret)
                await engine.say(proof)
                assert isinstance(await engine.hear(), wire.Welcome)
            async with session(one, ALICE) as replay:
                await replay.say(hello(digest(manifest), ALICE))
                assert isinstance(await replay.hear(), wire.Challenge)
                await replay.say(proof)
                refused = await replay.hear()
                assert isinstance(refused, wire.Refused)
                assert refused.reason == "session.transcript"

    run(scenario())


async def greeted(one: RunningCoordinator, who: Ed25519PrivateKey, secret: str | None) -> str:
    """What becomes of a handshake: ``welcome``, or why not."""
    async with session(one, who) as engine:
        answer = await engine.greet(secret)
        return answer.reason if isinstance(answer, wire.Refused) else "welcome"


def test_a_new_key_speaks_for_the_run_and_the_old_ones_words_can_still_be_checked(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one, session(one, ALICE) as engine:
            await engine.greet(await invited(one))
            await bring(engine, one, await work(engine, one, 1), 2)
            await engine.hear_announcement(lambda said: said.version.number == 1)
        stated = rotate_online_key(folder, RUN_KEY, 2_000_000)
        assert stated.sequence == 1
        async with coordinator(folder, manifest, SystemClock()) as two:
            assert two.online_public == stated.key
            newcomer = key(12)
            async with session(two, newcomer) as engine:
                await engine.say(hello(digest(manifest), newcomer))
                challenge = await engine.hear()
                assert isinstance(challenge, wire.Challenge)
                chain = KeyChain(digest(manifest), run_key_sha256(manifest.run_key))
                who = Identity(digest(manifest), public_key_hex(newcomer), chain)
                chain, _ = check_challenge(challenge, who, NONCE)
                await engine.say(prove(challenge, two.online_public, digest(manifest), newcomer, await invited(two)))
                assert isinstance(await engine.hear(), wire.Welcome)
                await engine.say(wire.GetVersions(id=1, have=None))
                versions = await engine.hear()
                assert isinstance(versions, wire.Versions)
                keyframe, _ = check_versions(versions, None, chain)
                assert keyframe is not None

    run(scenario())


@pytest.mark.parametrize("entered", [True, False])
def test_a_rotation_that_was_cut_is_finished_or_forgotten(tmp_path: Path, entered: bool) -> None:
    folder, manifest = establish(tmp_path / "run")
    before = folder.read_online_key()
    online = key(77)
    folder.write_next_online_key(online)
    if entered:
        stated = OnlineKey(run=digest(manifest), sequence=1, key=public_key_hex(online), not_before_s=0)
        store = sqlite.open(folder.database)
        store.rotate_key(sign(ROTATION_KIND, stated, RUN_KEY), lambda kind, value: sign(kind, value, online), 1)
        store.close()

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()) as one:
            assert one.online_public == public_key_hex(online if entered else before)

    run(scenario())
    assert not folder.next_online_key.exists()


def test_only_the_organiser_rotates_the_key_and_only_while_nobody_serves(tmp_path: Path) -> None:
    folder, manifest = establish(tmp_path / "run")
    with pytest.raises(IntegrityError, match=r"key\.other"):
        rotate_online_key(folder, key(5), 2_000_000)

    async def scenario() -> None:
        async with coordinator(folder, manifest, SystemClock()):
            with pytest.raises(ConflictError, match=r"coordinator\.running"):
                rotate_online_key(folder, RUN_KEY, 2_000_000)

    run(scenario())
