import asyncio

import pytest

from sparewatt_cli.trial.interruptions import Interruptions


def test_the_first_asks_for_the_end_and_cancels_nothing() -> None:
    async def course() -> bool:
        interruptions = Interruptions()
        interruptions.attach()
        interruptions.ask()
        await asyncio.wait_for(interruptions.once.wait(), 5)
        return True

    assert asyncio.run(course())


def test_the_second_cancels_and_the_third_lets_the_clean_up_finish() -> None:
    cleaned: list[str] = []

    async def course() -> None:
        interruptions = Interruptions()
        interruptions.attach()
        try:
            interruptions.ask()
            interruptions.ask()
            await asyncio.Event().wait()
        finally:
            interruptions.ask()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            cleaned.append("all")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(course())
    assert cleaned == ["all"]


def test_what_was_asked_before_it_began_counts() -> None:
    interruptions = Interruptions()
    interruptions.ask(2)

    async def course() -> None:
        interruptions.attach()
        await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(course())
