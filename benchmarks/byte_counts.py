"""Bytes that a contributor sends and receives for an outer step, against data-parallel training of the same tokens."""

import asyncio
import io
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.gradients import PseudoGradients
from benchmarks.measurement import Measurement, Target, absolute
from benchmarks.rig import Rig, rig
from sparewatt.numeric.blocks import BLOCK_COORDINATES, block_count, block_size
from sparewatt.numeric.codec import UPDATE_FORMAT, encode_update, update_bytes_most
from sparewatt.numeric.patch import encode_block, patch_bytes_most, patch_head
from sparewatt.numeric.residual import BYTES_PER_COORDINATE, Residual
from sparewatt.numeric.weights import FLOAT
from sparewatt.work.manifest import CodecSpec, PatchSpec
from sparewatt.work.model import parameter_count
from sparewatt_coordinator.create.profile import try_profile

COORDINATES: Final = 500_000_000
INNER_STEPS: Final = 30
DECAY_MICRO: Final = 950_000
# What data-parallel training sends and receives in each inner step, of each parameter: the least that an all-reduce
# needs is to send every gradient once and to receive every sum once, as fp32. A ring of n sends and receives
# 2 (n - 1) / n times 4 bytes each way: these 4 with two workers, nearly twice as much with many.
GRADIENT_BYTES: Final = 4
UP: Final = Target("at least", 6_000.0)
BOTH: Final = Target("at least", 1_900.0)
# Error feedback makes the second update of a device another one than the first: this many are made of each block.
UPDATES_OF_A_BLOCK: Final = 2
# Every so many blocks are encoded of sparse codecs; a block is 2**18 coordinates, so these are millions.
EVERY_BLOCK: Final = 4
SECONDS: Final = 60.0
# A round of this run closes eight seconds after its first update at the latest, and its merge takes less than one.
QUIET_SECONDS: Final = 12.0
PROFILES: Final = (
    (CodecSpec("topk", "decay", kept=64, decay_micro=DECAY_MICRO), PatchSpec("topk", kept=512)),
    (CodecSpec("topk", "decay", kept=128, decay_micro=DECAY_MICRO), PatchSpec("topk", kept=512)),
    (CodecSpec("topk", "decay", kept=256, decay_micro=DECAY_MICRO), PatchSpec("topk", kept=512)),
    (CodecSpec("int4", "decay", decay_micro=DECAY_MICRO), PatchSpec("int4")),
    (CodecSpec("int8", "none"), PatchSpec("int8")),
    (CodecSpec("fp16", "none"), PatchSpec("int8")),
)


def byte_counts() -> tuple[Measurement, ...]:
    """Bytes of an outer step up and down, 500 M parameters, against fp32 data-parallel; other traffic of a real run."""
    made = PseudoGradients(1)
    patches = {patch: _patch_bytes(patch, made) for patch in {patch for _, patch in PROFILES}}
    computed = [found for codec, patch in PROFILES for found in _compared(codec, patch, patches[patch], made)]
    return (*computed, *asyncio.run(_on_the_socket()))


def _compared(codec: CodecSpec, patch: PatchSpec, patch_bytes: int, made: PseudoGradients) -> tuple[Measurement, ...]:
    up = _update_bytes(codec, made)
    gradients = GRADIENT_BYTES * COORDINATES * INNER_STEPS
    name = f"{codec.name}-{codec.kept}" if codec.kept else codec.name
    sparse = codec.kept == 64
    sent = (
        f"{up:,} bytes for {COORDINATES / 1e6:.0f} M parameters and {INNER_STEPS} inner steps,"
        f" where gradients are {gradients:,}; "
        + (f"every {EVERY_BLOCK}th block encoded" if codec.kept else "a dense codec has one length"),
    )
    received = (f"{up:,} bytes up and {patch_bytes:,} down, patch {patch.name} {patch.kept or ''}".rstrip(),)
    return (
        absolute(f"bytes-up-{name}", "times fewer", [gradients / up], UP if sparse else None, sent),
        absolute(
            f"bytes-both-{name}",
            "times fewer",
            [2 * gradients / (up + patch_bytes)],
            BOTH if sparse else None,
            received,
        ),
    )


def _update_bytes(codec: CodecSpec, made: PseudoGradients) -> int:
    """Length of a payload; of a sparse codec from the production encoder, block by block, the last of two updates."""
    if not codec.kept:
        return update_bytes_most(codec, COORDINATES)
    zeros = np.zeros(BLOCK_COORDINATES, dtype=FLOAT)
    sizes = []
    for index in range(0, block_count(COORDINATES), EVERY_BLOCK):
        size = block_size(index, COORDINATES)
        memory = bytearray(BYTES_PER_COORDINATE * size)
        for update in range(UPDATES_OF_A_BLOCK):
            sink = io.BytesIO()
            residual = Residual(memory, size, codec.decay_micro, 1)
            encode_update(zeros[:size], -made.block(update, index, size), codec, sink, residual)
        sizes.append(len(sink.getvalue()) - len(UPDATE_FORMAT.head(4, size, [0], codec.kept)))
    blocks = block_count(COORDINATES)
    head = len(UPDATE_FORMAT.head(4, COORDINATES, [0] * blocks, codec.kept))
    return head + round(sum(sizes) / len(sizes) * blocks)


def _patch_bytes(spec: PatchSpec, made: PseudoGradients) -> int:
    """Length of a patch; of a sparse one from the production encoder."""
    if not spec.kept:
        return patch_bytes_most(COORDINATES, spec)
    sizes = []
    for index in range(0, block_count(COORDINATES), EVERY_BLOCK):
        wanted = made.block(0, index, block_size(index, COORDINATES)).astype(np.float64)
        block, _ = encode_block(wanted, spec)
        sizes.append(len(block))
    blocks = block_count(COORDINATES)
    return len(patch_head(COORDINATES, [0] * blocks, spec)) + round(sum(sizes) / len(sizes) * blocks)


@dataclass(frozen=True)
class Seen:
    """What had happened at one moment, with nothing on its way.

    Attributes:
        up, down: bytes that had passed the socket.
        updates: with a receipt.
        versions: announced.
        at: seconds of the monotonic clock.
    """

    up: int
    down: int
    updates: int
    versions: int
    at: float


def other_traffic(first: Seen, last: Seen, update: int, patch: int) -> tuple[Measurement, ...]:
    """What passed between two moments beside updates of `update` bytes and patches of `patch` bytes."""
    updates, versions = last.updates - first.updates, last.versions - first.versions
    up, down, seconds = last.up - first.up, last.down - first.down, last.at - first.at
    notes = (
        f"{up:,} bytes up in {seconds:.0f} s, of them {updates} updates of {update:,}",
        f"{down:,} bytes down, of them {versions} patches of {patch:,}; the rest is mostly the next data",
    )
    return (
        absolute("bytes-other-up", "bytes/s", [(up - updates * update) / seconds], None, notes),
        absolute("bytes-other-down", "bytes/s", [(down - versions * patch) / seconds], None, notes),
    )


async def _on_the_socket() -> tuple[Measurement, ...]:
    """A real run of a small model: what passes the socket beside updates and versions."""
    spec = try_profile(1, 60.0)
    update = update_bytes_most(spec.codec, parameter_count(spec.model))
    patch = patch_bytes_most(parameter_count(spec.model), spec.outer.patch)
    async with rig(threads=1) as system:
        await system.until_worker("training", inner_steps=1)
        first = await _settled(system)
        await system.resume()
        await system.until_worker("training", inner_steps=1)
        await asyncio.sleep(SECONDS)
        last = await _settled(system)
    return other_traffic(first, last, update, patch)


async def _settled(system: Rig) -> Seen:
    """Once training has been stopped, every update has its receipt and no version comes any more: an update whose bytes
    have passed and that is not yet counted would be missing from what is counted. The newest version is fetched only
    when a worker comes again, both times alike."""
    if not await system.contributor.deliver():
        raise TimeoutError("the contributor did not deliver all of its updates")
    version, since = _version(system), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        system.children.check()
        await asyncio.sleep(0.05)
        if _version(system) != version:
            version, since = _version(system), time.monotonic()
    snapshot = system.contributor.snapshot
    assert snapshot is not None, "what was delivered was seen in it"
    accepted = sum(run.updates_accepted for run in snapshot.runs)
    return Seen(system.between.up, system.between.down, accepted, version, time.monotonic())


def _version(system: Rig) -> int:
    """The newest that was announced: which one is applied is not known while there is no worker."""
    snapshot = system.contributor.snapshot
    return 0 if snapshot is None else max((run.version_latest or 0 for run in snapshot.runs), default=0)
