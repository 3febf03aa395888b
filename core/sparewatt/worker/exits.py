"""How a worker process ends, as the engine sees it."""

from enum import IntEnum

from sparewatt.process.parent_watch import PARENT_GONE_EXIT


class WorkerExit(IntEnum):
    """Exit codes of ``python -m sparewatt.worker``; a negative code is a signal.

    Attributes:
        STOPPED: asked to stop, or the pipe was closed while it waited. Nothing is wrong.
        CRASHED: a bug, or the device failed under it; the last lines on standard error say which. The engine starts
            it again with a growing delay.
        ARGUMENTS: the command line or a memory area could not be used.
        UNAVAILABLE: after a fatal `Failed`: no such device, or its memory does not hold the model.
        PROTOCOL: the engine sent something that is no frame, or frames in an impossible order.
        PERMIT_EXPIRED: the permit did not advance for 10 s.
        PARENT_GONE: the pipe was closed or the parent gone while it computed.
    """

    STOPPED = 0
    CRASHED = 1
    ARGUMENTS = 2
    UNAVAILABLE = 3
    PROTOCOL = 6
    PERMIT_EXPIRED = 74
    PARENT_GONE = PARENT_GONE_EXIT
