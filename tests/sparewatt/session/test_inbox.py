"""An inbox gives what is there, and waits a little for what is worth waiting for."""

import asyncio

from sparewatt.session import events as event
from sparewatt.session.inbox import Inbox


def wanted(index: int) -> event.Event:
    return event.ChunkWanted(transfer=1, index=index)


def test_answers_come_in_order() -> None:
    async def run() -> None:
        inbox = Inbox()
        for index in range(3):
            inbox.put(wanted(index))
        assert await inbox.get() == wanted(0)
        assert await inbox.take(1, 0.0) == [wanted(1), wanted(2)]

    asyncio.run(run())


def test_who_wants_two_waits_for_the_second() -> None:
    async def run() -> None:
        inbox = Inbox()
        taking = asyncio.ensure_future(inbox.take(2, 60.0))
        await asyncio.sleep(0)
        inbox.put(wanted(0))
        await asyncio.sleep(0)
        assert not taking.done()
        inbox.put(wanted(1))
        assert await taking == [wanted(0), wanted(1)]

    asyncio.run(run())


def test_patience_ends_and_leaves_what_is_there() -> None:
    async def run() -> None:
        inbox = Inbox()
        inbox.put(wanted(0))
        assert await inbox.take(2, 0.001) == [wanted(0)]

    asyncio.run(run())


def test_nothing_is_lost_when_a_taker_gives_up() -> None:
    async def run() -> None:
        inbox = Inbox()
        inbox.put(wanted(0))
        taking = asyncio.ensure_future(inbox.take(2, 60.0))
        await asyncio.sleep(0)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        inbox.put(wanted(1))
        assert await inbox.take(2, 60.0) == [wanted(0), wanted(1)]

    asyncio.run(run())
