"""``python -m sparewatt.worker``: the only process on a contributor's machine that loads torch.

Arguments are the handles of its memory areas and the folders it may use. The engine speaks over standard input
and output. With ``--encoder`` it loads no torch and only makes an update of what the areas hold.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sparewatt.errors import InputError
from sparewatt.process.channel import Channel, open_standard_channel
from sparewatt.process.isolation.apply import isolate
from sparewatt.process.isolation.layers import Isolation, Room
from sparewatt.process.memory import open_area
from sparewatt.process.parent_watch import watch_parent
from sparewatt.process.priority import yield_disk
from sparewatt.worker.areas import WorkerAreas
from sparewatt.worker.exits import WorkerExit
from sparewatt.worker.leaving import Leaving
from sparewatt.worker.messages import EngineFrame, WorkerFrame
from sparewatt.worker.watch import PermitWatch

log = logging.getLogger("sparewatt.worker")


@dataclass(frozen=True)
class Started:
    """What a worker has once it is held in and watched over."""

    channel: Channel[EngineFrame, WorkerFrame]
    areas: WorkerAreas
    watch: PermitWatch
    leaving: Leaving
    isolation: Isolation
    encoder: bool


def main(
    arguments: list[str],
    hold_in: Callable[[Room], Isolation] = isolate,
    serve: "Callable[[Started], WorkerExit] | None" = None,
) -> WorkerExit:
    """Serve the engine that started this process; the exit code.

    Args:
        hold_in: takes from this process what it does not need; done before anything else, so before any thread is
            started and any frame is read.
        serve: the work; training or encoding when it is None.
    """
    options = _parser().parse_args(arguments)
    yield_disk()
    try:
        os.chdir(options.work_folder)
    except OSError:
        log.exception("the work folder could not be entered")
        return WorkerExit.ARGUMENTS
    room = Room(
        read=tuple(options.read),
        write=(options.work_folder,),
        accelerator=options.accelerator,
        compiler=options.compiler,
    )
    isolation = hold_in(room)
    leaving = Leaving()
    # A union of types is no `type` for the checker, though it is what the channel decodes.
    channel: Channel[EngineFrame, WorkerFrame] = open_standard_channel(EngineFrame, WorkerFrame, leaving.notice)  # type: ignore[arg-type]
    watch_parent(channel.closed)
    try:
        areas = WorkerAreas(
            base=open_area(options.base),
            trainable=open_area(options.trainable),
            permit=open_area(options.permit),
            residual=None if options.residual is None else open_area(options.residual),
        )
    except InputError:
        log.exception("a memory area could not be opened")
        return WorkerExit.ARGUMENTS
    watch = PermitWatch(areas.permit.view, time.monotonic)
    return (serve or _serve)(Started(channel, areas, watch, leaving, isolation, options.encoder))


def _serve(started: Started) -> WorkerExit:
    if started.encoder:
        from sparewatt.worker.encoder import EncoderLoop

        return EncoderLoop(started.channel, started.areas, started.watch).run()
    # Torch takes seconds to load; the engine's first frames wait in the pipe meanwhile, and threads already watch over
    # this process.
    from sparewatt.worker.loop import WorkerLoop

    return WorkerLoop(started.channel, started.areas, started.watch, started.leaving, started.isolation.in_force).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sparewatt-worker")
    for name in ("base", "trainable", "permit"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--residual", help="the area for what updates leave out, where the codec remembers it")
    parser.add_argument("--work-folder", type=Path, required=True, help="the only folder it may write to")
    parser.add_argument("--read", type=Path, action="append", default=[], help="a folder it may read (repeatable)")
    parser.add_argument("--accelerator", action="store_true", help="it needs the driver of a graphics card")
    parser.add_argument("--compiler", action="store_true", help="it may start a compiler, which may do no more than it")
    parser.add_argument("--encoder", action="store_true", help="encode only, without torch")
    return parser


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    # Not `sys.exit`: taking torch down again costs up to a second in which the device's memory is not free.
    os._exit(code)
