"""Ends a child process whose parent is gone, whatever its main thread is busy with."""

import contextlib
import ctypes
import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Final, Protocol

PARENT_GONE_EXIT: Final = 75

# Only where the system has no way to wait for a process that is no child, or a sandbox keeps it from this one.
_LOOK_EVERY_SECONDS: Final = 1.0
_SYNCHRONIZE: Final = 0x00100000
_FOR_EVER: Final = 0xFFFFFFFF


class Ends(Protocol):
    """Ends this process at once, without cleaning up; `os._exit` in a real child."""

    def __call__(self, status: int, /) -> object: ...


def watch_parent(
    pipe_closed: threading.Event,
    *,
    grace_seconds: float = 1.0,
    end: Ends = os._exit,
    wait_for_parent: Callable[[], object] | None = None,
) -> threading.Thread:
    """Start threads that end this process when `pipe_closed` is set or the parent process has ended.

    `grace_seconds` are left to a main thread that sees the closed pipe itself and can return by its own way; after
    that the process ends with `PARENT_GONE_EXIT`. With the defaults it is gone at most 2 s after its parent.

    The thread that reads the pipe sets `pipe_closed` (see `process.channel`). The second thread, which waits for the
    parent itself, is for the case that somebody else holds the pipe open. Neither wakes up before something happens.

    Args:
        wait_for_parent: returns once the parent is gone; what this system offers when it is None.

    Returns:
        The thread that ends the process.
    """
    gone = threading.Event()
    waits = parent_wait() if wait_for_parent is None else wait_for_parent

    def tell(wait: Callable[[], object]) -> None:
        wait()
        gone.set()

    def finish() -> None:
        gone.wait()
        threading.Event().wait(grace_seconds)
        end(PARENT_GONE_EXIT)

    for name, wait in (("parent-pipe", pipe_closed.wait), ("parent", waits)):
        threading.Thread(target=tell, args=(wait,), name=name, daemon=True).start()
    thread = threading.Thread(target=finish, name="parent-watch", daemon=True)
    thread.start()
    return thread


def parent_wait() -> Callable[[], object]:
    """A function that returns once the process that is the parent now has ended.

    It blocks in the kernel: on a pidfd (Linux 5.3), a kqueue (macOS) or a process handle (Windows). Where the system
    refuses that, as a worker's filter of system calls does, it looks at the parent's id once a second.
    """
    parent = os.getppid()
    with contextlib.suppress(OSError):
        if sys.platform == "linux":
            return _pidfd_wait(parent)
        if sys.platform == "darwin":
            return _kqueue_wait(parent)
        if sys.platform == "win32":
            return _handle_wait(parent)
    return lambda: _look_until_changed(parent)


if sys.platform == "linux":

    def _pidfd_wait(parent: int) -> Callable[[], None]:
        if parent <= 0:  # it lives in an outer namespace of process ids
            raise OSError
        descriptor = os.pidfd_open(parent)
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        return lambda: _until_true(waiting.poll)


if sys.platform == "darwin":

    def _kqueue_wait(parent: int) -> Callable[[], None]:
        queue = select.kqueue()
        exits = select.kevent(
            parent, select.KQ_FILTER_PROC, select.KQ_EV_ADD | select.KQ_EV_ONESHOT, select.KQ_NOTE_EXIT
        )
        queue.control([exits], 0)
        return lambda: _until_true(lambda: queue.control([], 1, None))


if sys.platform == "win32":

    def _handle_wait(parent: int) -> Callable[[], None]:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = ctypes.c_void_p
        kernel.WaitForSingleObject.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
        handle = kernel.OpenProcess(_SYNCHRONIZE, False, parent)
        if not handle:
            raise ctypes.WinError(ctypes.get_last_error())

        def wait() -> None:
            kernel.WaitForSingleObject(handle, _FOR_EVER)

        return wait


def _until_true(wait: Callable[[], object]) -> None:
    while not wait():
        pass


def _look_until_changed(parent: int) -> None:
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(_LOOK_EVERY_SECONDS)
