"""Ends a child process whose parent is gone, whatever its main thread is busy with."""

import os
import threading
from typing import Final, Protocol

PARENT_GONE_EXIT: Final = 75

_LOOK_EVERY_SECONDS: Final = 0.5


class Ends(Protocol):
    """Ends this process at once, without cleaning up; `os._exit` in a real child."""

    def __call__(self, status: int, /) -> object: ...


def watch_parent(
    pipe_closed: threading.Event,
    *,
    grace_seconds: float = 1.0,
    end: Ends = os._exit,
) -> threading.Thread:
    """Start a thread that ends this process when `pipe_closed` is set or the parent process has changed.

    `grace_seconds` are left to a main thread that sees the closed pipe itself and can return by its own way; after
    that the process ends with `PARENT_GONE_EXIT`. With the defaults it is gone at most 1.5 s after its parent.

    The thread that reads the pipe sets `pipe_closed` (see `process.channel`). The look at the parent's id is for the
    case that somebody else holds the pipe open; Windows never changes it, there the pipe is all.
    """
    parent = os.getppid()

    def watch() -> None:
        while not pipe_closed.wait(_LOOK_EVERY_SECONDS):
            if os.getppid() != parent:
                break
        threading.Event().wait(grace_seconds)
        end(PARENT_GONE_EXIT)

    thread = threading.Thread(target=watch, name="parent-watch", daemon=True)
    thread.start()
    return thread
