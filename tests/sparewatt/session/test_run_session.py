"""A whole session over connections that are cut at every frame: one acceptance, nothing lost, nothing sent twice."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sparewatt.blobs.folder import BlobFolder
from sparewatt.clock import SystemClock
from sparewatt.errors import IntegrityError, UnavailableError
from sparewatt.session import events as event
from sparewatt.session.inspection import Tools, inspect
from sparewatt.session.joined import JoinedRun
from sparewatt.session.outbox import Outbox
from sparewatt.session.outbox_thread import OutboxThread, open_in_thread
from sparewatt.session.run_session import RunSession
from sparewatt.session.traffic import Limits, Traffic
from sparewatt.signing import Signed, public_key_hex, sign
from sparewatt.testing.run import FakeRun, private_key, version
from sparewatt.testing.transport import FakeCoordinator, FakeDial
from sparewatt.wire.messages import CHUNK_BYTES, DeviceOffer
from sparewatt.work.invite import Invite
from sparewatt.work.update import UPDATE_KIND, Update
from sparewatt.work.version import BlobRef

RUN = FakeRun()
KEY = private_key(7)
CONTRIBUTOR = public_key_hex(KEY)
DEVICE = "d0" * 16
OFFER = DeviceOffer(device=DEVICE, kind="cpu", tokens_per_s=0, memory_bytes=1)
PAYLOAD = b"".join(bytes([each]) * CHUNK_BYTES for each in range(6)) + b"end"
BLOB = BlobRef(sha256=hashlib.sha256(PAYLOAD).hexdigest(), size=len(PAYLOAD))
JOINED = JoinedRun(
    run=RUN.run,
    url="ws://127.0.0.1:1",
    run_key_sha256=RUN.run_key_sha256,
    invite_secret="s" * 32,
    manifest=RUN.signed_manifest,
    consented_at_s=5,
)


def tools(dial: FakeDial, traffic: Traffic | None = None) -> Tools:
    return Tools(
        dial=dial,
        clock=SystemClock(),
        random_bytes=lambda count: b"\x0c" * count,
        jitter=float,
        software="t",
        traffic=traffic or Traffic(SystemClock(), Limits, "allowed"),
    )


def an_update(number: int = 1) -> tuple[Update, Signed]:
    update = Update(
        assignment_id=f"{number:032x}",
        run=RUN.run,
        device=DEVICE,
        fence=1,
        base=version(0),
        payload=BLOB,
        tokens=256,
        inner_steps=4,
        loss_first_micro=1,
        loss_last_micro=1,
        train_milliseconds=1,
        delta_root="ff" * 32,
    )
    return update, sign(UPDATE_KIND, update, KEY)


class Engine:
    """A session with its outbox and blobs; it comes back at once after a cut, instead of backing off."""

    def __init__(self, folder: Path, outbox: OutboxThread, dial: FakeDial) -> None:
        self.events: list[event.Event] = []
        self.heard = asyncio.Event()
        self.outbox = outbox
        self.blobs = BlobFolder(folder / "blobs")
        self.traffic = Traffic(SystemClock(), Limits, "allowed")
        self.session = RunSession(JOINED, KEY, outbox, self.blobs, tools(dial, self.traffic), self._hear)

    def _hear(self, told: event.Event) -> None:
        self.events.append(told)
        self.heard.set()
        if isinstance(told, event.SessionFailed):
            self.session.wake()

    async def until(self, kind: type[event.Event]) -> None:
        while not any(isinstance(each, kind) for each in self.events):
            self.heard.clear()
            await self.heard.wait()


def engine_test(folder: Path, dial: FakeDial, test: Callable[[Engine], Awaitable[None]]) -> None:
    """Runs `test` beside a running session, for at most 20 s."""

    async def run() -> None:
        outbox, _ = await open_in_thread(folder / "outbox")
        await outbox.call(Outbox.join, JOINED)
        engine = Engine(folder, outbox, dial)
        running = asyncio.create_task(engine.session.run())
        try:
            async with asyncio.timeout(20):
                testing = asyncio.ensure_future(test(engine))
                await asyncio.wait((testing, running), return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    await running
                await testing
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await outbox.close()

    asyncio.run(run())


def send_one(tmp_path: Path, coordinator: FakeCoordinator, dial: FakeDial) -> Engine:
    """An engine that brings one update home and hears of it."""
    engines: list[Engine] = []

    async def test(engine: Engine) -> None:
        engines.append(engine)
        payload = tmp_path / "worker-output"
        payload.write_bytes(PAYLOAD)
        await engine.session.submit(*an_update(), payload)
        await engine.until(event.UploadAccepted)
        await dial.until(lambda: bool(coordinator.stored))
        assert await engine.outbox.call(Outbox.pending, RUN.run) == ()
        assert len(await engine.outbox.call(Outbox.receipts, RUN.run)) == 1
        assert engine.session.state.totals.credit_micro == 1_000

    engine_test(tmp_path, dial, test)
    return engines[0]


def test_an_update_comes_home_and_its_receipt_is_kept(tmp_path: Path) -> None:
    coordinator = FakeCoordinator(RUN)
    engine = send_one(tmp_path, coordinator, FakeDial(coordinator))
    assert coordinator.accepted == [f"{1:032x}"]
    assert coordinator.stored == {f"{1:032x}"}
    assert coordinator.chunks_received == 7
    state = engine.session.state
    assert state.trust == "trusted"
    assert state.bytes_up > len(PAYLOAD)


def frames_of_one_upload(tmp_path: Path) -> int:
    coordinator = FakeCoordinator(RUN)
    dial = FakeDial(coordinator)
    send_one(tmp_path, coordinator, dial)
    return len(dial.frames)


def test_cut_at_every_frame_of_an_upload_it_is_accepted_once_and_continued(tmp_path: Path) -> None:
    (tmp_path / "uncut").mkdir()
    frames = frames_of_one_upload(tmp_path / "uncut")
    assert frames > 20
    for cut in range(frames - 1):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        coordinator = FakeCoordinator(RUN)
        send_one(folder, coordinator, FakeDial(coordinator, (cut,)))
        assert coordinator.accepted == [f"{1:032x}"], f"cut before frame {cut}"
        assert coordinator.stored == {f"{1:032x}"}
        assert coordinator.chunks_received == 7, "no chunk that had arrived was sent again"
        assert coordinator.sessions == 2


def test_many_cuts_one_after_the_other(tmp_path: Path) -> None:
    coordinator = FakeCoordinator(RUN)
    send_one(tmp_path, coordinator, FakeDial(coordinator, tuple(range(1, 24))))
    assert coordinator.accepted == [f"{1:032x}"]
    assert coordinator.chunks_received == 7


def test_a_finally_refused_update_is_forgotten_and_the_next_one_sent(tmp_path: Path) -> None:
    coordinator = FakeCoordinator(RUN)
    coordinator.refuse[f"{1:032x}"] = "update.not_finite"

    async def test(engine: Engine) -> None:
        for number in (1, 2):
            payload = tmp_path / f"worker-output-{number}"
            payload.write_bytes(PAYLOAD)
            await engine.session.submit(*an_update(number), payload)
        await engine.until(event.UploadAccepted)
        assert len(await engine.outbox.call(Outbox.refusals, RUN.run)) == 1
        assert await engine.outbox.call(Outbox.pending, RUN.run) == ()

    engine_test(tmp_path, FakeDial(coordinator), test)
    assert coordinator.accepted == [f"{2:032x}"]


def test_an_update_refused_for_now_waits_and_blocks_no_other(tmp_path: Path) -> None:
    coordinator = FakeCoordinator(RUN)
    coordinator.busy = 1

    async def test(engine: Engine) -> None:
        for number in (1, 2):
            payload = tmp_path / f"worker-output-{number}"
            payload.write_bytes(PAYLOAD)
            await engine.session.submit(*an_update(number), payload)
        await engine.until(event.UploadAccepted)
        (waiting,) = await engine.outbox.call(Outbox.pending, RUN.run)
        assert waiting.assignment_id == f"{1:032x}"

    engine_test(tmp_path, FakeDial(coordinator), test)
    assert coordinator.accepted == [f"{2:032x}"]


@pytest.mark.parametrize("cut", [None, 5, 7, 9, 11, 14])
def test_a_blob_arrives_whole_over_as_many_sessions_as_it_takes(tmp_path: Path, cut: int | None) -> None:
    coordinator = FakeCoordinator(RUN)
    coordinator.blobs[BLOB.sha256] = PAYLOAD
    dial = FakeDial(coordinator, () if cut is None else (cut,))

    async def test(engine: Engine) -> None:
        await engine.session.fetch_blobs((BLOB, BLOB))
        assert engine.blobs.read(BLOB) == PAYLOAD

    engine_test(tmp_path, dial, test)
    chunks = [each for each in dial.frames if isinstance(each, bytes)]
    assert len(chunks) <= 7 + 4, "at most the chunks under way at the cut come again"


def test_a_blob_that_arrives_wrong_twice_is_an_error(tmp_path: Path) -> None:
    coordinator = FakeCoordinator(RUN)
    coordinator.blobs[BLOB.sha256] = PAYLOAD[:-1] + b"!"

    async def test(engine: Engine) -> None:
        with pytest.raises(IntegrityError, match=r"blob\.hash"):
            await engine.session.fetch_blobs((BLOB,))
        assert not engine.blobs.has(BLOB.sha256)

    engine_test(tmp_path, FakeDial(coordinator), test)


def test_work_is_kept_for_a_restart_and_can_be_given_back(tmp_path: Path) -> None:
    coordinator = FakeCoordinator(RUN)
    coordinator.work.append(coordinator.assignment(1, CONTRIBUTOR, DEVICE))

    async def test(engine: Engine) -> None:
        with pytest.raises(UnavailableError, match=r"session\.not_active"):
            await engine.session.request_work(OFFER, None)
        await engine.until(event.Connected)
        told = await engine.session.request_work(OFFER, None)
        assert isinstance(told, event.WorkReceived)
        assert await engine.outbox.call(Outbox.open_assignments, RUN.run) == (told.signed,)
        await engine.session.release(told.assignment.assignment_id, told.assignment.fence)
        assert await engine.outbox.call(Outbox.open_assignments, RUN.run) == ()
        assert isinstance(await engine.session.request_work(OFFER, None), event.NoWorkReceived)
        versions = await engine.session.get_versions(None)
        assert versions.keyframe == RUN.announcement(1, 0)

    engine_test(tmp_path, FakeDial(coordinator), test)


def test_what_was_seen_is_remembered_and_the_invite_is_used_once(tmp_path: Path) -> None:
    coordinator = FakeCoordinator(RUN)

    async def test(engine: Engine) -> None:
        await engine.until(event.Connected)
        (joined,) = await engine.outbox.call(Outbox.runs)
        assert joined.highest is not None
        assert joined.online_keys == (RUN.signed_online_key,)
        assert joined.invite_secret is None

    engine_test(tmp_path, FakeDial(coordinator), test)


def test_what_the_policy_calls_essential_goes_and_nothing_comes(tmp_path: Path) -> None:
    coordinator = FakeCoordinator(RUN)
    coordinator.blobs[BLOB.sha256] = PAYLOAD

    async def test(engine: Engine) -> None:
        engine.traffic.permit("essential")
        await engine.until(event.Connected)
        fetching = asyncio.create_task(engine.session.fetch_blobs((BLOB,)))
        payload = tmp_path / "worker-output"
        payload.write_bytes(PAYLOAD)
        await engine.session.submit(*an_update(), payload)
        await engine.until(event.UploadAccepted)
        assert not fetching.done()
        assert not any(isinstance(each, str) and '"fetch"' in each for each in dial.frames)
        engine.traffic.permit("allowed")
        await fetching
        assert engine.blobs.has(BLOB.sha256)

    dial = FakeDial(coordinator)
    engine_test(tmp_path, dial, test)


def test_an_inspection_returns_the_manifest_and_leaves_no_trace() -> None:
    coordinator = FakeCoordinator(RUN)
    found = asyncio.run(inspect(RUN.invite(), KEY, tools(FakeDial(coordinator))))
    assert found.manifest.manifest == RUN.manifest
    assert found.online_key == RUN.signed_online_key


def test_an_inspection_through_an_invite_to_another_run_fails() -> None:
    coordinator = FakeCoordinator(RUN)
    honest = RUN.invite()
    wrong = Invite(url=honest.url, run=honest.run, run_key_sha256="ab" * 32, secret=honest.secret)
    with pytest.raises(IntegrityError, match=r"key\.run_key"):
        asyncio.run(inspect(wrong, KEY, tools(FakeDial(coordinator))))


def test_an_update_whose_payload_cannot_be_read_blocks_no_other(tmp_path: Path) -> None:
    coordinator = FakeCoordinator(RUN)

    async def test(engine: Engine) -> None:
        await engine.until(event.Connected)
        for number in (1, 2):
            payload = tmp_path / f"worker-output-{number}"
            payload.write_bytes(PAYLOAD)
            update, signed = an_update(number)
            row = await engine.outbox.call(Outbox.add, update, signed, payload)
            if number == 1:
                (await engine.outbox.call(Outbox.payload, row)).unlink()
        payload = tmp_path / "worker-output-3"
        payload.write_bytes(PAYLOAD)
        await engine.session.submit(*an_update(3), payload)
        await dial.until(lambda: len(coordinator.stored) == 2)
        assert engine.session.state.connection == "connected"

    dial = FakeDial(coordinator)
    engine_test(tmp_path, dial, test)
    assert coordinator.accepted == [f"{2:032x}", f"{3:032x}"]
