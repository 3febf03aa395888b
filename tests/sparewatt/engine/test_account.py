"""What devices take and give, counted by looks at samples."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sparewatt.engine.account import KEPT_AT_ONCE_BYTES, Account, Doing, Rates
from sparewatt.errors import SparewattError, StorageError
from sparewatt.history.rows import EnergyRow, TrafficRow
from sparewatt.history.store import HistoryStore
from sparewatt.history.thread import HistoryThread, open_in_thread
from sparewatt.host.sample import Sample
from sparewatt.testing.clock import ManualClock

CARD = "cuda:GPU-1"
RATES = Rates(price_ct_per_kwh=36, carbon_grams_per_kwh=500)
EVENING = datetime(2026, 11, 30, 22, 0, tzinfo=UTC).timestamp()
JOULES_A_LOOK = 3_600


def doing(tokens: int = 0, assignment: str | None = "a" * 32, *, busy: bool = True) -> Doing:
    return Doing(CARD, "run", busy=busy, assignment_id=assignment, tokens=tokens)


class Bench:
    """An account whose device draws 1,800 W by an energy counter, looked at every two seconds."""

    def __init__(self, folder: Path, unix_s: float = EVENING) -> None:
        self.clock = ManualClock(unix_s)
        self.folder = folder
        self.broken: StorageError | None = None
        self.account = self.opened()

    def opened(self) -> Account:
        return Account(self._open, self.clock, UTC)

    async def _open(self) -> HistoryThread:
        if self.broken is not None:
            raise self.broken
        return await open_in_thread(self.folder)

    def look(self, what: Doing) -> None:
        self.clock.advance(2)
        sample = Sample(CARD, self.clock.now, energy_millijoules=int(self.clock.now / 2) * JOULES_A_LOOK * 1000)
        self.account.look([what], {CARD: sample}, RATES)

    def restart(self) -> None:
        self.account = self.opened()


def within(bench: Bench, work: Callable[[Account], Awaitable[None]]) -> None:
    async def run() -> None:
        await bench.account.write()
        await work(bench.account)
        await bench.account.close()

    asyncio.run(run())


def test_a_working_devices_energy_cost_and_tokens_are_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def work(account: Account) -> None:
        for _ in range(11):
            bench.look(doing())
        bench.look(doing(tokens=500, assignment=None))
        energy = account.snapshot("EUR", priced=True)
        assert energy is not None
        assert energy.watt_hours_today == energy.watt_hours_month == pytest.approx(11.0)
        assert energy.cost_micro_month == 3_960
        assert (energy.carbon_grams_month, energy.tokens_month, energy.estimated) == (pytest.approx(5.5), 500, False)
        (past,) = await account.past_assignments(10**10, 5)
        assert (past.tokens, past.millijoules, past.measured) == (500, 11 * JOULES_A_LOOK * 1000, True)

    within(bench, work)
    bench.restart()

    async def later(account: Account) -> None:
        rows, _ = await account.since("month", 1)
        assert rows == (EnergyRow("2026-11-01", CARD, "run", 39_600_000, 0, 22_000, 0, 3_960, 5_500, 500),)
        assert account.spent is not None
        assert (account.spent.energy_watt_hours, account.spent.cost_micro) == (11, 3_960)

    within(bench, later)


def test_what_is_not_written_yet_is_told_with_what_is(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def work(account: Account) -> None:
        for _ in range(3):
            bench.look(doing())
        await account.write()
        for _ in range(2):
            bench.look(doing())
        account.transferred("run", 10, 20)
        rows, traffic = await account.since("day", 2)
        assert [row.busy_milliseconds for row in rows] == [8_000]
        assert traffic == (TrafficRow("2026-11-30", 10, 20),)

    within(bench, work)


def test_a_device_that_rests_costs_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def work(account: Account) -> None:
        for _ in range(5):
            bench.look(doing(busy=False, assignment=None))
        bench.look(doing())  # what lies before the first busy look is not the run's
        assert await account.since("day", 1) == ((), ())

    within(bench, work)


def test_an_assignment_given_back_untouched_leaves_no_trace(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def work(account: Account) -> None:
        bench.look(doing(busy=False))
        bench.look(doing(busy=False, assignment=None))
        assert await account.past_assignments(10**10, 5) == ()

    within(bench, work)


def test_only_what_is_new_of_a_runs_bytes_is_counted_also_after_it_was_joined_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def work(account: Account) -> None:
        for up, down in ((5, 10), (5, 10), (7, 10), (2, 1)):
            account.transferred("run", up, down)
        assert account.spent is not None
        assert (account.spent.network_bytes, account.spent.disk_bytes) == (20, 11)

    within(bench, work)


def test_budgets_begin_anew_with_the_month_and_disk_writes_with_the_day(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def work(account: Account) -> None:
        bench.look(doing())
        bench.look(doing())
        account.transferred("run", 5, 5)
        bench.clock.advance(3 * 3600)  # past midnight, and into December
        account.transferred("run", 6, 6)
        assert account.spent is not None
        assert (account.spent.energy_watt_hours, account.spent.network_bytes, account.spent.disk_bytes) == (0, 2, 1)
        rows, _ = await account.since("month", 2)
        assert [row.begins for row in rows] == ["2026-11-01"]

    within(bench, work)


def test_what_is_written_besides_counts_as_written_and_is_kept_across_restarts(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def work(account: Account) -> None:
        account.transferred("run", 5, 10)
        account.wrote(1_000)
        assert account.spent is not None
        assert (account.spent.network_bytes, account.spent.disk_bytes) == (15, 1_010)

    within(bench, work)
    bench.restart()

    async def later(account: Account) -> None:
        account.wrote(1)
        assert account.spent is not None
        assert account.spent.disk_bytes == 1_011
        _, traffic = await account.since("day", 1)
        assert traffic == (TrafficRow("2026-11-30", 5, 10, 1_001),)

    within(bench, later)


def test_a_checkpoint_is_in_the_account_before_anything_can_happen_to_the_engine(tmp_path: Path) -> None:
    """Nobody waits for the minute: what is large is kept while the account serves."""
    bench = Bench(tmp_path)

    async def work() -> None:
        serving = asyncio.create_task(bench.account.serve())
        while bench.account.spent is None:
            await asyncio.sleep(0.001)
        bench.account.wrote(KEPT_AT_ONCE_BYTES)
        reader = await open_in_thread(tmp_path)
        async with asyncio.timeout(30):
            while await reader.call(HistoryStore.traffic, datetime.fromtimestamp(EVENING, UTC).date(), "day") == ():
                await asyncio.sleep(0.01)
        await reader.close()
        bench.account.stop()
        await serving

    asyncio.run(work())


def test_without_a_place_to_keep_it_nothing_is_known_and_nothing_is_lost(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.broken = StorageError("storage.unusable", folder="data", code=14)

    async def work(account: Account) -> None:
        bench.look(doing())
        bench.look(doing())
        assert account.spent is None
        assert account.error is bench.broken
        with pytest.raises(StorageError):
            await account.since("day", 1)
        bench.broken = None
        await account.write()
        assert account.error is None
        assert account.spent is not None
        assert account.spent.energy_watt_hours == 1

    within(bench, work)


def test_stopped_while_it_opens_it_still_keeps_what_was_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    async def run() -> None:
        serving = asyncio.create_task(bench.account.serve())
        await asyncio.sleep(0)  # it has begun to open the database
        bench.look(doing())
        bench.look(doing())
        bench.account.stop()
        await serving

    asyncio.run(run())
    bench.restart()

    async def later(account: Account) -> None:
        rows, _ = await account.since("day", 1)
        assert [row.millijoules for row in rows] == [JOULES_A_LOOK * 1000]

    within(bench, later)


class FullDisk(HistoryStore):
    """A store on a disk without space."""

    def add(self, *_: object) -> None:
        raise StorageError("storage.full", folder="data")


def test_a_full_disk_costs_nothing_that_was_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path)

    async def work(account: Account) -> None:
        bench.look(doing())
        bench.look(doing())
        with monkeypatch.context() as full:
            full.setattr(HistoryStore, "add", FullDisk.add)
            await account.write()
            assert isinstance(account.error, SparewattError)
        bench.look(doing())
        await account.write()
        rows, _ = await account.since("day", 1)
        assert [row.millijoules for row in rows] == [2 * JOULES_A_LOOK * 1000]

    within(bench, work)
