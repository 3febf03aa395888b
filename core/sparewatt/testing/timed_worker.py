"""``python -m sparewatt.testing.timed_worker``: the real worker, which notes when it last saw leave to compute.

Every look at the permit that allows computing is noted with the moment before it, in monotonic seconds as doubles, in
`LEAVES` of the work folder. A micro-batch begins only right after such a look, so that none began later than the last.
"""

import os
import struct
import sys
import time
from pathlib import Path
from typing import Final

from sparewatt.permit import Grant, PermitKind
from sparewatt.worker.__main__ import Started, main
from sparewatt.worker.exits import WorkerExit
from sparewatt.worker.watch import PermitWatch

LEAVES: Final = "leaves.f64"
_MOMENT: Final = struct.Struct("<d")


class TimedWatch(PermitWatch):
    """Args:
    notes: descriptor of the file to append to.
    """

    def __init__(self, memory: memoryview, notes: int) -> None:
        super().__init__(memory, time.monotonic)
        self._notes = notes

    def grant(self) -> Grant | None:
        before = time.monotonic()
        found = super().grant()
        if found is not None and found.kind is PermitKind.COMPUTE:
            os.write(self._notes, _MOMENT.pack(before))
        return found


def leaves(work_folder: Path) -> tuple[float, ...]:
    """The moments that a worker noted, first to last."""
    noted = (work_folder / LEAVES).read_bytes()
    return tuple(moment for (moment,) in _MOMENT.iter_unpack(noted))


def serve(started: Started) -> WorkerExit:
    """Train as the real worker does."""
    from sparewatt.worker.loop import WorkerLoop

    notes = os.open(LEAVES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    watch = TimedWatch(started.areas.permit.view, notes)
    return WorkerLoop(started.channel, started.areas, watch, started.leaving, started.isolation.in_force).run()


if __name__ == "__main__":
    code = main(sys.argv[1:], serve=serve)
    sys.stderr.flush()
    os._exit(code)
