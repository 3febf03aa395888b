"""The runs in folders, whether a coordinator serves them or not."""

import asyncio
from pathlib import Path

import msgspec
from sparewatt_coordinator.create.export import ExportFacts, export_version

from sparewatt.blobs.folder import BlobFolder
from sparewatt.errors import UnavailableError
from sparewatt.signing import Signed, sign
from sparewatt.work.manifest import Manifest
from sparewatt_cli.figures import count_text
from sparewatt_coordinator.gateway import admin_client
from sparewatt_coordinator.gateway.admin_messages import StatusReply
from sparewatt_coordinator.server.folder import RunFolder, read_online_key
from sparewatt_coordinator.store import sqlite
from sparewatt_coordinator.store.base import RunStatus


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
    try:
        return _of_reply(asyncio.run(_ask_status(folder)))
    except UnavailableError as error:
        if error.error_id != "coordinator.not_running":
            raise
    place = RunFolder(folder)
    if not place.store.is_file():
        raise UnavailableError("run.missing", folder=str(folder))
    with place.lock():
        store = sqlite.open(place.store)
        try:
            record, status = store.run(), store.status()
        finally:
            store.close()
    return RunLook(record.run, "", 0, record.manifest, status)


def runs_in(folder: Path) -> tuple[Path, ...]:
    """The folders with a run: `folder` itself, and those in it."""
    candidates = [folder, *sorted(each for each in folder.iterdir() if each.is_dir())] if folder.is_dir() else []
    return tuple(each for each in candidates if RunFolder(each).store.is_file())


def close(folder: Path, words: str, *, merge: bool) -> None:
    """Close the run for good.

    Args:
        words: what contributors read.
        merge: merge and measure first what is there; needs a running coordinator.

    Raises:
        UnavailableError: ``coordinator.not_running`` with `merge`, ``run.missing``.
        ConflictError: ``run.closed``.
    """
    try:
        asyncio.run(_ask_close(folder, words, merge))
    except UnavailableError as error:
        if merge or error.error_id != "coordinator.not_running":
            raise
        _close_without_coordinator(RunFolder(folder), words)


async def invite(folder: Path, uses: int, expires_in_s: int, *, trusted: bool) -> str:
    """A new invite from the coordinator of `folder`; raises UnavailableError ``coordinator.not_running``."""
    async with await admin_client.connect(folder) as client:
        return await client.create_invite(uses, expires_in_s, trusted=trusted)


async def sample(folder: Path, prompt: str, tokens: int, temperature_milli: int, seed: int) -> str:
    """What the newest version writes; raises UnavailableError ``coordinator.not_running``."""
    async with await admin_client.connect(folder) as client:
        return await client.sample(prompt, tokens, temperature_milli, seed)


def export(folder: Path, to: Path) -> RunLook:
    """Write the newest version to `to` as a folder that `transformers` loads.

    Raises:
        ConflictError: ``export.exists``.
        StorageError, IntegrityError: the version cannot be read, or is not what its hash says.
    """
    from sparewatt.numeric.version_file import load_version

    found = look(folder)
    manifest, status = found.manifest, found.status
    blob = status.outer_state or manifest.start_keyframe
    weights = load_version(manifest.model, BlobFolder(RunFolder(folder).blobs).path(blob.sha256), status.version.sha256)
    measured = [each.loss_micro for each in status.evaluations if each.version == status.version.number]
    facts = ExportFacts(found.run, manifest, status.version, status.credited_tokens, measured[-1] if measured else None)
    export_version(facts, weights, to)
    return found


def look_lines(found: RunLook) -> tuple[str, ...]:
    """The run in numbers, for a terminal."""
    from sparewatt.wording.units import credit_words, loss_words

    status, unit = found.status, found.manifest.data.loss_unit
    losses = [loss_words(each.loss_micro, unit) for each in status.evaluations]
    rows = (
        ("Run", f"{found.manifest.title} ({found.run[:8]})"),
        ("State", status.state + (f": {status.words}" if status.words else "")),
        ("Address", found.url or "no coordinator serves it now"),
        ("Version", str(status.version.number)),
        ("Held-out loss", f"{losses[0]} at first, {losses[-1]} last" if losses else "not measured yet"),
        ("Tokens", f"{count_text(status.credited_tokens)} of {count_text(found.manifest.rounds.tokens_total)} planned"),
        ("Updates", f"{status.updates_accepted} accepted, {status.updates_late} of them late, "
                    f"{status.updates_refused} refused"),
        ("Credit", credit_words(status.credit_micro)),
        ("Contributors", f"{status.contributors_total}, {found.sessions} connected"),
    )  # fmt: skip
    return tuple(f"{label:<14} {text}" for label, text in rows)


async def _ask_status(folder: Path) -> StatusReply:
    async with await admin_client.connect(folder) as client:
        return await client.status()


async def _ask_close(folder: Path, words: str, merge: bool) -> None:
    async with await admin_client.connect(folder) as client:
        await (client.finish(words) if merge else client.close_run(words))


def _of_reply(reply: StatusReply) -> RunLook:
    manifest = msgspec.json.decode(reply.manifest.body, type=Manifest)
    return RunLook(reply.run, reply.url, reply.sessions, manifest, reply.status)


def _close_without_coordinator(place: RunFolder, words: str) -> None:
    import time

    if not place.store.is_file():
        raise UnavailableError("run.missing", folder=str(place.root))
    with place.lock():
        key = read_online_key(place.online_key)

        def sign_online(kind: str, value: object) -> Signed:
            return sign(kind, value, key)

        store = sqlite.open(place.store)
        try:
            store.close_run(words, sign_online, round(time.time() * 1000))
        finally:
            store.close()
