"""Receipts with everything that is needed to check them: from the engine, to a file, and back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from sparewatt.control.messages import GetSnapshot, ReceiptsAfter, ReceiptsReply, SnapshotFrame
from sparewatt.credit.receipts import ReceiptsReport, verify_receipts
from sparewatt.errors import InputError, IntegrityError, ProtocolError, StorageError, UnavailableError
from sparewatt.plain_json import Unreadable, decoded
from sparewatt.signing import Signed
from sparewatt.wording.units import credit_words
from sparewatt.work.invite import run_key_sha256
from sparewatt.work.receipt import Receipt
from sparewatt_cli.engine_link import ask
from sparewatt_cli.figures import count_text, moment_text
from sparewatt_cli.runs_by_name import run_named
from sparewatt_cli.surroundings import Surroundings
from sparewatt_cli.words import error_sentence

PAGE: Final = 500
# A receipt takes about 900 bytes, so this holds a quarter of a million of them.
FILE_BYTES_MOST: Final = 256 * 2**20


class Bundle(msgspec.Struct, frozen=True):
    """One run's receipts as they were signed; the JSON of ``sparewatt receipts list --json``.

    Attributes:
        run: digest of the manifest.
        run_key: the organiser's public key.
        online_keys: what the organiser's key said speaks for the run, oldest first.
    """

    format: Literal[1]
    run: str
    run_key: str
    manifest: Signed | None
    online_keys: tuple[Signed, ...]
    receipts: tuple[Signed, ...]


def collected(place: Surroundings, name: str | None) -> Bundle:
    """All receipts that an engine holds of the run called `name`, or of its only run.

    Raises:
        InputError: ``run.unknown``, ``run.ambiguous``, ``run.none_joined`` or ``run.which``.
        NoEngineError: ``engine.not_running``.
    """
    snapshot = ask(place, GetSnapshot(id=1), SnapshotFrame).snapshot
    runs = {run.run: run.run for run in snapshot.runs}
    if name is None and len(runs) != 1:
        raise InputError("run.which", runs=len(runs)) if runs else InputError("run.none_joined")
    run = run_named(name, runs) if name is not None else next(iter(runs))
    replies: list[ReceiptsReply] = []
    position = 0
    while not replies or replies[-1].receipts:
        request = ReceiptsAfter(id=1, run=run, sequence=position, limit=PAGE)
        replies.append(ask(place, request, ReceiptsReply))
        position = next_position(replies[-1], position)
    return joined_pages(run, replies)


def next_position(reply: ReceiptsReply, position: int) -> int:
    """Where the page after `reply` begins, which was asked for from `position`.

    Raises:
        ProtocolError: ``receipts.order`` when the page does not lead on, which would be asked for ever.
    """
    if not reply.receipts:
        return position
    last = receipt_of(reply.receipts[-1]).sequence
    if last <= position:
        raise ProtocolError("receipts.order", sequence=last)
    return last


def joined_pages(run: str, replies: Sequence[ReceiptsReply]) -> Bundle:
    """The bundle of `run` from at least one page."""
    last = replies[-1]
    receipts = tuple(receipt for reply in replies for receipt in reply.receipts)
    return Bundle(1, run, last.run_key, last.manifest, last.online_keys, receipts)


def read_bundle(path: Path) -> Bundle:
    """The bundle in a file.

    Raises:
        StorageError: ``file.unreadable``.
        InputError: ``receipts.file`` when it holds something else.
    """
    try:
        with path.open("rb") as opened:
            data = opened.read(FILE_BYTES_MOST + 1)
    except OSError as error:
        raise StorageError("file.unreadable", path=str(path), reason=error.strerror or "") from error
    if len(data) > FILE_BYTES_MOST:
        raise InputError("receipts.file", path=str(path))
    try:
        return decoded(data, Bundle)
    except Unreadable as error:
        raise InputError("receipts.file", path=str(path)) from error


def verified(bundle: Bundle) -> ReceiptsReport:
    """What the receipts prove, from the organiser's key down; needs nothing but the bundle.

    Raises:
        IntegrityError: the manifest or a key does not hold, so that no receipt can.
        UnavailableError: ``receipts.no_manifest``.
    """
    if bundle.manifest is None:
        raise UnavailableError("receipts.no_manifest", run=bundle.run)
    try:
        run_key_hash = run_key_sha256(bundle.run_key)
    except ValueError as error:
        raise IntegrityError("key.run_key", kind="manifest") from error
    return verify_receipts(bundle.run, run_key_hash, bundle.manifest, bundle.online_keys, bundle.receipts)


def receipt_of(signed: Signed) -> Receipt:
    """What a receipt says, without checking who says so.

    Raises:
        IntegrityError: ``signature.body``.
    """
    try:
        return decoded(signed.body, Receipt)
    except Unreadable as error:
        raise IntegrityError("signature.body", kind=signed.kind[:64], detail=error.detail) from error


def receipt_lines(bundle: Bundle) -> tuple[str, ...]:
    """One line for each receipt, and their sum."""
    receipts = [receipt_of(signed) for signed in bundle.receipts]
    listed = tuple(
        f"{receipt.sequence:>8}  {moment_text(receipt.accepted_at_s)}  {count_text(receipt.tokens):>12} tokens  "
        f"{credit_words(receipt.credit_micro)}  {receipt.state}"
        for receipt in receipts
    )
    total = f"{len(receipts)} receipts. Check their signatures: sparewatt receipts verify"
    return (*listed, total)


def report_lines(report: ReceiptsReport) -> tuple[str, ...]:
    """What was checked and what it proves."""
    verified_text, pending_text = credit_words(report.verified_micro), credit_words(report.pending_micro)
    lines = [
        f"{report.receipts} receipts hold, for {count_text(report.tokens)} tokens.",
        f"Credit: {verified_text} verified, {pending_text} pending.",
    ]
    if report.revoked:
        lines.append(f"Credit of {report.revoked} assignments was revoked.")
    lines += [
        f"Receipt {fault.index + 1} does not hold: {error_sentence(fault.error_id, {})}" for fault in report.faults
    ]
    return tuple(lines)
