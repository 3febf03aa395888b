"""``python -m sparewatt_coordinator.aggregate BLOBS_FOLDER``: merges and scores for the coordinator that started it.

Speaks `aggregate.messages` in length-prefixed JSON frames; ends at most 1.5 s after its standard input was closed,
even in the middle of a merge, which then has had no effect.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from sparewatt.numeric.memory import keep_freed_memory
from sparewatt.numeric.merge_plan import UPDATES_MOST
from sparewatt.process.channel import Channel, open_standard_channel
from sparewatt.process.isolation.apply import isolate
from sparewatt.process.isolation.layers import Room
from sparewatt.process.parent_watch import watch_parent
from sparewatt_coordinator.aggregate.messages import Answer, Quit, Request

_LOOK_SECONDS: Final = 3_600.0
_OTHER_FILES: Final = 64


def main(arguments: list[str]) -> int:
    """Serve until `Quit` or the end of the pipe; the exit code."""
    parser = argparse.ArgumentParser(prog="sparewatt-aggregate")
    parser.add_argument("blobs", type=Path)
    folder: Path = parser.parse_args(arguments).blobs
    hold_in(folder)
    # A union of types is no `type` for the checker, though it is what the channel decodes.
    channel: Channel[Request, Answer] = open_standard_channel(Request, Answer)  # type: ignore[arg-type]
    watch_parent(channel.closed)
    allow_files(UPDATES_MOST + _OTHER_FILES)
    keep_freed_memory()
    # numpy takes a tenth of a second to load: the watch comes first.
    from sparewatt.blobs.folder import BlobFolder
    from sparewatt_coordinator.aggregate.service import Aggregator, torch_scorer

    aggregator = Aggregator(BlobFolder(folder), torch_scorer)
    while True:
        request = channel.receive(_LOOK_SECONDS)
        if isinstance(request, Quit) or (request is None and channel.closed.is_set()):
            return 0
        if request is not None:
            channel.send(aggregator.answer(request))


def hold_in(folder: Path) -> None:
    """Keep this process, which reads what contributors sent, to `folder` and off the network, as far as can be."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = folder.absolute()
    # Libraries look for a home and a place for temporary files, and only this folder is left.
    os.environ.update(HOME="/nonexistent", TMPDIR=str(place), TORCHINDUCTOR_CACHE_DIR=str(place / "incoming"))
    isolate(Room(write=(place,), keeper=True))


def allow_files(wanted: int) -> None:
    """Let this process hold `wanted` files open where the system lets it: a merge reads all its updates at once."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stderr.flush()
    # Taking torch down takes up to a second and frees nothing that the system does not free anyway.
    os._exit(code)
