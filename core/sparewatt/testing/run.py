"""A small run with its keys, as an organiser would make one."""

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.credit.keychain import KeyChain
from sparewatt.session.protocol import SessionTerms
from sparewatt.signing import Signed, digest, public_key_hex, sign
from sparewatt.work.invite import Invite, run_key_sha256
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
from sparewatt.work.receipt import ANNOUNCEMENT_KIND, Announcement
from sparewatt.work.version import BlobRef, VersionId


def private_key(seed: int) -> Ed25519PrivateKey:
    """A key that is the same every time."""
    return Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))


def version(number: int, branch: int = 0) -> VersionId:
    return VersionId(branch=branch, number=number, sha256=f"{number + 1:064x}")


class FakeRun:
    """A run whose organiser and coordinator are at hand.

    Args:
        seed: different seeds are different runs with different keys.
        title: with the same seed, a run of the same organiser.
    """

    def __init__(self, seed: int = 1, title: str = "A small run") -> None:
        self.run_key = private_key(1_000 + seed)
        self.online = private_key(2_000 + seed)
        self.manifest = msgspec.structs.replace(_manifest(public_key_hex(self.run_key)), title=title)
        self.run = digest(self.manifest)
        self.signed_manifest = sign(MANIFEST_KIND, self.manifest, self.run_key)
        self.signed_online_key = self.online_key(0, self.online)

    @property
    def run_key_sha256(self) -> str:
        return run_key_sha256(public_key_hex(self.run_key))

    def invite(self, url: str = "ws://127.0.0.1:8600") -> Invite:
        return Invite(url=url, run=self.run, run_key_sha256=self.run_key_sha256, secret="s" * 32)

    def terms(self, invite_secret: str | None = None) -> SessionTerms:
        """What an engine brings to its first session with the run."""
        chain = KeyChain(run=self.run, run_key_sha256=self.run_key_sha256)
        return SessionTerms(
            run=self.run,
            run_key_sha256=self.run_key_sha256,
            purpose="work",
            invite_secret=invite_secret,
            chain=chain,
            highest=None,
            software="tests",
        )

    def online_key(self, sequence: int, key: Ed25519PrivateKey) -> Signed:
        """The organiser's word for an online key."""
        stated = OnlineKey(run=self.run, sequence=sequence, key=public_key_hex(key), not_before_s=0)
        return sign(ROTATION_KIND, stated, self.run_key)

    def announcement(self, sequence: int, number: int, branch: int = 0) -> Announcement:
        """Version `number`, reached by a patch from the one before it."""
        first = number == 0
        return Announcement(
            run=self.run,
            sequence=sequence,
            version=version(number, branch),
            previous=None if first else version(number - 1, branch),
            patch=None if first else BlobRef(sha256=f"{number:064x}", size=1_000),
            keyframe=self.manifest.start_keyframe if first else None,
            evaluations=(),
            tokens=0,
            contributors=1,
            state="open",
            words="",
            at_s=0,
        )

    def announce(self, sequence: int, number: int, branch: int = 0) -> Signed:
        return sign(ANNOUNCEMENT_KIND, self.announcement(sequence, number, branch), self.online)


def _manifest(run_key: str) -> Manifest:
    blob = BlobRef(sha256="ab" * 32, size=1_000)
    return Manifest(
        format=1,
        task="causal-lm",
        title="A small run",
        purpose="Shows that sessions work.",
        organiser="Nobody",
        licence="CC0-1.0",
        created_at_s=1,
        run_key=run_key,
        model=ModelSpec(
            architecture="llama",
            vocabulary_size=256,
            hidden_size=32,
            intermediate_size=64,
            layers=1,
            heads=2,
            key_value_heads=2,
            context_length=32,
        ),
        data=DataSpec(
            tokenizer="bytes",
            token_dtype="u8",  # noqa: S106 no password
            vocabulary_size=256,
            loss_unit="nats_per_byte",
            sequence_length=32,
            shards=1,
            tokens=32_000,
            index=blob,
            held_out=blob,
            held_out_tokens=320,
            description="Nothing in particular.",
        ),
        optimiser=OptimiserSpec(
            name="adamw",
            beta1_micro=900_000,
            beta2_micro=950_000,
            epsilon_pico=10_000,
            weight_decay_micro=100_000,
            clip_norm_milli=1_000,
            peak_rate_nano=3_000_000,
            final_rate_micro=100_000,
            warmup_tokens=0,
            decay_micro=200_000,
        ),
        inner=InnerSpec(inner_steps=4, batch_sequences=2, state="fresh"),
        codec=CodecSpec(name="int8", error_feedback="none"),
        outer=OuterSpec(rule="sgd", rate_micro=1_000_000, momentum_micro=0, staleness_most=1, keyframe_every=10),
        rounds=RoundSpec(
            tokens_target=256,
            grace_milliseconds=0,
            seconds_most=60,
            next_version_wait_milliseconds=0,
            tokens_total=32_000,
            seconds_total=0,
        ),
        costs=CostSpec(
            download_bytes_first=1_000,
            download_bytes_per_version=1_000,
            upload_bytes_per_update=1_000,
            disk_bytes=1_000,
            memory_bytes=1_000,
        ),
        validation="unaudited",
        start=version(0),
        start_keyframe=blob,
    )
