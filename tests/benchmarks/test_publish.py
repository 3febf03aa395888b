"""The benchmark of publishing, with a small model: real rounds of the real aggregator."""

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import publish
from benchmarks.merge import PROFILES, SPARSE
from sparewatt.blobs.folder import BlobFolder
from sparewatt.numeric.keyframe import read_keyframe
from sparewatt.numeric.version_hash import version_sha256
from sparewatt.numeric.weights import as_bytes
from sparewatt.work.manifest import CodecSpec, OuterSpec
from sparewatt.work.model import ModelSpec, parameter_count
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.store import sqlite

SMALL = ModelSpec("llama", 256, 32, 64, 2, 2, 2, 64)
UPDATES = 2


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "MODEL", SMALL)
    monkeypatch.setattr(publish, "UPDATES", UPDATES)


@pytest.mark.processes
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("codec", "rule"), [PROFILES[0], PROFILES[-1]], ids=lambda value: getattr(value, "name", ""))
def test_every_round_publishes_a_version_of_all_updates(codec: CodecSpec, rule: OuterSpec, tmp_path: Path) -> None:
    rounds = asyncio.run(publish._rounds(tmp_path, codec, rule))
    assert len(rounds) == publish.REPETITIONS
    for each in rounds:
        assert 0 < each.merging <= each.wall
        # Weights, remainder and momentum are read and written, whatever the codec.
        assert each.read_and_written_bytes > 2 * 12 * parameter_count(SMALL)
    store = sqlite.open(DataFolder(tmp_path / "run").database)
    try:
        assert store.status().version.number == publish.REPETITIONS
        assert store.status().gathering_updates == 0
    finally:
        store.close()


@pytest.mark.usefixtures("small")
def test_the_run_it_makes_starts_at_the_version_that_its_keyframe_holds(tmp_path: Path) -> None:
    codec = CodecSpec("topk", "none", kept=128)
    folder, manifest = publish._established(tmp_path / "run", codec, SPARSE)
    assert (manifest.model, manifest.codec, manifest.outer) == (SMALL, codec, SPARSE)
    weights = np.empty(parameter_count(SMALL), dtype=np.float32)
    with BlobFolder(folder.blobs).path(manifest.start_keyframe.sha256).open("rb") as source:
        read_keyframe(SMALL, source, weights)
    assert version_sha256(SMALL, as_bytes(weights)) == manifest.start.sha256


def test_what_a_process_used_grows_with_what_it_reads(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(1 << 20))
    before = publish._used(os.getpid())
    file.read_bytes()
    after = publish._used(os.getpid())
    assert after[1] - before[1] >= 1 << 20
    assert after[0] >= before[0]


def test_an_aggregator_that_was_not_started_has_used_nothing() -> None:
    assert publish._used(None) == (0.0, 0)
