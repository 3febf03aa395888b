"""Areas: memory that outlives whoever joined it."""

import subprocess
import sys

import pytest

from sparewatt.errors import InputError
from sparewatt.process.memory import create, open_area

_WRITE_AND_DIE = """
import os, sys
from sparewatt.process.memory import open_area
area = open_area(sys.argv[1])
area.view[:5] = b"spare"
os.kill(os.getpid(), 9) if sys.platform != "win32" else os._exit(1)
"""


def test_an_area_begins_zeroed_and_keeps_what_is_written() -> None:
    with create(10_000) as area:
        assert bytes(area.view) == bytes(10_000)
        area.view[9_999:] = b"x"
        assert area.view[9_999] == ord("x")


@pytest.mark.processes
def test_what_a_child_wrote_stays_when_it_is_killed() -> None:
    with create(4096) as area:
        subprocess.run(
            [sys.executable, "-c", _WRITE_AND_DIE, area.handle],
            pass_fds=area.descriptors,
            check=False,
            timeout=30,
        )
        assert bytes(area.view[:5]) == b"spare"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot seal memory")
def test_nobody_can_shrink_an_area_under_its_owner() -> None:
    import os

    with create(4096) as area, pytest.raises(PermissionError):
        os.ftruncate(area.descriptors[0], 1)


@pytest.mark.parametrize(
    "handle", ["", "descriptor", "descriptor:x:4", "descriptor:3000:4096", "path:/etc/passwd:10", "descriptor:0:-1"]
)
def test_a_handle_that_names_nothing_is_refused(handle: str) -> None:
    with pytest.raises(InputError, match=r"area\.handle"):
        open_area(handle)


def test_a_handle_with_another_size_is_refused() -> None:
    with create(4096) as area, pytest.raises(InputError, match=r"area\.handle"):
        open_area(area.handle.replace("4096", "8192"))


@pytest.mark.parametrize("size", [0, -1])
def test_an_area_has_a_size(size: int) -> None:
    with pytest.raises(InputError, match=r"area\.size"):
        create(size)
