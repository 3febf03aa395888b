"""A small run with real signatures: manifest, online key, invite and receipts."""

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.signing import Signed, digest, public_key_hex, sign
from sparewatt.work.invite import Invite, format_invite, run_key_sha256
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
from sparewatt.work.receipt import RECEIPT_KIND, Receipt
from sparewatt.work.version import BlobRef, VersionId


class SmallRun(msgspec.Struct, frozen=True):
    """Attributes:
    run: digest of the manifest.
    receipts: as many as were asked for, in the order of the coordinator's log.
    """

    run: str
    manifest: Signed
    run_key: str
    online_keys: tuple[Signed, ...]
    receipts: tuple[Signed, ...]
    invite: str


def small_run(receipts: int = 3, title: str = "Bedtime stories") -> SmallRun:
    """The same run every time: keys come from fixed bytes."""
    organiser, online = _key(1), _key(2)
    stated = msgspec.structs.replace(manifest(public_key_hex(organiser)), title=title)
    run = digest(stated)
    run_key = public_key_hex(organiser)
    return SmallRun(
        run=run,
        manifest=sign(MANIFEST_KIND, stated, organiser),
        run_key=run_key,
        online_keys=(sign(ROTATION_KIND, OnlineKey(run, 1, public_key_hex(online), 0), organiser),),
        receipts=tuple(sign(RECEIPT_KIND, _receipt(run, number), online) for number in range(1, receipts + 1)),
        invite=format_invite(Invite("ws://127.0.0.1:7520", run, run_key_sha256(run_key), "s" * 32)),
    )


def manifest(run_key: str) -> Manifest:
    """A manifest of a model with 5 thousand parameters over a few bytes."""
    blob = BlobRef("0" * 64, 1_000)
    return Manifest(
        format=1,
        task="causal-lm",
        title="Bedtime stories",
        purpose="to read to children",
        organiser="A library",
        licence="CC0-1.0",
        created_at_s=1_795_000_000,
        run_key=run_key,
        model=ModelSpec("llama", 256, 16, 32, 1, 2, 2, 64),
        data=DataSpec("bytes", "u8", 256, "nats_per_byte", 64, 4, 65_536, blob, blob, 1_024, "old stories"),
        optimiser=OptimiserSpec("adamw", 900_000, 950_000, 10_000, 100_000, 1_000, 1_000_000, 100_000, 0, 200_000),
        inner=InnerSpec(30, 8, "fresh"),
        codec=CodecSpec("int8", "none"),
        outer=OuterSpec("nesterov", 700_000, 900_000, 4, 10),
        rounds=RoundSpec(15_360, 500, 60, 2_000, 10_000_000, 180),
        costs=CostSpec(2_000_000, 10_000, 20_000, 50_000_000, 600_000_000),
        validation="unaudited",
        start=VersionId(0, 0, "1" * 64),
        start_keyframe=blob,
    )


def _receipt(run: str, number: int) -> Receipt:
    return Receipt(
        run=run,
        contributor="c" * 64,
        device="d" * 32,
        assignment_id=f"{number:032x}",
        update=f"{number:064x}",
        tokens=15_360,
        credit_micro=500,
        state="verified",
        round=number,
        merged="yes",
        accepted_at_s=1_795_000_000 + number,
        sequence=number,
    )


def _key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
