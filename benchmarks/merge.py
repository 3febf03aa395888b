"""Merging many updates of a large model, and publishing the version that comes of it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.gradients import write_updates
from benchmarks.measurement import Measurement, Target, absolute, paired
from benchmarks.merge_child import Found, Task
from sparewatt.blobs.folder import BlobFolder
from sparewatt.numeric.merge_plan import MergePlan, PlannedUpdate, sorted_updates
from sparewatt.work.manifest import CodecSpec, OuterSpec, PatchSpec
from sparewatt.work.version import VersionId

ROOT: Final = Path(__file__).resolve().parent.parent
UPDATES: Final = 16
COORDINATES: Final = 100_000_000
NOWHERE: Final = "0" * 64
NESTEROV: Final = OuterSpec("nesterov", 700_000, 900_000, staleness_most=4, keyframe_every=20)
SPARSE: Final = msgspec.structs.replace(NESTEROV, patch=PatchSpec("topk", kept=512))
PROFILES: Final = (
    (CodecSpec("int8", "none"), NESTEROV),
    (CodecSpec("int4", "none"), NESTEROV),
    (CodecSpec("topk", "none", kept=128), SPARSE),
)


def merge() -> tuple[Measurement, ...]:
    """16 updates of 100 M parameters merged in blocks, against a plain numpy sum of the same; and its peak memory."""
    return tuple(found for codec, rule in PROFILES for found in _measured(codec, rule))


def _measured(codec: CodecSpec, rule: OuterSpec) -> tuple[Measurement, ...]:
    with tempfile.TemporaryDirectory() as name:
        blobs = BlobFolder(Path(name, "blobs"))
        payloads = write_updates(UPDATES, COORDINATES, codec, blobs.take_file, Path(name, "scratch"))
        updates = sorted_updates(
            tuple(PlannedUpdate(blob, f"{number:032x}", 65_536 - number) for number, blob in enumerate(payloads))
        )
        plan = MergePlan(NOWHERE, 1, VersionId(0, 0, NOWHERE), None, rule, codec, updates)
        files = tuple(str(blobs.path(update.payload.sha256)) for update in updates)
        task = Path(name, "task")
        task.write_bytes(msgspec.json.encode(Task(plan, files, COORDINATES)))
        command = [sys.executable, "-m", "benchmarks.merge_child", str(task)]
        done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE)
    return _measurements(codec, msgspec.json.decode(done.stdout, type=Found))


def _measurements(codec: CodecSpec, found: Found) -> tuple[Measurement, ...]:
    name = f"{codec.name}-{codec.kept}" if codec.kept else codec.name
    units = UPDATES * 4 * COORDINATES / 1e6
    means, merges, sums = (
        [units / each.processor for each in some] for some in (found.means, found.merges, found.sums)
    )
    wall = ", ".join(
        f"{label} {min(each.wall for each in some):.1f} s"
        for label, some in (("averaging", found.means), ("the whole merge", found.merges), ("plain sum", found.sums))
    )
    notes = (
        "MB of fp32 parameters for each second of processor time; every update is read and decoded once",
        f"by the clock at best: {wall}; load {os.getloadavg()[0]:.1f}",
    )
    whole = ("the same with outer step and patch",)
    peak = (f"of {4 * COORDINATES / 1e6:.0f} MB of parameters; with Python and numpy {found.peak_bytes / 1e6:.0f} MB",)
    return (
        paired(f"merge-{name}", "MB/s", list(zip(means, sums, strict=True)), Target("at least", 0.5), notes),
        paired(f"merge-{name}-whole", "MB/s", list(zip(merges, sums, strict=True)), None, whole),
        absolute(
            f"merge-{name}-memory", "models", [found.peak_bytes / (4 * COORDINATES)], Target("at most", 3.0), peak
        ),
    )
