import os
from pathlib import Path

import pytest

from sparewatt.errors import ConflictError, StorageError
from sparewatt.host.lock import engine_lock, machine_lock_folder, slot_lock, thread_slots


def test_a_second_engine_of_a_folder_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    with engine_lock(tmp_path / "data"):
        with pytest.raises(ConflictError) as caught:
            engine_lock(tmp_path / "data")
        assert caught.value.error_id == "engine.running"
        assert caught.value.parameters["pid"] == os.getpid()
    engine_lock(tmp_path / "data").release()


def test_slots_exclude_each_other_and_nothing_else(tmp_path: Path) -> None:
    with slot_lock("gpu-1", tmp_path), slot_lock("gpu-2", tmp_path):
        with pytest.raises(ConflictError) as caught:
            slot_lock("gpu-1", tmp_path)
        assert caught.value.error_id == "device.busy"


def test_the_processor_is_lent_in_threads(tmp_path: Path) -> None:
    first = thread_slots(2, 3, tmp_path)
    with pytest.raises(ConflictError) as caught:
        thread_slots(2, 3, tmp_path)
    assert caught.value.error_id == "device.busy"
    second = thread_slots(1, 3, tmp_path)
    first.release()
    thread_slots(2, 3, tmp_path).release()
    second.release()
    thread_slots(8, 3, tmp_path).release()


def test_every_user_may_open_a_slots_file_and_its_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    with slot_lock("../../x", tmp_path):
        (made,) = tmp_path.iterdir()
        assert made.stat().st_mode & 0o777 == 0o666


def test_a_link_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "sparewatt-cpu.lock").symlink_to(tmp_path / "target")
    with pytest.raises(StorageError):
        slot_lock("cpu", tmp_path)
    assert (tmp_path / "target").read_text() == "precious"


def test_release_twice_is_harmless(tmp_path: Path) -> None:
    lock = engine_lock(tmp_path)
    lock.release()
    lock.release()


def test_the_shared_folder_is_the_first_that_is_open_to_all_and_sticky(tmp_path: Path) -> None:
    closed, shared = tmp_path / "closed", tmp_path / "shared"
    closed.mkdir()
    shared.mkdir()
    shared.chmod(0o1777)
    assert machine_lock_folder((tmp_path / "missing", closed, shared)) == shared
    with pytest.raises(StorageError):
        machine_lock_folder((closed,))
