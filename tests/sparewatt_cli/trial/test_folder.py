from pathlib import Path

import pytest
from filelock import FileLock

from sparewatt_cli.trial.folder import PREFIX, remove_leftovers, throwaway_folder


def leftover(parent: Path, name: str) -> Path:
    folder = parent / f"{PREFIX}{name}"
    (folder / "run").mkdir(parents=True)
    (folder / "in-use.lock").touch()
    return folder


def test_the_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with throwaway_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "file").write_text("x")
    assert not folder.exists()


def test_the_folder_is_gone_after_a_failure_too(tmp_path: Path) -> None:
    with pytest.raises(KeyError), throwaway_folder(tmp_path) as folder:
        raise KeyError
    assert not folder.exists()


def test_what_a_killed_trial_left_is_removed_by_the_next(tmp_path: Path) -> None:
    old = leftover(tmp_path, "old")
    with throwaway_folder(tmp_path):
        assert not old.exists()


def test_a_folder_in_use_and_folders_of_others_stay(tmp_path: Path) -> None:
    in_use, unfinished, other = leftover(tmp_path, "live"), tmp_path / f"{PREFIX}new", tmp_path / "other"
    unfinished.mkdir()
    other.mkdir()
    linked = tmp_path / f"{PREFIX}link"
    linked.symlink_to(other)
    with FileLock(in_use / "in-use.lock"):
        remove_leftovers(tmp_path)
    assert {in_use, unfinished, other, linked} <= set(tmp_path.iterdir())
