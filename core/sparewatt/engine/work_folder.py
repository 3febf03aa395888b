"""The folder of a device that its workers write to, as an earlier engine left it. Blocking, all of it."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sparewatt.worker.remembered import FILE as MICRO_BATCH_NAME
from sparewatt.worker.residual_file import NAME as RESIDUAL_NAME

CHECKPOINT_SUFFIX: Final = ".checkpoint"


def tidy(folder: Path) -> Path | None:
    """Make the folder, and remove from it what nobody needs any more; the newest checkpoint in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    checkpoints: list[Path] = []
    for found in folder.iterdir():
        # What a worker left half-written in an earlier life belongs to nobody.
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found)
        elif found.suffix == CHECKPOINT_SUFFIX:
            checkpoints.append(found)
        elif found.name not in (RESIDUAL_NAME, MICRO_BATCH_NAME):
            found.unlink()
    checkpoints.sort(key=lambda path: path.lstat().st_mtime)
    for path in checkpoints[:-1]:
        path.unlink()
    return checkpoints[-1] if checkpoints else None


def left_checkpoints(folders: Iterable[Path]) -> frozenset[str]:
    """Assignments of which an earlier engine left a checkpoint."""
    return frozenset(
        path.name.removesuffix(CHECKPOINT_SUFFIX) for folder in folders for path in folder.glob(f"*{CHECKPOINT_SUFFIX}")
    )
