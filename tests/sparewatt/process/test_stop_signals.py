import asyncio
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from sparewatt.process.stop_signals import hear_in_loop, stop_on_signals


@pytest.fixture(autouse=True)
def handlers_are_put_back() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def heard(begin: Callable[[Callable[[], None]], None], number: int) -> bool:
    """Whether a loop that does nothing else wakes up by the signal."""

    async def work() -> bool:
        asked = asyncio.Event()
        begin(asked.set)
        os.kill(os.getpid(), number)
        async with asyncio.timeout(20):
            return await asked.wait()

    return asyncio.run(work())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_signals_that_end_a_program_are_heard(number: signal.Signals) -> None:
    assert heard(stop_on_signals, number)


def test_they_are_heard_by_a_loop_that_knows_no_signals() -> None:
    assert heard(lambda stop: hear_in_loop(asyncio.get_running_loop(), (signal.SIGUSR1,), stop), signal.SIGUSR1)


def test_a_signal_after_the_loops_end_does_no_harm() -> None:
    assert heard(lambda stop: hear_in_loop(asyncio.get_running_loop(), (signal.SIGUSR1,), stop), signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)
