"""Isolation by whatever this system offers."""

import sys

from sparewatt.process.isolation.layers import Isolation, Room, nothing

_NOT_OFFERED = "this system offers none to a process that was not packaged for it"


def isolate(room: Room) -> Isolation:
    """Give up everything outside `room` for good, as far as the system can; says which layers hold.

    Call it before the first thread is started and before anything is read that came from the network.
    """
    if sys.platform == "linux":
        from sparewatt.process.isolation import linux

        return linux.isolate(room)
    if sys.platform == "win32":
        from sparewatt.process.isolation import windows

        return windows.isolate(room)
    return nothing(_NOT_OFFERED)


def available() -> Isolation:
    """What `isolate` would achieve on this computer; changes nothing."""
    if sys.platform == "linux":
        from sparewatt.process.isolation import linux

        return linux.available()
    if sys.platform == "win32":
        from sparewatt.process.isolation import windows

        return windows.available()
    return nothing(_NOT_OFFERED)
