import asyncio
import sqlite3
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from sparewatt.errors import StorageError
from sparewatt.history import store as module
from sparewatt.history.rows import EnergyRow, PastAssignment, TrafficRow
from sparewatt.history.store import DATABASE, DAYS_KEPT, HistoryStore, open_history
from sparewatt.history.thread import open_in_thread

TODAY = date(2026, 11, 24)
ROW = EnergyRow("2026-11-24", "cpu", "run", 10, 5, 3, 2, 7, 4, 100)
PAST = PastAssignment("a" * 32, "run", "cpu", 100, 200, 512, 10, estimated=True, measured=False)


def add(store: HistoryStore, *rows: EnergyRow) -> None:
    store.add(rows, (), (), TODAY)


def test_what_was_added_is_summed_by_day_device_and_run_and_survives(tmp_path: Path) -> None:
    store = open_history(tmp_path / "data")
    add(store, ROW)
    add(store, ROW, msgspec.structs.replace(ROW, device="cuda:GPU-1"))
    store.close()
    again = open_history(tmp_path / "data")
    doubled = EnergyRow("2026-11-24", "cpu", "run", 20, 10, 6, 4, 14, 8, 200)
    assert again.energy(TODAY, "day") == (doubled, msgspec.structs.replace(ROW, device="cuda:GPU-1"))
    again.close()
    assert (tmp_path / "data" / DATABASE).stat().st_mode & 0o077 == 0


def test_weeks_and_months_are_sums_of_days(tmp_path: Path) -> None:
    store = open_history(tmp_path)
    for begins in ("2026-10-31", "2026-11-01", "2026-11-22", "2026-11-23", "2026-11-24"):
        store.add([msgspec.structs.replace(ROW, begins=begins)], [TrafficRow(begins, 1, 2)], (), TODAY)
    months = store.energy(date(2026, 10, 1), "month")
    assert [(row.begins, row.tokens) for row in months] == [("2026-10-01", 100), ("2026-11-01", 400)]
    weeks = store.traffic(date(2026, 11, 16), "week")
    assert weeks == (TrafficRow("2026-11-16", 1, 2), TrafficRow("2026-11-23", 2, 4))
    store.close()


def test_days_beyond_two_years_are_forgotten(tmp_path: Path) -> None:
    store = open_history(tmp_path)
    old = (TODAY - timedelta(days=DAYS_KEPT + 1)).isoformat()
    store.add([msgspec.structs.replace(ROW, begins=old)], [TrafficRow(old, 1, 1)], (), TODAY)
    assert store.energy(date(2000, 1, 1), "day") == ()
    assert store.traffic(date(2000, 1, 1), "day") == ()
    store.close()


def test_past_assignments_come_newest_first_and_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASSIGNMENTS_KEPT", 3)
    store = open_history(tmp_path)
    past = [msgspec.structs.replace(PAST, assignment_id=f"{end:032x}", ended_unix_s=end) for end in range(200, 205)]
    store.add((), (), past, TODAY)
    assert store.assignments(10_000, 10) == tuple(reversed(past[2:]))
    assert store.assignments(204, 1) == (past[3],)
    store.close()


def test_an_addition_that_fails_changes_nothing(tmp_path: Path) -> None:
    store = open_history(tmp_path)
    with pytest.raises(sqlite3.IntegrityError):
        add(store, ROW, msgspec.structs.replace(ROW, device=None))
    assert store.energy(TODAY, "day") == ()
    add(store, ROW)
    assert store.energy(TODAY, "day") == (ROW,)
    store.close()


def test_a_damaged_account_is_kept_aside_and_begun_anew(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database at all" * 100)
    store = open_history(tmp_path)
    add(store, ROW)
    assert (tmp_path / f"{DATABASE}.damaged").read_bytes().startswith(b"no database")
    store.close()


def test_an_account_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    open_history(tmp_path).close()
    connection = sqlite3.connect(tmp_path / DATABASE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StorageError) as caught:
        open_history(tmp_path)
    assert caught.value.error_id == "storage.newer"


def test_an_event_loop_reaches_it_through_one_thread(tmp_path: Path) -> None:
    async def use() -> tuple[EnergyRow, ...]:
        history = await open_in_thread(tmp_path)
        await history.call(HistoryStore.add, (ROW,), (), (), TODAY)
        found = await history.call(HistoryStore.energy, TODAY, "day")
        await history.close()
        return found

    assert asyncio.run(use()) == (ROW,)


def test_an_account_of_the_format_before_counts_what_was_sent_as_written(tmp_path: Path) -> None:
    open_history(tmp_path).close()
    database = sqlite3.connect(tmp_path / DATABASE)
    database.executescript(
        "ALTER TABLE traffic DROP COLUMN bytes_written; INSERT INTO traffic VALUES ('2026-11-23', 3, 4);"
        "PRAGMA user_version = 1;"
    )
    database.close()
    for expected in (TrafficRow("2026-11-23", 3, 4, 3), TrafficRow("2026-11-23", 4, 6, 6)):
        store = open_history(tmp_path)
        assert store.traffic(TODAY - timedelta(days=30), "day") == (expected,)
        store.add((), [TrafficRow("2026-11-23", 1, 2, 3)], (), TODAY)
        store.close()
