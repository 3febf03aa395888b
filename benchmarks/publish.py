"""From a closed round to a published version, with the real aggregator process, store and folder of blobs."""

import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import psutil

from benchmarks.gradients import write_updates
from benchmarks.measurement import Measurement, Target, absolute
from benchmarks.merge import NESTEROV, SPARSE, UPDATES
from sparewatt.blobs.folder import BlobFolder
from sparewatt.numeric.codec import update_bytes_most
from sparewatt.numeric.initial import initial_weights
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.numeric.version_hash import version_sha256
from sparewatt.numeric.weights import as_bytes
from sparewatt.signing import Signed, digest, public_key_hex, sign
from sparewatt.work.manifest import MANIFEST_KIND, CodecSpec, Manifest, OuterSpec
from sparewatt.work.model import ModelSpec, parameter_count
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.server.aggregators import ChildAggregators
from sparewatt_coordinator.server.establish import establish_run
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.store.base import Accepted, Leased, Published, Registered, Sign, Store
from sparewatt_coordinator.testing import runs

MODEL: Final = ModelSpec("llama", 256, 1024, 2752, 8, 16, 16, 64)
SHARD_TOKENS: Final = (64 * runs.FULL_TOKENS,)
NOW: Final = 1_000_000
REPETITIONS: Final = 2
SECRET: Final = runs.sha256("secret")
CONTRIBUTOR: Final = public_key_hex(runs.key(10))


@dataclass(frozen=True)
class Round:
    """Seconds of one round, from closing to publishing.

    Attributes:
        wall: by the clock.
        merging: of it, the aggregator's answer.
        processor: of the aggregator, both cores together.
        read_and_written_bytes: by the aggregator, from and to files.
    """

    wall: float
    merging: float
    processor: float
    read_and_written_bytes: int


def publish() -> tuple[Measurement, ...]:
    """From "round closed" to "version published": 101 M parameters, 16 updates, the real aggregator and store."""
    return (
        _measured("publish-int8", CodecSpec("int8", "none"), NESTEROV),
        _measured("publish-topk-128", CodecSpec("topk", "none", kept=128), SPARSE),
    )


def _measured(name: str, codec: CodecSpec, rule: OuterSpec) -> Measurement:
    with tempfile.TemporaryDirectory() as place:
        rounds = asyncio.run(_rounds(Path(place), codec, rule))
    notes = (
        f"{parameter_count(MODEL) / 1e6:.0f} M parameters, {UPDATES} updates, a plan fixed, merged and published",
        "aggregator: " + ", ".join(f"{each.merging:.1f} s ({each.processor:.1f} s of processor)" for each in rounds),
        f"it moved {max(each.read_and_written_bytes for each in rounds) / 1e9:.1f} GB; load {os.getloadavg()[0]:.1f}",
    )
    return absolute(name, "s", [each.wall for each in rounds], Target("at most", 10.0), notes)


async def _rounds(place: Path, codec: CodecSpec, rule: OuterSpec) -> list[Round]:
    folder, manifest = _established(place / "run", codec, rule)
    blobs = BlobFolder(folder.blobs)
    online = folder.read_online_key()
    payloads = list(write_updates(UPDATES, parameter_count(MODEL), codec, blobs.take_file, place / "scratch"))
    store = sqlite.open(folder.database)
    aggregators = ChildAggregators(manifest, folder.blobs, dict(os.environ), 1, lambda _: None)

    def by_run(kind: str, value: object) -> Signed:
        return sign(kind, value, online)

    try:
        found = []
        for number in range(1, REPETITIONS + 1):
            for place_in_round, payload in enumerate(payloads):
                _accept(store, number * UPDATES + place_in_round, payload, by_run)
            found.append(await _one(store, aggregators, number, by_run))
    finally:
        await aggregators.stop()
        store.close()
    return found


def _established(root: Path, codec: CodecSpec, rule: OuterSpec) -> tuple[DataFolder, Manifest]:
    """A run of the large model whose version 0 is real."""
    folder = DataFolder(root)
    folder.make()
    blobs = BlobFolder(folder.blobs)
    weights = initial_weights(MODEL, 1)
    keyframe = root / "keyframe"
    with keyframe.open("wb") as sink:
        write_keyframe(MODEL, weights, sink)
    small = runs.manifest(SHARD_TOKENS)
    size = update_bytes_most(codec, parameter_count(MODEL))
    manifest = msgspec.structs.replace(
        small,
        costs=msgspec.structs.replace(small.costs, upload_bytes_per_update=size),
        model=MODEL,
        codec=codec,
        outer=rule,
        start=VersionId(0, 0, version_sha256(MODEL, as_bytes(weights))),
        start_keyframe=blobs.take_file(keyframe),
    )
    shards = tuple(runs.blob(f"shard {number}", tokens) for number, tokens in enumerate(SHARD_TOKENS))
    establish_run(folder, manifest, sign(MANIFEST_KIND, manifest, runs.RUN_KEY), shards, runs.RUN_KEY, NOW)
    store = sqlite.open(folder.database)
    store.create_invite(SECRET, uses=1, expires_at_s=NOW, trusted=True)
    assert store.register_contributor(CONTRIBUTOR, SECRET, NOW) == Registered(trusted=True)
    store.close()
    return folder, manifest


def _accept(store: Store, number: int, payload: BlobRef, by_run: Sign) -> None:
    """One more update, as if a device of its own had trained a whole assignment."""
    leased = store.lease_assignment(runs.lease_request(CONTRIBUTOR, number, f"device {number}"), by_run, NOW)
    assert isinstance(leased, Leased), leased
    update = msgspec.structs.replace(runs.update_for(leased.assignment), payload=payload)
    accepted = store.accept_update(CONTRIBUTOR, update, digest(update), by_run, NOW)
    assert isinstance(accepted, Accepted), accepted


async def _one(store: Store, aggregators: ChildAggregators, number: int, by_run: Sign) -> Round:
    before = _used(aggregators.pid)
    began = time.perf_counter()
    assert store.plan_merge(number), "the round holds updates and none is being merged"
    task = store.lease_merge(number)
    assert task is not None, "it was just planned"
    asked = time.perf_counter()
    publication = await aggregators.merge(task)
    merging = time.perf_counter() - asked
    published = store.publish(publication, by_run, NOW)
    wall = time.perf_counter() - began
    assert isinstance(published, Published), published
    after = _used(aggregators.pid)
    return Round(wall, merging, after[0] - before[0], after[1] - before[1])


def _used(pid: int | None) -> tuple[float, int]:
    """Seconds of processor time and bytes read and written by a process; none before it was started."""
    if pid is None:
        return 0.0, 0
    process = psutil.Process(pid)
    times, moved = process.cpu_times(), process.io_counters()
    return times.user + times.system, moved.read_chars + moved.write_chars
