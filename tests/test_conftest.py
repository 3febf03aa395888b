"""In CI nothing is skipped in silence."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
SKIPPING = "import pytest\n\ndef test_one():\n    pytest.skip('today')\n\ndef test_two():\n    pass\n"


def run_suite(folder: Path, listed: str, ci: str) -> subprocess.CompletedProcess[str]:
    """Runs a suite of its own, with one skipped test, under this suite's rules."""
    shutil.copy(CONFTEST, folder)
    (folder / "skips.txt").write_text(listed, encoding="utf-8")
    (folder / "test_skipping.py").write_text(SKIPPING, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "CI": ci}, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("listed", "ci", "code"),
    [
        ("", "true", 1),
        ("test_skipping.py::test_one\n", "true", 1),
        ("test_skipping.py::test_one\tit tests the rule\n", "true", 0),
        ("", "", 0),
    ],
    ids=["not listed", "listed without a reason", "listed", "not in CI"],
)
def test_a_skip_that_is_not_listed_with_its_reason_fails_the_run(
    tmp_path: Path, listed: str, ci: str, code: int
) -> None:
    ended = run_suite(tmp_path, listed, ci)
    assert ended.returncode == code, ended.stdout
    assert "1 passed, 1 skipped" in ended.stdout
    assert ("skips.txt" in ended.stdout) == (code == 1)
