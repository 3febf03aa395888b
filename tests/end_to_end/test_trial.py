"""The main job as its user types it: one command trains a real model on this computer."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
import pytest

from sparewatt.work.receipt import Announcement
from sparewatt_coordinator.testing.own_locks import own_locks

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]

# Twelve full assignments of 61,440 tokens.
TOKENS = 737_280


@dataclass(frozen=True)
class Trial:
    """A finished trial: its folder, its summary, what it printed."""

    folder: Path
    summary: dict[str, object]
    output: str


def command(folder: Path, *arguments: str) -> list[str]:
    trial = [sys.executable, "-P", "-m", "sparewatt_cli", "try", "--no-window", "--on-battery", *arguments]
    return [*own_locks(folder / "locks"), *trial]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    folder = tmp_path_factory.mktemp("trial")
    summary = folder / "summary.json"
    arguments = command(
        folder,
        "--tokens",
        str(TOKENS),
        "--seed",
        "1",
        "--minutes",
        "12",
        "--keep",
        str(folder / "kept"),
        "--json",
        str(summary),
    )
    ended = subprocess.run(arguments, capture_output=True, text=True, cwd=folder, timeout=880, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return Trial(folder, json.loads(summary.read_text()), ended.stdout)


def test_it_learns_from_real_text(trial: Trial) -> None:
    first, last = trial.summary["loss_first"], trial.summary["loss_last"]
    assert isinstance(first, float)
    assert isinstance(last, float)
    assert 5.0 < first < 5.8, "an untrained model of bytes is near ln 256 = 5.545"
    assert last < 2.6
    assert trial.summary["loss_unit"] == "nats_per_byte"
    assert isinstance(trial.summary["tokens"], int)
    assert trial.summary["tokens"] >= TOKENS


def test_every_update_has_a_receipt_that_holds_offline(trial: Trial) -> None:
    assert isinstance(trial.summary["receipts"], int)
    assert trial.summary["receipts"] == trial.summary["receipts_verified"]
    assert trial.summary["receipts"] > 0
    assert isinstance(trial.summary["credit"], float)
    assert trial.summary["credit"] > 0


def test_the_summary_says_everything_that_was_promised(trial: Trial) -> None:
    promised = {
        "loss_first", "loss_last", "loss_unit", "versions", "tokens", "credit", "receipts", "receipts_verified",
        "bytes_up", "bytes_down", "tokens_per_s", "checkpoint", "device", "exit_reason", "machine",
    }  # fmt: skip
    assert promised <= set(trial.summary)
    for words in ("Held-out loss", "receipts", "for each version", "Checkpoint", "What to do next"):
        assert words in trial.output


# Runs in a process that cannot import Sparewatt: only what stands in the checkpoint counts.
LOSS_WITHOUT_SPAREWATT = """
import json, sys
import numpy, torch
from transformers import AutoModelForCausalLM
folder, held_out, tokens = sys.argv[1], sys.argv[2], int(sys.argv[3])
assert "sparewatt" not in sys.modules
model = AutoModelForCausalLM.from_pretrained(folder)
sequences = numpy.fromfile(held_out, dtype=numpy.uint8, count=tokens).reshape(-1, 128).astype(numpy.int64)
losses = []
with torch.no_grad():
    for batch in torch.from_numpy(sequences).split(64):
        losses.append((model(input_ids=batch, labels=batch).loss.item(), len(batch)))
print(json.dumps(sum(loss * count for loss, count in losses) / sum(count for _, count in losses)))
"""


def test_the_checkpoint_loads_without_sparewatt_and_has_the_reported_loss(trial: Trial) -> None:
    run = trial.folder / "kept" / "run"
    held_out = json.loads(rows(run, "SELECT manifest FROM run")[0][0])
    manifest = json.loads(held_out["body"])
    blob = manifest["data"]["held_out"]["sha256"]
    path = run / "blobs" / blob[:2] / blob
    tokens = min(128 * 1024, manifest["data"]["held_out_tokens"])
    ended = subprocess.run(
        [sys.executable, "-I", "-c", LOSS_WITHOUT_SPAREWATT, str(trial.summary["checkpoint"]), str(path), str(tokens)],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert json.loads(ended.stdout) == pytest.approx(trial.summary["loss_last"], abs=1e-3)


def test_every_version_is_rebuilt_from_the_keyframe_and_its_patches(trial: Trial) -> None:
    """In a process of its own, which gets nothing but announcements and blobs. A slow computer makes more and shorter
    rounds, and what lies before the last two keyframes is deleted: then it begins at the older of them."""
    run = trial.folder / "kept" / "run"
    steps = [
        msgspec.json.decode(json.loads(signed)["body"], type=Announcement)
        for (signed,) in rows(run, "SELECT announcement FROM versions ORDER BY number")
    ]
    manifest = json.loads(json.loads(rows(run, "SELECT manifest FROM run")[0][0])["body"])
    assert sum(step.patch is not None for step in steps) == trial.summary["versions"]
    assert len(steps) >= 8
    starts = [(0, manifest["start"]["sha256"], manifest["start_keyframe"]["sha256"])]
    starts += [(step.version.number, step.version.sha256, step.keyframe.sha256) for step in steps if step.keyframe]
    number, start, keyframe = next(found for found in starts if Path(blob_path(run, found[2])).exists())
    plan = {
        "model": manifest["model"],
        "keyframe": blob_path(run, keyframe),
        "start": start,
        "patches": [
            [blob_path(run, step.patch.sha256), step.version.sha256]
            for step in steps
            if step.patch and step.version.number > number
        ],
    }
    assert len(plan["patches"]) >= 8
    ended = subprocess.run(
        [sys.executable, "-P", "-c", REBUILD], input=json.dumps(plan), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert json.loads(ended.stdout) == len(plan["patches"]) + 1


# Reads the blobs by docs/formats.md alone: nothing of the code that wrote them is used but the list of tensors.
REBUILD = """
import hashlib, json, struct, sys
import msgspec, numpy
from sparewatt.work.model import ModelSpec, tensors
plan = json.load(sys.stdin)
listed = tensors(msgspec.convert(plan["model"], ModelSpec))
count = sum(tensor.count for tensor in listed)

def keyframe(path):
    data = open(path, "rb").read()
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    flat = numpy.empty(count, "<f4")
    at = 0
    for tensor in listed:
        entry = header[tensor.name]
        assert entry["dtype"] == "F32" and tuple(entry["shape"]) == tensor.shape
        first, last = entry["data_offsets"]
        flat[at : at + tensor.count] = numpy.frombuffer(data[8 + size + first : 8 + size + last], "<f4")
        at += tensor.count
    return flat

def version(flat):
    at, stated = 0, []
    for tensor in listed:
        part = flat[at : at + tensor.count]
        stated.append([tensor.name, list(tensor.shape), hashlib.sha256(part.tobytes()).hexdigest()])
        at += tensor.count
    return hashlib.sha256(json.dumps(stated, separators=(",", ":")).encode()).hexdigest()

from sparewatt.numeric.patch import apply_patch
flat = keyframe(plan["keyframe"])
assert version(flat) == plan["start"]
rebuilt = 1
for path, sha256 in plan["patches"]:
    with open(path, "rb") as source:
        apply_patch(source, flat)
    assert version(flat) == sha256, rebuilt
    rebuilt += 1
print(rebuilt)
"""


def blob_path(run: Path, sha256: str) -> str:
    path = run / "blobs" / sha256[:2] / sha256
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    return str(path)


def rows(run: Path, query: str) -> list[tuple[str, ...]]:
    store = sqlite3.connect(run / "coordinator.sqlite3")
    try:
        return list(store.execute(query))
    finally:
        store.close()


def started(arguments: list[str], folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        arguments, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def family(pid: int, programs: int) -> list[psutil.Process]:
    """The trial and everything it has started, once it has started so many programs."""
    process = psutil.Process(pid)
    deadline = time.monotonic() + 60
    while len(children := process.children(recursive=True)) < programs:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return [process, *children]


def throwaway_folders() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("sparewatt-try*")}


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_leaves_no_process_and_no_folder(tmp_path: Path, times: int) -> None:
    before = throwaway_folders()
    process = started(command(tmp_path, "--minutes", "5"), tmp_path)
    everybody = family(process.pid, programs=4)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    process.communicate(timeout=120)
    assert process.returncode >= 0, "it ended by itself, not by the signal"
    _, alive = psutil.wait_procs(everybody, timeout=10)
    assert alive == []
    assert throwaway_folders() <= before


def test_a_killed_trial_leaves_no_process(tmp_path: Path) -> None:
    process = started(command(tmp_path, "--minutes", "5"), tmp_path)
    everybody = family(process.pid, programs=4)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(everybody, timeout=20)
    assert alive == []
