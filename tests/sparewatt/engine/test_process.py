"""A real engine process, steered and asked through its control channel."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sparewatt.control.address import SocketAddress, socket_address
from sparewatt.control.client import ControlClient, connect
from sparewatt.control.messages import (
    ContributeNow,
    EnergyReply,
    EnergySince,
    ListSettings,
    PastAssignments,
    PastAssignmentsReply,
    Pause,
    PauseForGame,
    PreviewReply,
    PreviewSetting,
    SetSetting,
    SettingsReply,
    Shutdown,
)
from sparewatt.errors import InputError, UnavailableError
from sparewatt.host.user import user_number
from sparewatt.settings.intents_store import IntentsStore
from sparewatt.settings.store import SETTINGS_FILE, SettingsStore
from sparewatt.snapshot import Snapshot

pytestmark = pytest.mark.processes
START_SECONDS_MOST = 60.0


def address_of(folder: Path) -> SocketAddress:
    return socket_address(folder / "data", str(folder / "run"), str(folder), user_number())


async def connected(folder: Path) -> ControlClient:
    async with asyncio.timeout(START_SECONDS_MOST):
        while True:
            try:
                return await connect(address_of(folder))
            except UnavailableError:
                await asyncio.sleep(0.05)


async def seen(client: ControlClient, wanted: Callable[[Snapshot], bool]) -> Snapshot:
    async with asyncio.timeout(START_SECONDS_MOST):
        async for snapshot in client.watch(interval_milliseconds=50):
            if wanted(snapshot):
                return snapshot
    raise AssertionError("the engine ended before it said what was waited for")


def with_engine(folder: Path, test: Callable[[Path], Awaitable[None]]) -> None:
    """Runs `test` beside an engine, which is told to stop and has ended when this returns."""
    (folder / "run").mkdir(mode=0o700)
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    arguments = ["--data-folder", str(folder / "data"), "--key-store", "file", "--device", "cpu", "--on-battery"]
    environment = {"XDG_RUNTIME_DIR": str(folder / "run"), "PATH": "/usr/bin:/bin"}
    engine = subprocess.Popen([sys.executable, "-P", "-m", "sparewatt.engine", *arguments], env=environment)

    async def run() -> None:
        await test(folder)
        async with await connected(folder) as client:
            await client.command(lambda number: Shutdown(id=number))

    try:
        asyncio.run(run())
        assert engine.wait(START_SECONDS_MOST) == 0
    finally:
        engine.kill()
        engine.wait()


def test_it_is_steered_asked_and_keeps_what_the_person_said(tmp_path: Path) -> None:
    async def test(folder: Path) -> None:
        async with await connected(folder) as client:
            await seen(client, lambda snapshot: bool(snapshot.devices) and snapshot.energy is not None)
        async with await connected(folder) as client:
            await steer(client)
            await ask(client)

    with_engine(tmp_path, test)
    assert IntentsStore(tmp_path / "data").intents.paused_until_unix_s == 0
    assert SettingsStore(tmp_path / "data").settings.texts == {"hours": "mo 1:00-2:00", "when_to_run": "always"}


async def steer(client: ControlClient) -> None:
    await client.command(lambda number: ContributeNow(id=number, until_unix_s=2**33))
    assert (await client.snapshot()).contribute_until_unix_s == 2**33
    with pytest.raises(InputError, match="pause.no_game"):
        await client.command(lambda number: PauseForGame(id=number))
    await client.command(lambda number: Pause(id=number, until_unix_s=0))
    paused = await client.snapshot()
    assert (paused.paused_until_unix_s, paused.contribute_until_unix_s) == (0, None)
    await change(client, "hours", "mo 1:00-2:00")
    await change(client, "when_to_run", "always")
    assert "hours_ignored" in [each.conflict for each in (await client.snapshot()).conflicts]


async def change(client: ControlClient, key: str, value: str) -> None:
    revision = (await client.snapshot()).settings_revision
    await client.command(lambda number: SetSetting(id=number, revision=revision, key=key, value=value))


async def ask(client: ControlClient) -> None:
    settings = await client.ask(lambda number: ListSettings(id=number), SettingsReply)
    values = {each.key: each.value for each in settings.settings}
    assert (values["when_to_run"], values["device_use@cpu"]) == ("always", "rules")
    preview = await client.ask(
        lambda number: PreviewSetting(id=number, key="device_use@cpu", value="never"), PreviewReply
    )
    (cpu,) = preview.devices
    assert [reason.rule for reason in cpu.decision.reasons][:2] == ["paused", "device_off"]
    assert "devices_off" in [each.conflict for each in preview.conflicts]
    energy = await client.ask(lambda number: EnergySince(id=number, period="month", count=2), EnergyReply)
    assert (energy.energy, energy.priced) == ((), False)
    past = await client.ask(lambda number: PastAssignments(id=number, before_unix_s=2**33), PastAssignmentsReply)
    assert past.assignments == ()


def test_settings_that_were_damaged_are_told_and_do_not_keep_it_from_starting(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    values = {"hours": "sometimes", "run_on_battery": "on"}
    (tmp_path / "data" / SETTINGS_FILE).write_text(json.dumps({"schema": 1, "revision": 3, "values": values}))

    async def test(folder: Path) -> None:
        async with await connected(folder) as client:
            told = (await client.snapshot()).settings_error
        assert told is not None
        assert (told.error_id, told.parameters["keys"]) == ("settings.dropped", "hours")

    with_engine(tmp_path, test)


def test_settings_of_a_newer_version_stop_all_work_in_words_and_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    newer = '{"schema": 2, "revision": 9, "values": {"power_cap_of_all_cards": "80"}}'
    (tmp_path / "data" / SETTINGS_FILE).write_text(newer)

    async def test(folder: Path) -> None:
        async with await connected(folder) as client:
            await client.command(lambda number: ContributeNow(id=number, until_unix_s=2**33))
            held = await seen(client, lambda snapshot: any(each.decision for each in snapshot.devices))
            assert held.settings_error is not None
            assert held.settings_error.error_id == "settings.newer"
            [device] = held.devices
            assert device.decision is not None
            assert device.decision.compute == "stop"
            assert device.decision.reasons[0].rule == "settings_unknown"
            with pytest.raises(InputError, match=r"settings\.newer"):
                await client.command(
                    lambda number: SetSetting(
                        id=number, revision=held.settings_revision, key="run_on_battery", value="on"
                    )
                )

    with_engine(tmp_path, test)
    assert (tmp_path / "data" / SETTINGS_FILE).read_text() == newer
