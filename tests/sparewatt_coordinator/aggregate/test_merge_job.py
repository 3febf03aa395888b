import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
import pytest

from sparewatt.blobs.folder import BlobFolder
from sparewatt.errors import IntegrityError, StorageError
from sparewatt.numeric.codec import encode_update
from sparewatt.numeric.initial import initial_weights
from sparewatt.numeric.keyframe import keyframe_bytes, write_keyframe
from sparewatt.numeric.merge_plan import MergePlan, PlannedUpdate, plan_digest, sorted_updates
from sparewatt.numeric.moment_layout import moment_numbers
from sparewatt.numeric.moments import CODE, UNREPORTED, read_moments
from sparewatt.numeric.patch import apply_patch
from sparewatt.numeric.version_file import load_version
from sparewatt.numeric.version_hash import version_sha256
from sparewatt.numeric.weights import Floats, as_bytes
from sparewatt.work.manifest import CodecSpec, OuterSpec
from sparewatt.work.model import ModelSpec
from sparewatt.work.version import BlobRef, VersionId
from sparewatt.worker.messages import ApplyVersion
from sparewatt.worker.payload import apply_version
from sparewatt_coordinator.aggregate.merge_job import run_merge
from sparewatt_coordinator.aggregate.messages import Merge, Merged

SPEC = ModelSpec("llama", 256, 64, 172, 6, 4, 4, 64)
WEIGHTS = initial_weights(SPEC, 1)
NESTEROV = OuterSpec(rule="nesterov", rate_micro=700_000, momentum_micro=900_000, staleness_most=4, keyframe_every=10)
SGD = msgspec.structs.replace(NESTEROV, rule="sgd", rate_micro=1_000_000, momentum_micro=0)


def start(blobs: BlobFolder) -> tuple[VersionId, BlobRef]:
    keyframe = io.BytesIO()
    write_keyframe(SPEC, WEIGHTS, keyframe)
    return VersionId(0, 0, version_sha256(SPEC, as_bytes(WEIGHTS))), blobs.add_bytes(keyframe.getvalue())


def update(blobs: BlobFolder, base: Floats, seed: int) -> PlannedUpdate:
    trained = base - np.random.default_rng(seed).standard_normal(len(base)).astype(np.float32) * np.float32(1e-3)
    payload = io.BytesIO()
    encode_update(base, trained, CodecSpec("int8", "none"), payload)
    return PlannedUpdate(blobs.add_bytes(payload.getvalue()), f"{seed:032x}", 1_000 * seed)


def merge_of(blobs: BlobFolder, *, rule: OuterSpec = SGD, updates: int = 3) -> Merge:
    version, keyframe = start(blobs)
    plan = MergePlan(
        run="0" * 64,
        round=1,
        base=version,
        outer_state=None,
        rule=rule,
        codec=CodecSpec("int8", "none"),
        updates=sorted_updates(tuple(update(blobs, WEIGHTS, seed) for seed in range(1, updates + 1))),
    )
    return Merge(id=5, model=SPEC, plan=plan, start_keyframe=keyframe, keyframe=True)


def next_round(job: Merge, done: Merged, blobs: BlobFolder) -> Merge:
    base = load_version(SPEC, blobs.path(done.outer_state.sha256), done.version.sha256)
    plan = msgspec.structs.replace(
        job.plan, round=2, base=done.version, outer_state=done.outer_state, updates=(update(blobs, base, 9),)
    )
    return msgspec.structs.replace(job, plan=plan)


@pytest.mark.parametrize("rule", [SGD, NESTEROV], ids=["sgd", "nesterov"])
def test_keyframe_outer_state_and_patches_are_the_same_version(rule: OuterSpec, tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    job = merge_of(blobs, rule=rule)
    patched = WEIGHTS.copy()
    for number in (1, 2):
        done = run_merge(job, blobs)
        assert done.reply_to == 5
        assert done.plan_digest == plan_digest(job.plan)
        assert (done.version.branch, done.version.number) == (0, number)
        with blobs.path(done.patch.sha256).open("rb") as patch:
            apply_patch(patch, patched)
        assert done.keyframe is not None
        for blob in (done.outer_state, done.keyframe):
            assert np.array_equal(load_version(SPEC, blobs.path(blob.sha256), done.version.sha256), patched)
        job = next_round(job, done, blobs)


def test_a_merge_that_is_done_again_gives_the_same_blobs(tmp_path: Path) -> None:
    first, second = BlobFolder(tmp_path / "a"), BlobFolder(tmp_path / "b")
    assert run_merge(merge_of(first), first) == run_merge(merge_of(second), second)
    assert run_merge(merge_of(first), first) == run_merge(merge_of(second), second)


def test_a_keyframe_is_written_only_when_asked_for(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    job = merge_of(blobs)
    without = run_merge(msgspec.structs.replace(job, keyframe=False), blobs)
    assert without.keyframe is None
    assert without.version == run_merge(job, blobs).version


def test_nothing_is_left_behind_but_blobs(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    run_merge(merge_of(blobs), blobs)
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_missing_payload_is_said(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    job = merge_of(blobs)
    blobs.remove(job.plan.updates[1].payload.sha256)
    with pytest.raises(StorageError, match=r"storage\.blob_missing"):
        run_merge(job, blobs)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
def test_a_full_disk_is_said_although_files_fail_once_more_as_they_are_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def on_a_full_disk(blobs: BlobFolder) -> Iterator[tuple[Path, BinaryIO]]:
        with Path("/dev/full").open("wb") as file:
            yield Path("/dev/full"), file

    monkeypatch.setattr("sparewatt_coordinator.aggregate.merge_job._scratch_file", on_a_full_disk)
    blobs = BlobFolder(tmp_path)
    with pytest.raises(StorageError, match=r"storage\.full"):
        run_merge(merge_of(blobs), blobs)


def test_a_payload_that_is_none_fails_the_merge_and_leaves_nothing(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    job = merge_of(blobs)
    wrong = PlannedUpdate(blobs.add_bytes(b"no payload"), "f" * 32, 1)
    job = msgspec.structs.replace(
        job, plan=msgspec.structs.replace(job.plan, updates=sorted_updates((*job.plan.updates, wrong)))
    )
    with pytest.raises(IntegrityError, match=r"update\.malformed"):
        run_merge(job, blobs)
    assert list((tmp_path / "incoming").iterdir()) == []


def test_an_outer_state_of_another_rule_is_refused(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    job = merge_of(blobs)
    after = next_round(job, run_merge(job, blobs), blobs)
    changed = msgspec.structs.replace(after, plan=msgspec.structs.replace(after.plan, rule=NESTEROV))
    with pytest.raises(IntegrityError, match=r"outer_state\.malformed"):
        run_merge(changed, blobs)


NUMBERS = moment_numbers(SPEC)


def reporting(blobs: BlobFolder, seed: int, code: int) -> PlannedUpdate:
    """An update of device `seed` that says `code` of every second moment."""
    trained = WEIGHTS - np.random.default_rng(seed).standard_normal(len(WEIGHTS)).astype(np.float32) * np.float32(1e-3)
    payload = io.BytesIO()
    encode_update(WEIGHTS, trained, CodecSpec("int8", "none"), payload, tail=np.full(NUMBERS, code, CODE).tobytes())
    return PlannedUpdate(blobs.add_bytes(payload.getvalue()), f"{seed:032x}", 1_000)


def sharing(job: Merge, updates: tuple[PlannedUpdate, ...], before: BlobRef | None = None) -> Merge:
    plan = msgspec.structs.replace(
        job.plan, updates=sorted_updates(updates), inner_state="fresh-shared-v", moments=before
    )
    return msgspec.structs.replace(job, plan=plan)


def moments_in(blobs: BlobFolder, blob: BlobRef | None) -> set[int]:
    assert blob is not None
    with blobs.path(blob.sha256).open("rb") as source:
        return set(read_moments(source, SPEC).tolist())


def test_the_version_has_the_median_of_its_devices_moments_whichever_update_comes_first(tmp_path: Path) -> None:
    codes = (-300, -500, -100, UNREPORTED)
    found = []
    for order in ((1, 2, 3, 4), (4, 3, 2, 1), (3, 1, 4, 2)):
        blobs = BlobFolder(tmp_path / "".join(map(str, order)))
        done = run_merge(sharing(merge_of(blobs), tuple(reporting(blobs, n, codes[n - 1]) for n in order)), blobs)
        assert moments_in(blobs, done.moments) == {-300}
        found.append(done)
    assert found[0] == found[1] == found[2]


def test_moments_that_nobody_reports_anew_stay(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    silent = (reporting(blobs, 1, UNREPORTED),)
    assert moments_in(blobs, run_merge(sharing(merge_of(blobs), silent), blobs).moments) == {UNREPORTED}
    known = run_merge(sharing(merge_of(blobs), (reporting(blobs, 2, -77),)), blobs).moments
    assert run_merge(sharing(merge_of(blobs), silent, known), blobs).moments == known


def test_an_update_without_its_moments_is_no_update_of_such_a_run(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    with pytest.raises(IntegrityError, match=r"update\.malformed"):
        run_merge(sharing(merge_of(blobs), (update(blobs, WEIGHTS, 1),)), blobs)


def test_a_joiner_with_half_a_keyframe_and_a_device_with_all_patches_have_the_same_version(tmp_path: Path) -> None:
    blobs = BlobFolder(tmp_path)
    outer = msgspec.structs.replace(SGD, keyframe_every=2, keyframe_type="bf16")
    job = msgspec.structs.replace(merge_of(blobs, rule=outer), keyframe=False)
    first = str(blobs.path(job.start_keyframe.sha256))
    patches: list[str] = []
    halved: Merged | None = None
    for number in (1, 2, 3):
        job = msgspec.structs.replace(job, keyframe=number == 2)
        done = run_merge(job, blobs)
        patches.append(str(blobs.path(done.patch.sha256)))
        halved = done if number == 2 else halved
        stayed = memoryview(bytearray(4 * len(WEIGHTS)))
        apply_version(ApplyVersion(done.version, first, tuple(patches)), SPEC, outer, stayed)
        assert version_sha256(SPEC, stayed) == done.version.sha256
        job = next_round(job, done, blobs)
    assert halved is not None
    assert halved.keyframe is not None
    assert halved.keyframe.size == keyframe_bytes(SPEC, "BF16")
    joined = memoryview(bytearray(4 * len(WEIGHTS)))
    keyframe = str(blobs.path(halved.keyframe.sha256))
    apply_version(ApplyVersion(done.version, keyframe, (patches[-1],)), SPEC, outer, joined)
    assert joined == stayed
    whole = load_version(SPEC, blobs.path(halved.outer_state.sha256), halved.version.sha256)
    assert np.array_equal(load_version(SPEC, Path(keyframe), halved.version.sha256), whole)
