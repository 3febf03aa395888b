import os
from pathlib import Path

from sparewatt.engine.work_folder import left_checkpoints, tidy


def test_only_the_newest_checkpoint_and_the_residual_stay(tmp_path: Path) -> None:
    folder = tmp_path / "cpu"
    assert tidy(folder) is None
    assert folder.stat().st_mode & 0o077 == 0
    for age, name in enumerate(("new.checkpoint", "old.checkpoint", "residual", "a.payload", "b.checkpoint.new")):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (1_000 - age, 1_000 - age))
    (folder / "torchinductor").mkdir()
    (folder / "link").symlink_to(tmp_path)
    assert left_checkpoints([folder, tmp_path / "gone"]) == {"new", "old"}
    assert tidy(folder) == folder / "new.checkpoint"
    assert sorted(path.name for path in folder.iterdir()) == ["new.checkpoint", "residual"]
    assert tmp_path.is_dir(), "a link goes, not what it leads to"
