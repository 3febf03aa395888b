"""Counts what the devices take and give while the engine runs, and keeps it in the history once a minute."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from typing import Final

from sparewatt.clock import Clock
from sparewatt.errors import SparewattError, UnavailableError
from sparewatt.history.calendar import day_of, period_begin, periods_back
from sparewatt.history.meter import measured
from sparewatt.history.rows import EnergyRow, PastAssignment, Period, TrafficRow
from sparewatt.history.store import HistoryStore
from sparewatt.history.sums import NOTHING, Sums, merged, spent, sums_of, taken
from sparewatt.history.thread import HistoryThread
from sparewatt.host.sample import Sample
from sparewatt.policy import Spent
from sparewatt.snapshot import EnergySnapshot

WRITE_SECONDS: Final = 60.0
# What is kept in memory while the disk takes nothing: an hour of the shortest assignments.
ENDED_MOST: Final = 1_000
KEPT_AT_ONCE_BYTES: Final = 100_000_000

# Sent, received, written to the disk besides.
Bytes = tuple[int, int, int]
NO_BYTES: Final[Bytes] = (0, 0, 0)

log = logging.getLogger("sparewatt.engine")


@dataclass(frozen=True)
class Doing:
    """What a device does at a look.

    Attributes:
        busy: whether its worker lives, so that what it draws is for a run.
        tokens: trained in all; grows as an assignment is finished.
    """

    device: str
    run: str
    busy: bool
    assignment_id: str | None
    tokens: int


@dataclass(frozen=True)
class Rates:
    """What energy costs now, and stands for."""

    price_ct_per_kwh: int | None
    carbon_grams_per_kwh: int


@dataclass(frozen=True)
class _Open:
    """An assignment on its way, with `tokens` as they were when it was first seen."""

    assignment_id: str
    run: str
    began_unix_s: int
    tokens: int
    sums: Sums = NOTHING


@dataclass(frozen=True)
class _Totals:
    """Of the day and month that `day` is in."""

    day: date
    today: Sums = NOTHING
    month: Sums = NOTHING
    disk_today: int = 0
    network_month: int = 0


class Account:
    """Looks at devices as often as the engine does; its own task writes.

    Args:
        open_history: opens the store; raises StorageError.
        zone: of the calendar; None for the computer's own.

    Attributes:
        error: why the history cannot be read or written now.
    """

    def __init__(
        self, open_history: Callable[[], Awaitable[HistoryThread]], clock: Clock, zone: tzinfo | None = None
    ) -> None:
        self.error: SparewattError | None = None
        self._open_history = open_history
        self._clock = clock
        self._zone = zone
        self._history: HistoryThread | None = None
        self._read = False
        self._totals = _Totals(self._day())
        self._energy: dict[tuple[date, str, str], Sums] = {}
        self._traffic: dict[date, Bytes] = {}
        self._ended: list[PastAssignment] = []
        self._samples: dict[str, Sample] = {}
        self._tokens: dict[str, int] = {}
        self._bytes: dict[str, tuple[int, int]] = {}
        self._open: dict[str, _Open] = {}
        # Between taking what is unwritten and having it in the database, nobody may add the two up.
        self._moving = asyncio.Lock()
        self._due = asyncio.Event()
        self._stopping = False

    # What the engine says

    def look(self, doings: Sequence[Doing], samples: Mapping[str, Sample], rates: Rates) -> None:
        """Count what happened since the last look."""
        self._turn_page()
        for doing in doings:
            sums = self._taken(doing, samples.get(doing.device), rates)
            trained = doing.tokens - self._tokens.get(doing.device, 0)
            self._tokens[doing.device] = doing.tokens
            self._note(doing, replace(sums, tokens=trained))
            self._follow(doing, sums)

    def transferred(self, run: str, bytes_up: int, bytes_down: int) -> None:
        """The bytes of a run since this engine started; what is new of them is counted."""
        self._turn_page()
        before = self._bytes.get(run, (0, 0))
        self._bytes[run] = (bytes_up, bytes_down)
        # A run that was left and joined again begins at 0.
        up, down = (now - old if now >= old else now for now, old in zip((bytes_up, bytes_down), before, strict=True))
        if up or down:
            self._count(up, down, 0)

    def wrote(self, size: int) -> None:
        """`size` bytes of results, checkpoints or residuals were written to the disk.

        What is large is kept at once: an engine that is killed after it must not find the day's limit unused.
        """
        self._turn_page()
        self._count(0, 0, size)
        if size >= KEPT_AT_ONCE_BYTES:
            self._due.set()

    def _count(self, up: int, down: int, written: int) -> None:
        totals = self._totals
        self._traffic[totals.day] = _plus(self._traffic.get(totals.day, NO_BYTES), (up, down, written))
        self._totals = replace(
            totals,
            # Everything that is received is written once.
            disk_today=totals.disk_today + down + written,
            network_month=totals.network_month + up + down,
        )

    # What others ask

    @property
    def spent(self) -> Spent | None:
        """For the budgets; None until what was kept has been read."""
        totals = self._totals
        return spent(totals.month, totals.network_month, totals.disk_today, totals.day) if self._read else None

    def snapshot(self, currency: str, *, priced: bool) -> EnergySnapshot | None:
        """None until what was kept has been read."""
        if not self._read:
            return None
        today, month = self._totals.today, self._totals.month
        return EnergySnapshot(
            watt_hours_today=today.millijoules / 3_600_000,
            watt_hours_month=month.millijoules / 3_600_000,
            cost_micro_today=round(today.cost_micro) if priced else None,
            cost_micro_month=round(month.cost_micro) if priced else None,
            currency=currency,
            carbon_grams_month=month.carbon_milligrams / 1000,
            tokens_month=month.tokens,
            estimated=month.estimated_millijoules > 0,
            unmeasured_s_month=month.unmeasured_milliseconds / 1000,
            network_bytes_month=self._totals.network_month,
            disk_bytes_today=self._totals.disk_today,
        )

    async def since(self, period: Period, count: int) -> tuple[tuple[EnergyRow, ...], tuple[TrafficRow, ...]]:
        """The last `count` periods, the present one with what is not written yet.

        Raises:
            SparewattError: why the history cannot be read.
        """
        history = self._opened()
        first = periods_back(self._day(), period, count)
        async with self._moving:
            energy = await history.call(HistoryStore.energy, first, period)
            traffic = await history.call(HistoryStore.traffic, first, period)
        return merged(energy, self._energy_rows(), period), _merged_traffic(traffic, self._traffic_rows(), period)

    async def past_assignments(self, before_unix_s: int, limit: int) -> tuple[PastAssignment, ...]:
        """The newest that ended before a moment, newest first; raises as `since`."""
        history = self._opened()
        async with self._moving:
            kept = await history.call(HistoryStore.assignments, before_unix_s, limit)
        known = {each.assignment_id for each in kept}
        unwritten = [
            each for each in self._ended if each.ended_unix_s < before_unix_s and each.assignment_id not in known
        ]
        return tuple(sorted((*unwritten, *kept), key=lambda each: each.ended_unix_s, reverse=True)[:limit])

    # Its own task

    async def serve(self) -> None:
        """Read what was kept, then write once a minute, until `stop`; returns when the rest is written. A second one
        may not begin to open the database before the first has ended, so this is stopped, not cancelled."""
        while not self._stopping:
            self._due.clear()
            await self.write()
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._due.wait()
            except TimeoutError:
                pass
        await self.close()

    def stop(self) -> None:
        """Let `serve` write what is left, and return."""
        self._stopping = True
        self._due.set()

    async def close(self) -> None:
        """Write what is left; an account that cannot be written is lost with its last minutes."""
        await self.write()
        if self._history is not None:
            await self._history.close()
            self._history = None

    async def write(self) -> None:
        """Open, read and write as far as that is due; a failure shows in `error` and is tried again the next time."""
        try:
            if self._history is None:
                self._history = await self._open_history()
            if not self._read:
                await self._read_totals(self._history)
            async with self._moving:
                await self._write_out(self._history)
        except SparewattError as error:
            log.warning("the account of energy cannot be kept now: %s", error)
            self.error = error
        else:
            self.error = None

    async def _read_totals(self, history: HistoryThread) -> None:
        day = self._day()
        month = await history.call(HistoryStore.energy, period_begin(day, "month"), "month")
        today = await history.call(HistoryStore.energy, day, "day")
        bytes_month = await history.call(HistoryStore.traffic, period_begin(day, "month"), "month")
        bytes_today = await history.call(HistoryStore.traffic, day, "day")
        counted = self._totals
        self._totals = _Totals(
            day,
            counted.today.plus(sums_of(today)),
            counted.month.plus(sums_of(month)),
            counted.disk_today + sum(row.bytes_down + row.bytes_written for row in bytes_today),
            counted.network_month + sum(row.bytes_up + row.bytes_down for row in bytes_month),
        )
        self._read = True

    async def _write_out(self, history: HistoryThread) -> None:
        energy, traffic, ended = self._energy, self._traffic, self._ended
        if not energy and not traffic and not ended:
            return
        rows, traffic_rows = self._energy_rows(), self._traffic_rows()
        self._energy, self._traffic, self._ended = {}, {}, []
        try:
            await history.call(HistoryStore.add, rows, traffic_rows, tuple(ended), self._day())
        except SparewattError:
            self._take_back(energy, traffic, ended)
            raise

    def _take_back(
        self,
        energy: Mapping[tuple[date, str, str], Sums],
        traffic: Mapping[date, Bytes],
        ended: Sequence[PastAssignment],
    ) -> None:
        for key, sums in energy.items():
            self._energy[key] = sums.plus(self._energy.get(key, NOTHING))
        for day, moved in traffic.items():
            self._traffic[day] = _plus(moved, self._traffic.get(day, NO_BYTES))
        self._ended = [*ended, *self._ended][-ENDED_MOST:]

    # Small parts

    def _day(self) -> date:
        return day_of(self._clock.unix(), self._zone)

    def _turn_page(self) -> None:
        """Sums begin anew with the day and the month."""
        day, totals = self._day(), self._totals
        if day == totals.day:
            return
        same_month = period_begin(day, "month") == period_begin(totals.day, "month")
        self._totals = replace(totals, day=day, today=NOTHING, disk_today=0) if same_month else _Totals(day)

    def _taken(self, doing: Doing, sample: Sample | None, rates: Rates) -> Sums:
        before = self._samples.pop(doing.device, None)
        if not doing.busy:
            return NOTHING
        newest = sample if sample is not None else before
        if newest is not None:
            self._samples[doing.device] = newest
        found = None if before is None or sample is None else measured(before, sample)
        return NOTHING if found is None else taken(found, rates.price_ct_per_kwh, rates.carbon_grams_per_kwh)

    def _note(self, doing: Doing, sums: Sums) -> None:
        if sums == NOTHING:
            return
        totals, key = self._totals, (self._totals.day, doing.device, doing.run)
        self._energy[key] = self._energy.get(key, NOTHING).plus(sums)
        self._totals = replace(totals, today=totals.today.plus(sums), month=totals.month.plus(sums))

    def _follow(self, doing: Doing, sums: Sums) -> None:
        opened = self._open.get(doing.device)
        if opened is not None and opened.assignment_id == doing.assignment_id:
            self._open[doing.device] = replace(opened, sums=opened.sums.plus(sums))
            return
        if opened is not None:
            self._end(doing, replace(opened, sums=opened.sums.plus(sums)))
            del self._open[doing.device]
        if doing.assignment_id is not None:
            now = round(self._clock.unix())
            self._open[doing.device] = _Open(doing.assignment_id, doing.run, now, doing.tokens)

    def _end(self, doing: Doing, opened: _Open) -> None:
        tokens = doing.tokens - opened.tokens
        if not tokens and not opened.sums.busy_milliseconds:
            return  # it was given back before anything was done for it
        self._ended.append(
            PastAssignment(
                assignment_id=opened.assignment_id,
                run=opened.run,
                device=doing.device,
                began_unix_s=opened.began_unix_s,
                ended_unix_s=round(self._clock.unix()),
                tokens=tokens,
                millijoules=round(opened.sums.millijoules),
                estimated=opened.sums.estimated_millijoules > 0,
                measured=opened.sums.busy_milliseconds > 0 and opened.sums.unmeasured_milliseconds == 0,
            )
        )
        del self._ended[:-ENDED_MOST]

    def _opened(self) -> HistoryThread:
        if self._history is None:
            raise self.error or UnavailableError("history.opening")
        return self._history

    def _energy_rows(self) -> tuple[EnergyRow, ...]:
        return tuple(sums.row(*key) for key, sums in self._energy.items())

    def _traffic_rows(self) -> tuple[TrafficRow, ...]:
        return tuple(TrafficRow(day.isoformat(), *moved) for day, moved in self._traffic.items())


def _plus(one: Bytes, other: Bytes) -> Bytes:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _merged_traffic(kept: Sequence[TrafficRow], more: Sequence[TrafficRow], period: Period) -> tuple[TrafficRow, ...]:
    sums = {row.begins: (row.bytes_up, row.bytes_down, row.bytes_written) for row in kept}
    for row in more:
        begins = period_begin(date.fromisoformat(row.begins), period).isoformat()
        sums[begins] = _plus(sums.get(begins, NO_BYTES), (row.bytes_up, row.bytes_down, row.bytes_written))
    return tuple(TrafficRow(begins, *moved) for begins, moved in sorted(sums.items()))
