"""How the benchmark tells that a process's memory is back."""

import asyncio
import os
import subprocess
import sys
import time

from benchmarks.release import TARGETS, _freed, _private_bytes

HOLDER = "held = bytearray(b'1') * (32 << 20); print('ready', flush=True); input()"


def test_what_a_process_holds_for_itself_is_seen_until_it_is_gone() -> None:
    held = _private_bytes(os.getpid())
    assert held is not None
    assert held > 0
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert _private_bytes(process.pid) is None


def test_memory_counts_as_free_once_its_process_is_reaped() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        resident = _private_bytes(holder.pid)
        assert resident is not None
        assert resident >= 32 << 20

        async def watched() -> float:
            freeing = asyncio.create_task(_freed(holder.pid, resident))
            await asyncio.sleep(0.05)
            assert not freeing.done(), "it lives and holds it all"
            killed = time.monotonic()
            holder.kill()
            holder.wait()
            return await freeing - killed

        assert asyncio.run(watched()) >= 0.0


def test_only_a_worker_that_is_starved_has_no_target() -> None:
    assert [beside for beside, target in TARGETS.items() if target is None] == ["release-starved"]
