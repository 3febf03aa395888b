"""Creates a run: data, version 0 and the signed manifest."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.blobs.folder import BlobFolder
from sparewatt.durable import storage_errors
from sparewatt.errors import InputError
from sparewatt.numeric.initial import initial_weights
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.numeric.version_hash import version_sha256
from sparewatt.numeric.weights import as_bytes
from sparewatt.signing import Signed, digest, public_key_hex, sign
from sparewatt.work.manifest import MANIFEST_KIND, Manifest
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.create.checkpoint import Checkpoint
from sparewatt_coordinator.create.costs import costs_of
from sparewatt_coordinator.create.profile import Profile
from sparewatt_coordinator.create.shards import store_shards
from sparewatt_coordinator.create.text import collect

TEXT_BYTES_MOST: Final = 32 * 1024 * 1024
# With less, a run would walk over the same few sentences from its first minute on.
ASSIGNMENTS_LEAST: Final = 4


@dataclass(frozen=True)
class RunOptions:
    """What an organiser says.

    Attributes:
        description: what the data are.
        text: file or folder.
        text_bytes_most: how much of it to use; it is held in memory while the run is created.
        seed: orders the data and draws version 0.
        start: what version 0 is instead of drawn numbers; its spec is the profile's model.
    """

    title: str
    purpose: str
    organiser: str
    licence: str
    description: str
    text: Path
    profile: Profile
    text_bytes_most: int = TEXT_BYTES_MOST
    seed: int = 0
    start: Checkpoint | None = None


@dataclass(frozen=True)
class CreatedRun:
    """Attributes:
    run: digest of the manifest, the run's name.
    shards: the blobs of the data's index, in order.
    files, files_skipped: how many files were used and how many were no text.
    """

    run: str
    manifest: Manifest
    signed: Signed
    shards: tuple[BlobRef, ...]
    files: int
    files_skipped: int


def create_run(options: RunOptions, blobs: BlobFolder, organiser_key: Ed25519PrivateKey, now_s: int) -> CreatedRun:
    """Store shards, index, held-out data and version 0 in `blobs` and sign the manifest.

    The same options give the same blobs; every blob is durable when this returns.

    Args:
        now_s: seconds since 1970-01-01 UTC, stated in the manifest.

    Raises:
        InputError: ``text.missing``, ``text.unreadable``, ``text.too_little``; ``run.words`` for words that are too
            long or hold control characters.
        StorageError: as the store.
    """
    profile = options.profile
    documents = collect(options.text, options.text_bytes_most)
    data = store_shards(
        documents,
        blobs,
        sequence_length=profile.sequence_length,
        training_tokens_least=ASSIGNMENTS_LEAST * profile.assignment_tokens,
        seed=options.seed,
        description=options.description,
    )
    start, keyframe = _store_version_0(options, blobs)
    manifest = Manifest(
        format=1,
        task="causal-lm",
        title=options.title,
        purpose=options.purpose,
        organiser=options.organiser,
        licence=options.licence,
        created_at_s=now_s,
        run_key=public_key_hex(organiser_key),
        model=profile.model,
        data=data.spec,
        optimiser=profile.optimiser,
        inner=profile.inner,
        codec=profile.codec,
        outer=profile.outer,
        rounds=profile.rounds,
        costs=costs_of(profile),
        validation="unaudited",
        start=start,
        start_keyframe=keyframe,
    )
    _check_words(manifest)
    return CreatedRun(
        run=digest(manifest),
        manifest=manifest,
        signed=sign(MANIFEST_KIND, manifest, organiser_key),
        shards=data.shards,
        files=documents.files,
        files_skipped=documents.files_skipped,
    )


def _store_version_0(options: RunOptions, blobs: BlobFolder) -> tuple[VersionId, BlobRef]:
    spec = options.profile.model
    weights = initial_weights(spec, options.seed) if options.start is None else options.start.weights
    version = VersionId(branch=0, number=0, sha256=version_sha256(spec, as_bytes(weights)))
    with tempfile.TemporaryDirectory(prefix="sparewatt-create-") as folder:
        path = Path(folder, "version-0.safetensors")
        with storage_errors(path.parent), path.open("wb") as sink:
            write_keyframe(spec, weights, sink)
        return version, blobs.add_file(path)


def _check_words(manifest: Manifest) -> None:
    """Bounds are checked where a manifest is decoded: decode it here, too, before anybody signs it."""
    try:
        msgspec.convert(msgspec.to_builtins(manifest), Manifest)
    except msgspec.ValidationError as error:
        raise InputError("run.words", detail=str(error)[:200]) from error
