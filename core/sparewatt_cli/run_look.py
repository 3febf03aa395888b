"""The runs in folders, whether a coordinator serves them or not."""

import time
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from sparewatt.blobs.folder import BlobFolder
from sparewatt.errors import StorageError, UnavailableError
from sparewatt.plain_json import Unreadable, decoded
from sparewatt.signing import Signed, sign
from sparewatt.work.manifest import Manifest
from sparewatt_cli.figures import count_text
from sparewatt_cli.organiser import MANIFEST_FILE
from sparewatt_coordinator.create.export import ExportFacts, export_version
from sparewatt_coordinator.gateway import admin
from sparewatt_coordinator.gateway.admin_client import AdminClient
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.store.base import RunStatus

FINISH_SECONDS_MOST: Final = 180.0
_LOOK_SECONDS: Final = 0.1

A = TypeVar("A", bound=msgspec.Struct)


class RunLook(msgspec.Struct, frozen=True):
    """A run as it stands; the JSON of ``sparewatt run show --json``.

    Attributes:
        url: where contributors reach it; empty while no coordinator serves it.
        sessions: contributors connected now.
    """

    run: str
    url: str
    sessions: int
    manifest: Manifest
    status: RunStatus


def look(folder: Path) -> RunLook:
    """The run in `folder`: asked of its coordinator, or read from its store while none runs.

    Raises:
        UnavailableError: ``run.missing``.
        StorageError: the store cannot be read.
    """
    place = DataFolder(folder)
    if not place.database.is_file():
        raise UnavailableError("run.missing", folder=str(folder))
    try:
        served = ask_coordinator(folder, admin.GetStatus(), admin.StatusReply)
    except UnavailableError as error:
        if error.error_id != "coordinator.not_running":
            raise
    else:
        return RunLook(served.run, served.url, served.contributors_here, read_manifest(folder), served.status)
    store = sqlite.open(place.database)
    try:
        record, status = store.run(), store.status()
    finally:
        store.close()
    return RunLook(record.run, "", 0, record.manifest, status)


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a run's folder, which its coordinator does not repeat.

    Raises:
        StorageError: ``file.unreadable``.
    """
    path = folder / MANIFEST_FILE
    try:
        signed = decoded(path.read_bytes(), Signed)
        return decoded(signed.body, Manifest)
    except (OSError, Unreadable) as error:
        raise StorageError("file.unreadable", path=str(path), reason=str(error)[:100]) from error


def ask_coordinator(folder: Path, request: admin.Request, answer: type[A]) -> A:
    """The answer of the coordinator that serves `folder`. Blocks.

    Raises:
        UnavailableError: ``coordinator.not_running``.
        SparewattError: what it answered.
    """
    running = DataFolder(folder).read_running()
    with AdminClient(Path(running.admin)) as client:
        return client.ask(request, answer)


def runs_in(folder: Path) -> tuple[Path, ...]:
    """The folders with a run: `folder` itself, and those in it."""
    candidates = [folder, *sorted(each for each in folder.iterdir() if each.is_dir())] if folder.is_dir() else []
    return tuple(each for each in candidates if DataFolder(each).database.is_file())


def close(folder: Path, words: str, seconds_most: float = FINISH_SECONDS_MOST) -> RunLook | None:
    """Close the run for good, unmeasured; what was accepted is merged first, as its receipts say. Blocks.

    Returns:
        The closed run; None where no coordinator runs to merge what is there: the next one does, then closes it.

    Raises:
        UnavailableError: ``run.missing``, ``run.finish_slow``.
    """
    try:
        ask_coordinator(folder, admin.CloseRun(words), admin.Reply)
    except UnavailableError as error:
        if error.error_id != "coordinator.not_running":
            raise
        _close_without_coordinator(DataFolder(folder), words)
        found = look(folder)
        return found if found.status.state == "closed" else None
    return _until_closed(folder, seconds_most)


def finish(folder: Path, words: str, seconds_most: float = FINISH_SECONDS_MOST) -> RunLook:
    """Hand out no more work, merge what is there, measure the last version, close; returns when that is done. Blocks.

    Raises:
        UnavailableError: ``coordinator.not_running``, ``run.finish_slow``.
    """
    ask_coordinator(folder, admin.Finish(words), admin.Reply)
    return _until_closed(folder, seconds_most)


def _until_closed(folder: Path, seconds_most: float) -> RunLook:
    deadline = time.monotonic() + seconds_most
    while time.monotonic() < deadline:
        if ask_coordinator(folder, admin.GetStatus(), admin.StatusReply).status.state == "closed":
            return look(folder)
        time.sleep(_LOOK_SECONDS)
    raise UnavailableError("run.finish_slow", seconds=int(seconds_most))


def export(folder: Path, to: Path) -> RunLook:
    """Write the newest version to `to` as a folder that `transformers`, or for an adapter `peft`, loads.

    Raises:
        ConflictError: ``export.exists``.
        StorageError, IntegrityError: the version cannot be read, or is not what its hash says.
    """
    from sparewatt.numeric.version_file import load_version

    found = look(folder)
    manifest, status = found.manifest, found.status
    blob = status.outer_state or manifest.start_keyframe
    blobs = BlobFolder(DataFolder(folder).blobs)
    path = blobs.path(blob.sha256)
    weights = load_version(manifest.model, path, status.version.sha256)
    measured = [each.loss_micro for each in status.evaluations if each.version == status.version.number]
    tokenizer = manifest.data.tokenizer_file
    facts = ExportFacts(
        run=found.run,
        manifest=manifest,
        version=status.version,
        tokens=status.trained_tokens,
        loss_micro=measured[-1] if measured else None,
        tokenizer=None if tokenizer is None else blobs.read(tokenizer),
    )
    export_version(facts, weights, to)
    return found


def look_lines(found: RunLook) -> tuple[str, ...]:
    """The run in numbers, for a terminal."""
    from sparewatt.wording.units import credit_words, loss_words

    status, unit = found.status, found.manifest.data.loss_unit
    refused = f"{status.updates_late} of them late, {status.updates_refused} refused"
    updates = f"{status.updates_accepted} accepted, {refused}"
    losses = [loss_words(each.loss_micro, unit) for each in status.evaluations]
    per_byte = ""
    bytes_milli = found.manifest.data.bytes_per_token_milli
    if losses and unit == "nats_per_token" and bytes_milli is not None:
        per_byte = f" ({loss_words(round(1000 * status.evaluations[-1].loss_micro / bytes_milli), 'nats_per_byte')})"
    rows = (
        ("Run", f"{found.manifest.title} ({found.run[:8]})"),
        ("State", status.state + (f": {status.words}" if status.words else "")),
        ("Address", found.url or "no coordinator serves it now"),
        ("Version", str(status.version.number)),
        ("Held-out loss", f"{losses[0]} at first, {losses[-1]} last{per_byte}" if losses else "not measured yet"),
        ("Tokens", f"{count_text(status.trained_tokens)} of {count_text(found.manifest.rounds.tokens_total)} planned"),
        ("Updates", updates),
        ("Credit", credit_words(status.credit_micro)),
        ("Contributors", f"{status.contributors_total}, {found.sessions} connected"),
    )  # fmt: skip
    return tuple(f"{label:<14} {text}" for label, text in rows)


def _close_without_coordinator(place: DataFolder, words: str) -> None:
    if not place.database.is_file():
        raise UnavailableError("run.missing", folder=str(place.root))
    lock = place.lock()
    try:
        key = place.read_online_key()
        store = sqlite.open(place.database)
        try:
            status = store.status()
            if status.gathering_updates > 0 or status.merging_round is not None:
                store.end_run(words)
            else:
                store.close_run(words, lambda kind, value: sign(kind, value, key), round(time.time() * 1000))
        finally:
            store.close()
    finally:
        lock.release()
