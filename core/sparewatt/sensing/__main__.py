"""The sensor process: ``python -m sparewatt.sensing DATA_FOLDER``.

Threads of their own read the pipe and watch the parent: when the engine is gone the process ends at once, also while
a driver call hangs in the main thread.
"""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from sparewatt.errors import InputError, ProtocolError
from sparewatt.host.computer import Computer
from sparewatt.host.desktop_session import desktop_session
from sparewatt.host.sleep.choose import sleep_watch
from sparewatt.host.sources import device_sources
from sparewatt.process.channel import Channel, open_standard_channel
from sparewatt.process.parent_watch import watch_parent
from sparewatt.sensing.messages import EngineFrame, SensorFrame, Sleeping, Stop
from sparewatt.sensing.poller import Poller


def main(arguments: list[str]) -> int:
    """Poll until told to stop or the engine is gone; the exit code."""
    if len(arguments) != 1:
        return InputError.exit_code
    # A union of types is no `type` for the checker, though it is what the channel decodes.
    channel: Channel[EngineFrame, SensorFrame] = open_standard_channel(EngineFrame, SensorFrame)  # type: ignore[arg-type]
    watch_parent(channel.closed)
    session = desktop_session(os.environ)
    sleep = sleep_watch(session, lambda coming: _tell_sleep(channel, coming))
    poller = Poller(device_sources(), Computer(Path(arguments[0]), session, sleep=sleep))
    try:
        _serve(channel, poller)
    except ProtocolError as error:
        return 0 if error.error_id == "pipe.closed" else error.exit_code
    finally:
        poller.handle(Stop(), time.monotonic(), time.time())
    return 0


def _tell_sleep(channel: Channel[EngineFrame, SensorFrame], coming: bool) -> None:
    with suppress(ProtocolError):  # the engine is gone, which the main thread sees, too
        channel.send(Sleeping(coming))


def _serve(channel: Channel[EngineFrame, SensorFrame], poller: Poller) -> None:
    while not poller.stopped:
        for sent in poller.due(time.monotonic(), time.time()):
            channel.send(sent)
        received = channel.receive(max(poller.next_due_s() - time.monotonic(), 0.0))
        if received is None:
            if channel.closed.is_set():
                return
            continue
        for answer in poller.handle(received, time.monotonic(), time.time()):
            channel.send(answer)


if __name__ == "__main__":
    # Without taking the interpreter down in order: libraries of the desktop may hang in a thread of their own, and
    # some of them fall over when they are taken down.
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)
