"""Creates a run: data, version 0 and the signed manifest."""

import tempfile
from dataclasses import dataclass, field
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
from sparewatt.numeric.weights import Floats, as_bytes
from sparewatt.signing import Signed, digest, public_key_hex, sign
from sparewatt.work.manifest import MANIFEST_KIND, FrozenBase, Manifest
from sparewatt.work.model import ModelSpec
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.create.checkpoint import Checkpoint
from sparewatt_coordinator.create.costs import costs_of
from sparewatt_coordinator.create.data import DataOptions, Progress, StoredData, silent, store_data
from sparewatt_coordinator.create.profile import Profile
from sparewatt_coordinator.create.tokens import ByteTokens, Tokens

TEXT_BYTES_MOST: Final = 32 * 1024 * 1024
# With less, a run would walk over the same few sentences from its first minute on.
ASSIGNMENTS_LEAST: Final = 4


@dataclass(frozen=True)
class RunOptions:
    """What an organiser says.

    Attributes:
        description: what the data are.
        text: file or folder.
        text_bytes_most: how much of it to use; None for all.
        seed: orders the data and draws what version 0 is drawn from.
        start: what version 0 is instead of drawn numbers, or what an adapter stands on; its spec is the profile's
            model without an adapter.
        tokens: how text becomes tokens.
        data_licence: of the data, where it is not the run's.
        text_field, refuse_unusable: as `data.DataOptions`.
    """

    title: str
    purpose: str
    organiser: str
    licence: str
    description: str
    text: Path
    profile: Profile
    text_bytes_most: int | None = TEXT_BYTES_MOST
    seed: int = 0
    start: Checkpoint | None = None
    tokens: Tokens = field(default_factory=ByteTokens)
    data_licence: str = ""
    text_field: str = "text"
    refuse_unusable: bool = False


@dataclass(frozen=True)
class CreatedRun:
    """Attributes:
    run: digest of the manifest, the run's name.
    shards: the blobs of the data's index, in order.
    files: how many files were used.
    skipped: how many files, and parts of files, were left out.
    """

    run: str
    manifest: Manifest
    signed: Signed
    shards: tuple[BlobRef, ...]
    files: int
    skipped: int


def create_run(
    options: RunOptions,
    blobs: BlobFolder,
    organiser_key: Ed25519PrivateKey,
    now_s: int,
    progress: Progress = silent,
) -> CreatedRun:
    """Store shards, index, held-out data and version 0 in `blobs` and sign the manifest.

    The same options give the same blobs; every blob is durable when this returns.

    Args:
        now_s: seconds since 1970-01-01 UTC, stated in the manifest.

    Raises:
        InputError: as `data.store_data`; ``tokenizer.vocabulary`` for tokens that the model does not have;
            ``run.words`` for words that are too long or hold control characters.
        UnavailableError: ``parquet.missing``.
        StorageError: as the store.
    """
    profile = options.profile
    data = _store_data(options, blobs, progress)
    start, keyframe, frozen = _store_start(options, blobs)
    manifest = Manifest(
        format=1,
        task="causal-lm" if frozen is None else "causal-lm-lora",
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
        frozen=frozen,
    )
    _check_words(manifest)
    return CreatedRun(
        run=digest(manifest),
        manifest=manifest,
        signed=sign(MANIFEST_KIND, manifest, organiser_key),
        shards=data.shards,
        files=data.files,
        skipped=data.skipped,
    )


def _store_data(options: RunOptions, blobs: BlobFolder, progress: Progress) -> StoredData:
    profile, tokens = options.profile, options.tokens
    if tokens.vocabulary_size > profile.model.vocabulary_size:
        raise InputError("tokenizer.vocabulary", found=tokens.vocabulary_size, most=profile.model.vocabulary_size)
    return store_data(
        DataOptions(
            text=options.text,
            description=options.description,
            licence=options.data_licence,
            field=options.text_field,
            bytes_most=options.text_bytes_most,
            refuse_unusable=options.refuse_unusable,
        ),
        tokens,
        blobs,
        sequence_length=profile.sequence_length,
        training_tokens_least=ASSIGNMENTS_LEAST * profile.assignment_tokens,
        seed=options.seed,
        progress=progress,
    )


def _store_start(options: RunOptions, blobs: BlobFolder) -> tuple[VersionId, BlobRef, FrozenBase | None]:
    """Version 0, its keyframe, and what its adapter stands on."""
    spec, start = options.profile.model, options.start
    frozen = None
    if spec.adapter is not None:
        assert start is not None, "an adapter stands on a checkpoint"
        sha256, blob = _store_weights(start.spec, start.weights, blobs)
        frozen = FrozenBase(weights=blob, sha256=sha256)
        start = None
    weights = initial_weights(spec, options.seed) if start is None else start.weights
    sha256, keyframe = _store_weights(spec, weights, blobs)
    return VersionId(branch=0, number=0, sha256=sha256), keyframe, frozen


def _store_weights(spec: ModelSpec, weights: Floats, blobs: BlobFolder) -> tuple[str, BlobRef]:
    """The hash of `weights`, and the keyframe that holds them."""
    # Beside the blobs, not in the system's folder for temporary files, which may lie in memory.
    with storage_errors(blobs.root), tempfile.TemporaryDirectory(prefix="keyframe-", dir=blobs.root) as folder:
        path = Path(folder, "weights.safetensors")
        with path.open("wb") as sink:
            write_keyframe(spec, weights, sink)
        return version_sha256(spec, as_bytes(weights)), blobs.add_file(path)


def _check_words(manifest: Manifest) -> None:
    """Bounds are checked where a manifest is decoded: decode it here, too, before anybody signs it."""
    try:
        msgspec.convert(msgspec.to_builtins(manifest), Manifest)
    except msgspec.ValidationError as error:
        raise InputError("run.words", detail=str(error)[:200]) from error
