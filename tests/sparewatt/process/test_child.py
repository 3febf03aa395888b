"""A child process from the parent's side."""

import asyncio
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import ProtocolError, UnavailableError
from sparewatt.process.child import Child, ChildCommand, environment_for, restart_delay_seconds, start

pytestmark = pytest.mark.processes

_ECHO = """
import sys, struct
while head := sys.stdin.buffer.read(4):
    body = sys.stdin.buffer.read(struct.unpack("<I", head)[0])
    sys.stdout.buffer.write(head + body); sys.stdout.buffer.flush()
"""
_DEAF = """
import signal, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
threading.Event().wait(60)
"""
_TALKATIVE = """
import sys
print('x' * 10_000, file=sys.stderr)
for number in range(200):
    print(number, file=sys.stderr)
sys.exit(3)
"""
_ENVIRONMENT = environment_for(os.environ, {})


async def start_python(code: str, log: list[str] | None = None) -> Child:
    heard = log if log is not None else []
    return await start(ChildCommand((sys.executable, "-c", code), _ENVIRONMENT), heard.append)


def test_frames_go_both_ways_and_the_end_of_input_ends_the_child() -> None:
    async def scenario() -> None:
        child = await start_python(_ECHO)
        await child.send(b"one")
        await child.send(b"two")
        child.close_input()
        assert [payload async for payload in child.frames()] == [b"one", b"two"]
        assert (await child.stop(by_itself_seconds=10)).code == 0

    asyncio.run(scenario())


def test_a_child_that_listens_to_nothing_is_killed() -> None:
    async def scenario() -> None:
        child = await start_python(_DEAF)
        ended = await child.stop(by_itself_seconds=0.0, terminate_seconds=0.05)
        assert ended.code < 0

    asyncio.run(scenario())


def test_last_words_are_kept_within_bounds() -> None:
    async def scenario() -> None:
        log: list[str] = []
        child = await start_python(_TALKATIVE, log)
        ended = await child.wait()
        assert ended.code == 3
        assert ended.last_words[-1] == "199"
        assert len(ended.last_words) == 50
        assert max(map(len, log)) == 2_000
        await child.stop(by_itself_seconds=0)

    asyncio.run(scenario())


def test_a_child_that_breaks_the_protocol_is_an_error() -> None:
    async def scenario() -> None:
        child = await start_python(
            "import sys; sys.stdout.buffer.write(b'\\xff' * 8); sys.stdout.flush(); sys.stdin.read()"
        )
        with pytest.raises(ProtocolError, match=r"frame\.too_long"):
            async for _ in child.frames():
                pass
        await child.stop(by_itself_seconds=0)

    asyncio.run(scenario())


def test_nothing_can_be_sent_to_a_child_that_is_gone() -> None:
    async def scenario() -> None:
        child = await start_python("")
        await child.stop(by_itself_seconds=10)
        with pytest.raises(ProtocolError, match=r"pipe\.closed"):
            await child.send(b"x")

    asyncio.run(scenario())


def test_a_program_that_is_not_there_is_unavailable() -> None:
    async def scenario() -> None:
        with pytest.raises(UnavailableError, match=r"child\.start"):
            await start(ChildCommand(("/no/such/program",), _ENVIRONMENT), print)

    asyncio.run(scenario())


def test_a_child_sees_none_of_its_parents_secrets() -> None:
    kept = environment_for({"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "s", "HTTPS_PROXY": "p", "HOME": "h"}, {"A": "b"})
    assert kept == {"PATH": "/bin", "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "A": "b"}


@given(failures=st.integers(-5, 10_000))
def test_restarts_wait_longer_and_longer_within_a_bound(failures: int) -> None:
    delay = restart_delay_seconds(failures)
    assert (delay == 0.0) == (failures < 1)
    assert delay <= restart_delay_seconds(failures + 1) <= 300.0
