"""A disk that fills up costs nothing that was finished, and work goes on by itself when there is room again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIOS = Path(__file__).with_name("full_disk.py")

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        sys.platform != "linux", reason="makes a small disk by a mount namespace, which Linux alone has"
    ),
]


@pytest.mark.parametrize("under", ["engine", "coordinator", "checkpoint"])
def test_a_full_disk_is_said_and_outlived(under: str, tmp_path: Path) -> None:
    unshare = shutil.which("unshare")
    assert unshare is not None, "util-linux has it"
    alone = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    ended = subprocess.run(
        [unshare, *user, *alone, sys.executable, str(SCENARIOS), under, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert ended.returncode == 0, ended.stderr[-6000:]
