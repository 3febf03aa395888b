"""``python -m sparewatt.worker``: the only process on a contributor's machine that loads torch.

Arguments are the handles of the three memory areas. The engine speaks over standard input and output.
"""

import argparse
import logging
import os
import sys
import time

from sparewatt.errors import InputError
from sparewatt.process.channel import Channel, open_standard_channel
from sparewatt.process.memory import open_area
from sparewatt.process.parent_watch import watch_parent
from sparewatt.worker.areas import WorkerAreas
from sparewatt.worker.exits import WorkerExit
from sparewatt.worker.messages import EngineFrame, WorkerFrame
from sparewatt.worker.watch import PermitWatch


def main(arguments: list[str]) -> WorkerExit:
    """Serve the engine that started this process; the exit code."""
    parser = argparse.ArgumentParser(prog="sparewatt-worker")
    for name in ("base", "trainable", "permit"):
        parser.add_argument(f"--{name}", required=True)
    handles = parser.parse_args(arguments)
    # A union of types is no `type` for the checker, though it is what the channel decodes.
    channel: Channel[EngineFrame, WorkerFrame] = open_standard_channel(EngineFrame, WorkerFrame)  # type: ignore[arg-type]
    watch_parent(channel.closed)
    try:
        areas = WorkerAreas(
            base=open_area(handles.base),
            trainable=open_area(handles.trainable),
            permit=open_area(handles.permit),
        )
    except InputError:
        logging.getLogger(__name__).exception("a memory area could not be opened")
        return WorkerExit.ARGUMENTS
    watch = PermitWatch(areas.permit.view, time.monotonic)
    # Torch takes seconds to load; the engine's first frames wait in the pipe meanwhile, and the threads above already
    # watch over this process.
    from sparewatt.worker.loop import WorkerLoop

    return WorkerLoop(channel, areas, watch).run()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    # Not `sys.exit`: taking torch down again costs up to a second in which the device's memory is not free.
    os._exit(code)
