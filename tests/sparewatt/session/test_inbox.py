"""An inbox gives every answer once, in order, and loses none when its reader gives up."""

import asyncio

from sparewatt.session import events as event
from sparewatt.session.inbox import Inbox


def wanted(index: int) -> event.Event:
    return event.ChunkWanted(transfer=1, index=index)


def test_answers_come_in_order_whether_or_not_they_are_waited_for() -> None:
    async def run() -> None:
        inbox = Inbox()
        first = asyncio.ensure_future(inbox.get())
        await asyncio.sleep(0)
        for index in range(3):
            inbox.put(wanted(index))
        assert await first == wanted(0)
        assert [await inbox.get(), await inbox.get()] == [wanted(1), wanted(2)]

    asyncio.run(run())


def test_nothing_is_lost_when_a_reader_gives_up() -> None:
    async def run() -> None:
        inbox = Inbox()
        reading = asyncio.ensure_future(inbox.get())
        await asyncio.sleep(0)
        inbox.put(wanted(0))
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert await inbox.get() == wanted(0)

    asyncio.run(run())
