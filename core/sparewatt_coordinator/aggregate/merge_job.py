"""Carries out a merge plan from blobs to blobs. Memory: a few blocks, whatever the size of the model."""

import io
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from sparewatt.blobs.folder import BlobFolder
from sparewatt.durable import storage_errors
from sparewatt.errors import StorageError
from sparewatt.numeric.bfloat16 import to_halves
from sparewatt.numeric.codec import UpdateReader
from sparewatt.numeric.keyframe import keyframe_head
from sparewatt.numeric.merge import RoundMerge
from sparewatt.numeric.merge_plan import plan_digest
from sparewatt.numeric.moment_layout import moment_numbers, moments_tail_bytes
from sparewatt.numeric.moments import median_moments, read_moments, write_moments
from sparewatt.numeric.outer_state import OuterState, OuterStateReader, OuterStateWriter, StartState
from sparewatt.numeric.patch import patch_head
from sparewatt.numeric.version_hash import VersionHasher
from sparewatt.numeric.weights import as_bytes
from sparewatt.work.model import parameter_count
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.aggregate.messages import Merge, Merged


def run_merge(job: Merge, blobs: BlobFolder) -> Merged:
    """Merge and store patch, outer state, shared moments and, if asked for, keyframe; all durable when this returns.

    Raises:
        StorageError: ``storage.blob_missing``, ``storage.full``, ``storage.unusable``.
        IntegrityError: ``merge.plan``, ``update.malformed`` and its like, ``outer_state.malformed``,
            ``keyframe.malformed``, ``moments.malformed``.
    """
    coordinates = parameter_count(job.model)
    shares = job.plan.inner_state == "fresh-shared-v"
    tail_bytes = moments_tail_bytes(job.model) if shares else 0
    # Outside of the stack: a file whose buffer does not fit on the disk raises once more as it is closed.
    with storage_errors(blobs.root), ExitStack() as open_files:
        updates = [
            UpdateReader(
                open_files.enter_context(_open(blobs, update.payload)), job.plan.codec, coordinates, tail_bytes
            )
            for update in job.plan.updates
        ]
        state = _state(job, blobs, open_files, coordinates)
        merge = RoundMerge(job.plan, updates, state, coordinates)
        moments = _moments(job, updates, blobs) if shares else None
        return msgspec.structs.replace(_write(job, merge, blobs, open_files, coordinates), moments=moments)


def _state(job: Merge, blobs: BlobFolder, open_files: ExitStack, coordinates: int) -> OuterState:
    momentum = job.plan.rule.rule == "nesterov"
    if job.plan.outer_state is None:
        return StartState(job.model, open_files.enter_context(_open(blobs, job.start_keyframe)), momentum=momentum)
    source = open_files.enter_context(_open(blobs, job.plan.outer_state))
    return OuterStateReader(source, coordinates, momentum=momentum)


def _moments(job: Merge, updates: list[UpdateReader], blobs: BlobFolder) -> BlobRef:
    """The second moments that the version is published with."""
    before = None
    if job.plan.moments is not None:
        with _open(blobs, job.plan.moments) as source:
            before = read_moments(source, job.model)
    found = median_moments([update.moments for update in updates], moment_numbers(job.model), before)
    sink = io.BytesIO()
    write_moments(found, sink)
    return blobs.add_bytes(sink.getvalue())


def _write(job: Merge, merge: RoundMerge, blobs: BlobFolder, open_files: ExitStack, coordinates: int) -> Merged:
    momentum = job.plan.rule.rule == "nesterov"
    patch_path, patch = open_files.enter_context(_scratch_file(blobs))
    state_path, state_file = open_files.enter_context(_scratch_file(blobs))
    keyframe_path, keyframe = open_files.enter_context(_scratch_file(blobs))
    # The table of lengths is known at the end; until then its place is kept.
    patch.write(patch_head(coordinates, [0] * merge.blocks, job.plan.rule.patch))
    lengths: list[int] = []
    state = OuterStateWriter(state_file, coordinates, momentum=momentum)
    halved = job.plan.rule.rounds_weights(job.plan.base.number + 1)
    if job.keyframe:
        keyframe.write(keyframe_head(job.model, "BF16" if halved else "F32"))
    version = VersionHasher(job.model)
    for index in range(merge.blocks):
        merged = merge.merge_block(index)
        patch.write(merged.patch)
        lengths.append(len(merged.patch))
        state.write(index, merged.state)
        weights = as_bytes(merged.state.weights)
        version.update(weights)
        if job.keyframe:
            keyframe.write(as_bytes(to_halves(merged.state.weights)) if halved else weights)
    patch.seek(0)
    patch.write(patch_head(coordinates, lengths, job.plan.rule.patch))
    for file in (patch, state_file, keyframe):
        file.close()
    base = job.plan.base
    return Merged(
        reply_to=job.id,
        plan_digest=plan_digest(job.plan),
        version=VersionId(branch=base.branch, number=base.number + 1, sha256=version.hexdigest()),
        patch=blobs.take_file(patch_path),
        outer_state=blobs.take_file(state_path),
        keyframe=blobs.take_file(keyframe_path) if job.keyframe else None,
    )


def _open(blobs: BlobFolder, blob: BlobRef) -> BinaryIO:
    try:
        return blobs.path(blob.sha256).open("rb")
    except FileNotFoundError as error:
        raise StorageError("storage.blob_missing", blob=blob.sha256) from error


@contextmanager
def _scratch_file(blobs: BlobFolder) -> Iterator[tuple[Path, BinaryIO]]:
    """A file among the blobs on their way in, where `BlobFolder.clean` removes it should this process be killed."""
    path = blobs.root / "incoming" / f"{secrets.token_hex(16)}.adding"
    try:
        with path.open("w+b") as file:
            yield path, file
    finally:
        path.unlink(missing_ok=True)
