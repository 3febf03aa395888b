"""A small run with everything signed, made from numbers alone."""

import hashlib

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.signing import Signed, digest, public_key_hex, sign
from sparewatt.wire.messages import DeviceOffer
from sparewatt.work.assignment import Assignment
from sparewatt.work.manifest import (
    MANIFEST_KIND,
    ROTATION_KIND,
    CodecSpec,
    CostSpec,
    DataSpec,
    InnerSpec,
    Manifest,
    OnlineKey,
    OptimiserSpec,
    OuterSpec,
    RoundSpec,
)
from sparewatt.work.model import ModelSpec
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.store.base import LeaseRequest, NewRun

SEQUENCE_LENGTH = 8
BATCH_SEQUENCES = 2
STEP_TOKENS = SEQUENCE_LENGTH * BATCH_SEQUENCES
INNER_STEPS = 8
FULL_TOKENS = INNER_STEPS * STEP_TOKENS


def key(number: int) -> Ed25519PrivateKey:
    """The same key for the same number."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"key {number}".encode()).digest())


RUN_KEY, ONLINE_KEY = key(1), key(2)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def identifier(text: str) -> str:
    return sha256(text)[:32]


def blob(text: str, size: int = 100) -> BlobRef:
    return BlobRef(sha256=sha256(text), size=size)


def online_sign(kind: str, value: object) -> Signed:
    return sign(kind, value, ONLINE_KEY)


def manifest(shard_tokens: tuple[int, ...] = (1024, 512, 520), rounds: RoundSpec | None = None) -> Manifest:
    return Manifest(
        format=1,
        task="causal-lm",
        title="A small run",
        purpose="Tests",
        organiser="Tests",
        licence="CC0-1.0",
        created_at_s=1_000,
        run_key=public_key_hex(RUN_KEY),
        model=ModelSpec(
            architecture="llama",
            vocabulary_size=256,
            hidden_size=16,
            intermediate_size=32,
            layers=1,
            heads=2,
            key_value_heads=2,
            context_length=SEQUENCE_LENGTH,
        ),
        data=DataSpec(
            tokenizer="bytes",
            token_dtype="u8",  # noqa: S106 - a number format, not a password
            vocabulary_size=256,
            loss_unit="nats_per_byte",
            sequence_length=SEQUENCE_LENGTH,
            shards=len(shard_tokens),
            tokens=sum(shard_tokens),
            index=blob("index"),
            held_out=blob("held-out"),
            held_out_tokens=100,
            description="numbers",
        ),
        optimiser=OptimiserSpec(
            name="adamw",
            beta1_micro=900_000,
            beta2_micro=950_000,
            epsilon_pico=10_000,
            weight_decay_micro=0,
            clip_norm_milli=1_000,
            peak_rate_nano=1_000_000,
            final_rate_micro=100_000,
            warmup_tokens=0,
            decay_micro=200_000,
        ),
        inner=InnerSpec(inner_steps=INNER_STEPS, batch_sequences=BATCH_SEQUENCES, state="fresh"),
        codec=CodecSpec(name="int8", error_feedback="none"),
        outer=OuterSpec(rule="sgd", rate_micro=1_000_000, momentum_micro=0, staleness_most=1, keyframe_every=3),
        rounds=rounds
        or RoundSpec(
            tokens_target=FULL_TOKENS,
            grace_milliseconds=0,
            seconds_most=10,
            next_version_wait_milliseconds=0,
            tokens_total=1_000_000,
            seconds_total=0,
        ),
        costs=CostSpec(
            download_bytes_first=1_000_000,
            download_bytes_per_version=1_000_000,
            upload_bytes_per_update=1_000_000,
            disk_bytes=1_000_000,
            memory_bytes=1_000_000,
        ),
        validation="unaudited",
        start=VersionId(branch=0, number=0, sha256=sha256("version 0")),
        start_keyframe=blob("keyframe 0"),
    )


def new_run(of: Manifest, shard_tokens: tuple[int, ...] = (1024, 512, 520)) -> NewRun:
    """`of`, signed, with shards of one byte a token."""
    online = OnlineKey(run=digest(of), sequence=0, key=public_key_hex(ONLINE_KEY), not_before_s=0)
    return NewRun(
        manifest=sign(MANIFEST_KIND, of, RUN_KEY),
        online_key=sign(ROTATION_KIND, online, RUN_KEY),
        shards=tuple(blob(f"shard {number}", tokens) for number, tokens in enumerate(shard_tokens)),
    )


def lease_request(
    contributor: str, number: int, device: str = "device", session: str = "session", base: VersionId | None = None
) -> LeaseRequest:
    """The request that gets the assignment named by `number`."""
    return LeaseRequest(
        contributor=contributor,
        offer=DeviceOffer(device=identifier(device), kind="cpu", tokens_per_s=0, memory_bytes=0),
        base=base,
        session=identifier(session),
        request=number,
        assignment_id=identifier(f"assignment {number}"),
        seed=number,
    )


def update_for(assignment: Assignment, steps: int | None = None, base: VersionId | None = None) -> Update:
    """A finished update; `steps` inner steps when it was cut short."""
    done = assignment.inner_steps if steps is None else steps
    return Update(
        assignment_id=assignment.assignment_id,
        run=assignment.run,
        device=assignment.device,
        fence=assignment.fence,
        base=base or assignment.base,
        payload=blob(f"payload {assignment.assignment_id} {done}"),
        tokens=done * STEP_TOKENS,
        inner_steps=done,
        loss_first_micro=3_000_000,
        loss_last_micro=2_900_000,
        train_milliseconds=1_000,
        delta_root=sha256("delta"),
    )


def update_sha256(update: Update) -> str:
    return digest(update)


def with_rounds(of: Manifest, **changes: int) -> Manifest:
    return msgspec.structs.replace(of, rounds=msgspec.structs.replace(of.rounds, **changes))
