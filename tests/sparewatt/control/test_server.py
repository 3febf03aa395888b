import asyncio
import socket
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from sparewatt.control.address import SocketAddress
from sparewatt.control.client import connect
from sparewatt.control.codec import encode
from sparewatt.control.messages import (
    DevicePresets,
    EnergyReply,
    EnergySince,
    InspectInvite,
    JoinRun,
    ListPresets,
    ListSettings,
    ManifestReply,
    PastAssignments,
    PastAssignmentsReply,
    Pause,
    PresetsReply,
    PresetValue,
    PreviewReply,
    PreviewSetting,
    ReceiptsAfter,
    ReceiptsReply,
    Resume,
    SeriesReply,
    SeriesSince,
    SetSetting,
    SettingsReply,
    SettingValue,
    Watch,
)
from sparewatt.control.server import ControlServer
from sparewatt.control.socket_unix import check_peer, listen_at
from sparewatt.errors import ConflictError, InputError, ProtocolError, RefusedError, UnavailableError
from sparewatt.snapshot import SensingSnapshot, Snapshot

EMPTY = Snapshot(
    engine_version="0.1.0",
    pid=1,
    sequence=0,
    taken_unix_s=0,
    started_unix_s=0,
    data_folder="/data",
    phase="running",
    paused_until_unix_s=None,
    settings_revision=0,
    key_store="file",
    isolation="none",
    sensing=SensingSnapshot("off", None),
    devices=(),
    runs=(),
)


@dataclass
class Engine:
    """A handler that remembers what it was told."""

    snapshot: Snapshot = EMPTY
    done: list[str] = field(default_factory=list)

    async def pause(self, until_unix_s: int) -> None:
        self.done.append(f"pause {until_unix_s}")

    async def pause_for_game(self) -> None:
        self.done.append("pause for game")

    async def energy_since(self, request: EnergySince) -> EnergyReply:
        return EnergyReply(request.id, (), (), "EUR", False)

    async def past_assignments(self, request: PastAssignments) -> PastAssignmentsReply:
        return PastAssignmentsReply(request.id, ())

    async def resume(self) -> None:
        raise ZeroDivisionError("a bug")

    async def contribute_now(self, until_unix_s: int) -> None:
        self.done.append(f"contribute now {until_unix_s}")

    async def inspect_invite(self, request: InspectInvite) -> ManifestReply:
        raise InputError("invite.malformed")

    async def join_run(self, invite: str, consent: str) -> None:
        self.done.append(f"join {invite}")

    async def consent_again(self, run: str, consent: str) -> None:
        self.done.append(f"consent again {run} {consent}")

    async def leave_run(self, run: str) -> None:
        self.done.append(f"leave {run}")

    async def list_settings(self, request: ListSettings) -> SettingsReply:
        return SettingsReply(request.id, 3, (SettingValue("run_on_battery", "on", "off", "computer"),))

    async def set_setting(self, revision: int, key: str, value: str) -> None:
        raise ConflictError("settings.revision", seen=revision, current=3)

    async def list_presets(self, request: ListPresets) -> PresetsReply:
        value = PresetValue("quiet", 100, 65, 100, "measured")
        return PresetsReply(reply_to=request.id, devices=(DevicePresets("cpu", (value,)),))

    async def preview_setting(self, request: PreviewSetting) -> PreviewReply:
        return PreviewReply(request.id, ())

    async def discover(self) -> None:
        self.done.append("discover")

    async def receipts_after(self, request: ReceiptsAfter) -> ReceiptsReply:
        return ReceiptsReply(request.id, (), (), "")

    async def series_since(self, request: SeriesSince) -> SeriesReply:
        return SeriesReply(request.id, ((1.0, 2.0),))

    async def shutdown(self) -> None:
        self.done.append("shutdown")


def accept_anybody(connected: socket.socket) -> None:
    """Serve every client."""


@asynccontextmanager
async def serving(
    engine: Engine,
    peer: Callable[[socket.socket], None] = check_peer,
    write_most_s: float = 5.0,
) -> AsyncIterator[tuple[SocketAddress, ControlServer]]:
    with tempfile.TemporaryDirectory(prefix="sw") as folder:  # pytest's own folders are too long for a socket
        address = SocketAddress(Path(folder), "engine.sock")
        server = ControlServer(engine, "0.1.0", write_most_s)
        await server.start(listen_at(address.path, peer))
        try:
            yield address, server
        finally:
            await server.close()


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work(), 20)

    asyncio.run(bounded())


def test_a_client_is_greeted_and_gets_the_snapshot() -> None:
    async def work() -> None:
        async with serving(Engine()) as (address, _), await connect(address) as client:
            assert client.greeting is not None
            assert client.greeting.engine_version == "0.1.0"
            assert await client.snapshot() == EMPTY

    run(work)


def test_commands_reach_the_engine_and_queries_are_answered() -> None:
    async def work() -> None:
        engine = Engine()
        async with serving(engine) as (address, _), await connect(address) as client:
            await client.command(lambda request: Pause(id=request, until_unix_s=9))
            await client.command(lambda request: JoinRun(id=request, invite="i", consent="0" * 64))
            settings = await client.ask(lambda request: ListSettings(id=request), SettingsReply)
            assert settings.revision == 3
        assert engine.done == ["pause 9", "join i"]

    run(work)


def test_an_expected_failure_arrives_as_the_same_error() -> None:
    async def work() -> None:
        async with serving(Engine()) as (address, _), await connect(address) as client:
            with pytest.raises(ConflictError) as caught:
                await client.command(lambda request: SetSetting(id=request, revision=1, key="a", value="b"))
            assert (caught.value.error_id, caught.value.parameters) == (
                "settings.revision",
                {"seen": 1, "current": 3},
            )
            assert await client.snapshot() == EMPTY

    run(work)


def test_a_bug_in_the_engine_is_the_engines_and_ends_the_connection() -> None:
    async def work() -> None:
        async with serving(Engine()) as (address, server), await connect(address) as client:
            with pytest.raises(ProtocolError) as caught:
                await client.command(lambda request: Resume(id=request))
            assert caught.value.error_id == "control.closed"
            with pytest.raises(ZeroDivisionError):
                await server.failed()

    run(work)


def test_a_watch_brings_the_state_now_and_then_only_the_newest() -> None:
    async def work() -> None:
        engine = Engine()
        async with serving(engine) as (address, server), await connect(address) as client:
            watched = client.watch(interval_milliseconds=50)
            assert (await anext(watched)).sequence == 0
            for sequence in range(1, 100):
                engine.snapshot = msgspec.structs.replace(EMPTY, sequence=sequence)
                server.changed()
            assert (await anext(watched)).sequence == 99
            assert isinstance(watched, AsyncGenerator)
            await watched.aclose()

    run(work)


def test_a_client_that_does_not_read_is_closed_and_others_are_served() -> None:
    async def work() -> None:
        # Sixteen of these are more than the kernel and asyncio buffer together.
        engine = Engine(msgspec.structs.replace(EMPTY, data_folder="x" * 300_000))
        async with serving(engine, write_most_s=0.5) as (address, server):
            reader, writer = await asyncio.open_unix_connection(str(address.path), limit=1024)
            for request in range(1, 17):
                writer.write(encode(Watch(id=request)))
            async with await connect(address) as other:
                while server.clients > 1:
                    assert (await other.snapshot()).sequence == 0
            received = 0
            while data := await _read(reader):
                received += len(data)
            assert received < 16 * 300_000
            await _abort(writer)

    run(work)


async def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(1024)
    except ConnectionResetError:
        return b""


def test_another_users_client_is_not_served() -> None:
    def refuse(connected: socket.socket) -> None:
        raise RefusedError("control.peer", user=7)

    async def work() -> None:
        async with serving(Engine(), peer=refuse) as (address, _):
            with pytest.raises(ProtocolError):
                await connect(address)

    run(work)


def test_a_request_that_breaks_the_protocol_ends_the_connection_and_nothing_else() -> None:
    async def work() -> None:
        async with serving(Engine()) as (address, server):
            reader, writer = await asyncio.open_unix_connection(str(address.path))
            writer.write(b"\xff\xff\xff\xff")
            while await _read(reader):
                pass
            async with await connect(address) as client:
                assert await client.snapshot() == EMPTY
            await _abort(writer)
            assert not server._bug.done()

    run(work)


def test_an_engine_that_ends_closes_its_clients() -> None:
    async def work() -> None:
        async with serving(Engine(), peer=accept_anybody) as (address, _):
            client = await connect(address)
        with pytest.raises(ProtocolError):
            await client.snapshot()
        await client.close()

    run(work)


def test_without_an_engine_it_says_so() -> None:
    async def work() -> None:
        with tempfile.TemporaryDirectory(prefix="sw") as folder:
            with pytest.raises(UnavailableError) as caught:
                await connect(SocketAddress(Path(folder) / "none", "s"))
            assert caught.value.error_id == "engine.not_running"
            with pytest.raises(UnavailableError) as caught:
                await connect(SocketAddress(Path(folder), "s"))
            assert caught.value.error_id == "engine.not_running"

    run(work)
