"""Files that engines fetch now are read without a wait, and forgotten when they are gone or others are wanted."""

import sys
from pathlib import Path

import pytest

from sparewatt_coordinator.gateway.hot_files import FILES_MOST, HotFiles

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no file is kept")
DATA = bytes(range(256)) * 64


def kept(files: HotFiles, folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(DATA)
    files.keep(name, path)
    return path


def read(files: HotFiles, name: str, offset: int, size: int) -> bytes | None:
    room = bytearray(size)
    return bytes(room) if files.read_now(name, offset, memoryview(room)) else None


def test_what_was_just_written_is_read_where_it_was_asked_for(tmp_path: Path) -> None:
    files = HotFiles()
    kept(files, tmp_path, "a")
    assert read(files, "a", 1_000, 5_000) == DATA[1_000:6_000]
    assert read(files, "b", 0, 1) is None
    files.close()


def test_a_file_that_is_shorter_than_was_asked_for_is_not_read(tmp_path: Path) -> None:
    files = HotFiles()
    kept(files, tmp_path, "a")
    assert read(files, "a", len(DATA) - 10, 11) is None
    files.close()


def test_a_file_that_was_deleted_is_let_go(tmp_path: Path) -> None:
    files = HotFiles()
    path = kept(files, tmp_path, "a")
    before = open_files()
    path.unlink()
    assert read(files, "a", 0, 1) is None
    assert open_files() == before - 1
    with pytest.raises(FileNotFoundError):
        files.keep("a", path)
    files.close()


def test_the_files_read_last_stay_and_all_are_closed_at_the_end(tmp_path: Path) -> None:
    files, before = HotFiles(), open_files()
    kept(files, tmp_path, "first")
    for number in range(FILES_MOST - 1):
        kept(files, tmp_path, str(number))
    assert read(files, "first", 0, 1) is not None
    kept(files, tmp_path, "last")
    assert read(files, "first", 0, 1) is not None
    assert read(files, "0", 0, 1) is None
    assert open_files() == before + FILES_MOST
    files.close()
    kept(files, tmp_path, "late")
    assert open_files() == before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
