"""Transfers wait for the policy and for the person's limits, and go on when both say so."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sparewatt.clock import SystemClock
from sparewatt.session.traffic import Limits, Traffic, Transfers
from sparewatt.testing.clock import ManualClock


async def stands(waiting: "asyncio.Task[None]") -> bool:
    """Whether it still waits after everything that could go on did."""
    for _ in range(5):
        await asyncio.sleep(0)
    return not waiting.done()


@pytest.mark.parametrize(
    ("transfers", "down", "up"), [("allowed", True, True), ("essential", False, True), ("none", False, False)]
)
def test_the_policy_says_what_may_move(transfers: Transfers, down: bool, up: bool) -> None:
    async def run() -> None:
        traffic = Traffic(SystemClock(), Limits, transfers)
        assert traffic.may_download is down
        for wait, passes in ((traffic.until_download, down), (traffic.until_upload, up)):
            waiting = asyncio.ensure_future(_task(wait))
            assert await stands(waiting) is not passes
            waiting.cancel()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("transfers", "limit", "freely"),
    [("allowed", 0, True), ("allowed", 1_000_000_000, False), ("essential", 0, False), ("none", 0, False)],
)
def test_a_download_goes_freely_where_nothing_could_hold_it_back(
    transfers: Transfers, limit: int, freely: bool
) -> None:
    async def run() -> None:
        traffic = Traffic(SystemClock(), lambda: Limits(down_bytes_per_s=limit), transfers)
        assert traffic.downloads_freely is freely

    asyncio.run(run())


def test_what_waits_goes_on_when_the_policy_changes_its_mind() -> None:
    async def run() -> None:
        traffic = Traffic(SystemClock(), Limits, "none")
        down, up = (
            asyncio.ensure_future(_task(traffic.until_download)),
            asyncio.ensure_future(_task(traffic.until_upload)),
        )
        assert await stands(down)
        traffic.permit("essential")
        assert not await stands(up)
        assert await stands(down)
        traffic.permit("allowed")
        assert not await stands(down)

    asyncio.run(run())


def test_a_download_that_is_under_way_stops_at_the_next_chunk() -> None:
    async def run() -> None:
        traffic = Traffic(SystemClock(), Limits, "allowed")
        await traffic.downloaded(262_144)
        traffic.permit("essential")
        chunk = asyncio.ensure_future(traffic.downloaded(262_144))
        assert await stands(chunk)
        traffic.permit("allowed")
        assert not await stands(chunk)

    asyncio.run(run())


def test_chunks_of_all_runs_share_one_limit_each_way() -> None:
    async def run() -> None:
        clock = ManualClock()
        traffic = Traffic(clock, lambda: Limits(up_bytes_per_s=1_000, down_bytes_per_s=2_000), "allowed")
        first, second = (
            asyncio.ensure_future(traffic.downloaded(4_000)),
            asyncio.ensure_future(traffic.downloaded(2_000)),
        )
        assert await stands(first)
        assert await stands(second)
        await traffic.upload(1_000)
        clock.advance(10.0)
        traffic.permit("essential")
        traffic.permit("allowed")
        assert not await stands(first)
        assert not await stands(second)

    asyncio.run(run())


def test_a_limit_that_is_taken_away_counts_at_once_for_what_comes_next() -> None:
    async def run() -> None:
        limits = [Limits(up_bytes_per_s=1)]
        traffic = Traffic(ManualClock(), lambda: limits[0], "allowed")
        await traffic.upload(262_144)
        waiting = asyncio.ensure_future(_task(traffic.until_upload))
        assert await stands(waiting)
        limits[0] = Limits()
        await traffic.until_upload()
        traffic.permit("essential")
        assert not await stands(waiting)

    asyncio.run(run())


async def _task(wait: Callable[[], Awaitable[None]]) -> None:
    await wait()
