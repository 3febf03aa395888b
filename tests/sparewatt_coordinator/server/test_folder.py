"""The data folder of a coordinator, as others find it."""

from pathlib import Path

import pytest

from sparewatt.errors import UnavailableError
from sparewatt.testing.hostile import HOSTILE_BYTES
from sparewatt_coordinator.server.folder import DataFolder


@pytest.mark.parametrize("content", HOSTILE_BYTES, ids=range(len(HOSTILE_BYTES)))
def test_a_file_of_foreign_bytes_means_that_no_coordinator_runs(tmp_path: Path, content: bytes) -> None:
    folder = DataFolder(tmp_path)
    folder.running.write_bytes(content)
    with pytest.raises(UnavailableError, match=r"coordinator\.not_running"):
        folder.read_running()
