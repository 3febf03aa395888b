"""Locks of devices that no other engine of this computer shares: not a person's own, and not another test's.

The folder of the locks is fixed, because every user of a computer has to choose the same one. So an engine gets a view
of the file system in which another folder lies there.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

from sparewatt.host.lock import machine_lock_folder

# Whatever comes after the two folders is run with the second lying over the first.
_OVER: Final = 'mount --bind "$1" "$0" && shift && exec "$@"'


def own_locks(folder: Path) -> tuple[str, ...]:
    """What goes before the command of a program so that it takes its locks in `folder`, which is made.

    Nothing where a system has no such views; there tests that compute must not run at the same time.
    """
    if not _possible():
        return ()
    folder.mkdir(exist_ok=True)
    folder.chmod(0o1777)
    return (*_view(), "sh", "-c", _OVER, str(machine_lock_folder()), str(folder))


@cache
def _possible() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None or machine_lock_folder() == Path("/tmp"):  # noqa: S108
        return False
    return subprocess.run((*_view(), "true"), check=False, capture_output=True, timeout=20).returncode == 0


def _view() -> tuple[str, ...]:
    mapped = sys.platform != "win32" and os.geteuid() != 0
    user = ("--user", "--map-root-user") if mapped else ()
    return ("unshare", *user, "--mount", "--propagation", "private")
