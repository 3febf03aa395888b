import asyncio
from collections.abc import Coroutine
from types import MappingProxyType

from sparewatt.engine.logon_desk import LogonDesk
from sparewatt.errors import StorageError
from sparewatt.host.logon import LogonEntry
from sparewatt.settings import schema
from sparewatt.settings.values import Settings
from sparewatt.testing.logon import FakeLogonEntry


def chosen(choice: str) -> Settings:
    return Settings(revision=1, texts=MappingProxyType({schema.START_AT_LOGON.key: choice}))


def settled(entry: LogonEntry | None, *choices: str) -> LogonDesk:
    """The desk after the loop has come by twice for each choice."""

    async def work() -> LogonDesk:
        tasks: set[asyncio.Task[None]] = set()

        def spawn(work: Coroutine[object, object, None]) -> None:
            tasks.add(asyncio.create_task(work))

        desk = LogonDesk(entry, spawn, lambda: None)
        for choice in choices:
            desk.step(chosen(choice))
            desk.step(chosen(choice))
            await asyncio.gather(*tasks)
        return desk

    return asyncio.run(work())


def test_the_setting_is_applied_at_the_start_and_after_each_change() -> None:
    entry = FakeLogonEntry("stale")
    settled(entry, "engine")
    assert entry.state == "engine"
    settled(entry, "engine", "tray", "off")
    assert entry.state == "off"


def test_nothing_is_written_where_nothing_differs() -> None:
    entry = FakeLogonEntry("tray")
    settled(entry, "tray", "tray")
    assert entry.writes == 0


def test_a_failure_is_kept_for_the_screen_and_gone_after_the_next_success() -> None:
    entry = FakeLogonEntry()
    entry.failure = StorageError("logon.entry", place="here", reason="full")
    assert settled(entry, "tray").error is entry.failure

    entry = FakeLogonEntry("foreign")
    desk = settled(entry, "tray", "off")
    assert (desk.error, entry.state) == (None, "foreign")


def test_an_engine_that_must_leave_no_trace_has_no_entry() -> None:
    assert settled(None, "engine").error is None


def test_a_choice_that_is_not_known_changes_nothing() -> None:
    entry = FakeLogonEntry("tray")
    desk = LogonDesk(entry, lambda _: None, lambda: None)
    desk.step(Settings(unknown=True))
    assert (entry.state, entry.writes) == ("tray", 0)
