"""A coordinator as contributors and organisers meet it: real sockets, store and files."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from sparewatt.clock import SystemClock
from sparewatt.errors import ConflictError, InputError, IntegrityError, StorageError, UnavailableError
from sparewatt.signing import digest, verify
from sparewatt.wire import messages as wire
from sparewatt.wire.codec import decode_chunk, encode
from sparewatt.wire.messages import SUBPROTOCOL
from sparewatt.work.assignment import ASSIGNMENT_KIND, Assignment
from sparewatt.work.invite import parse_invite
from sparewatt.work.receipt import RECEIPT_KIND, Receipt
from sparewatt_coordinator.gateway import admin
from sparewatt_coordinator.gateway.admin_client import AdminClient
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.testing.coordinator import (
    Engine,
    RunningCoordinator,
    coordinator,
    establish,
    payload_of,
    session,
)
from sparewatt_coordinator.testing.engine import hello, signed_update
from sparewatt_coordinator.testing.runs import identifier, key, update_for

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
            assert payload_of(decode_chunk(frame).data) == shard
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
