"""What must not be lost is there after every crash: each test opens again what an earlier process left."""

import hashlib
import shutil
import sqlite3
from pathlib import Path

import msgspec
import pytest

from sparewatt.errors import IntegrityError, StorageError
from sparewatt.session.joined import JoinedRun
from sparewatt.session.outbox import Outbox, Recovery, open_outbox
from sparewatt.session.outbox_files import OutboxFiles, OutboxRow
from sparewatt.session.trust import HighestSeen
from sparewatt.signing import Signed, public_key_hex, sign
from sparewatt.testing.run import FakeRun, private_key, version
from sparewatt.testing.transport import FakeCoordinator
from sparewatt.work.assignment import ASSIGNMENT_KIND
from sparewatt.work.receipt import RECEIPT_KIND, REFUSAL_KIND, Receipt, Refusal
from sparewatt.work.update import UPDATE_KIND, Update
from sparewatt.work.version import BlobRef

RUN = FakeRun()
KEY = private_key(7)
CONTRIBUTOR = public_key_hex(KEY)
DEVICE = "d0" * 16
PAYLOAD = b"numbers" * 1_000
NOTHING = Recovery(quarantined=None, rows_restored=0, rows_lost=0, files_removed=0, runs_restored=0)
JOINED = JoinedRun(
    run=RUN.run,
    url="ws://127.0.0.1:1",
    run_key_sha256=RUN.run_key_sha256,
    invite_secret="s" * 32,
    manifest=RUN.signed_manifest,
    consented_at_s=5,
)


def an_update(number: int = 1) -> tuple[Update, Signed]:
    update = Update(
        assignment_id=f"{number:032x}",
        run=RUN.run,
        device=DEVICE,
        fence=1,
        base=version(0),
        payload=BlobRef(sha256=hashlib.sha256(PAYLOAD).hexdigest(), size=len(PAYLOAD)),
        tokens=256,
        inner_steps=4,
        loss_first_micro=1,
        loss_last_micro=1,
        train_milliseconds=1,
        delta_root="ff" * 32,
    )
    return update, sign(UPDATE_KIND, update, KEY)


def a_receipt(number: int = 1, sequence: int = 1, **changes: object) -> tuple[Receipt, Signed]:
    update, _ = an_update(number)
    receipt: Receipt = msgspec.structs.replace(FakeCoordinator(RUN).receipt(update, CONTRIBUTOR, sequence), **changes)
    return receipt, sign(RECEIPT_KIND, receipt, RUN.online)


def row_of(number: int = 1) -> OutboxRow:
    update, signed = an_update(number)
    return OutboxRow(
        run=RUN.run, device=DEVICE, assignment_id=update.assignment_id, update=signed, payload=update.payload
    )


def payload_file(tmp_path: Path) -> Path:
    path = tmp_path / "worker-output"
    path.write_bytes(PAYLOAD)
    return path


def filled(tmp_path: Path, number: int = 1) -> Outbox:
    outbox, _ = open_outbox(tmp_path / "data")
    update, signed = an_update(number)
    outbox.add(update, signed, payload_file(tmp_path))
    return outbox


def reopened(tmp_path: Path, outbox: Outbox | None = None) -> tuple[Outbox, Recovery]:
    """As the next process finds it. A killed process closes nothing; SQLite then finds its journal."""
    if outbox is None:
        return open_outbox(tmp_path / "data")
    shutil.copytree(tmp_path / "data", tmp_path / "killed")
    outbox.close()
    return open_outbox(tmp_path / "killed")


def files_in(folder: Path) -> list[str]:
    return sorted(each.name for each in (folder / "updates").iterdir())


def test_an_update_is_kept_until_its_receipt_is_stored(tmp_path: Path) -> None:
    outbox = filled(tmp_path)
    (row,) = outbox.pending(RUN.run)
    assert outbox.payload(row).read_bytes() == PAYLOAD
    assert row.parsed() == an_update()[0]
    outbox.accept(*a_receipt())
    assert outbox.pending(RUN.run) == ()
    assert files_in(tmp_path / "data") == []
    assert outbox.receipts(RUN.run) == (a_receipt()[1],)
    assert outbox.unconfirmed(RUN.run) == (row.assignment_id,)
    outbox.confirmed(RUN.run, row.assignment_id)
    assert outbox.unconfirmed(RUN.run) == ()
    outbox.close()


def test_a_payload_that_is_not_what_was_signed_is_refused(tmp_path: Path) -> None:
    outbox, _ = open_outbox(tmp_path / "data")
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"something else")
    with pytest.raises(IntegrityError, match=r"update\.payload"):
        outbox.add(*an_update(), wrong)
    assert outbox.pending(RUN.run) == ()
    outbox.close()


def test_everything_can_be_said_twice(tmp_path: Path) -> None:
    outbox = filled(tmp_path)
    outbox.add(*an_update(), tmp_path / "worker-output")
    assert len(outbox.pending(RUN.run)) == 1
    for _ in range(2):
        outbox.accept(*a_receipt())
    assert outbox.totals(RUN.run, 0).receipts == 1
    outbox.close()


# A process that is killed between two steps


def test_killed_after_the_header_and_before_the_payload(tmp_path: Path) -> None:
    files = OutboxFiles(tmp_path / "data")
    files.header(row_of().assignment_id).write_bytes(msgspec.json.encode(row_of()))
    outbox, recovery = reopened(tmp_path)
    assert recovery == msgspec.structs.replace(NOTHING, files_removed=1)
    assert files_in(tmp_path / "data") == []
    assert outbox.add(*an_update(), payload_file(tmp_path)), (
        "the payload is where the worker left it: it is added again"
    )
    outbox.close()


def test_killed_after_the_payload_and_before_the_row(tmp_path: Path) -> None:
    OutboxFiles(tmp_path / "data").take(row_of(), payload_file(tmp_path))
    outbox, recovery = reopened(tmp_path)
    assert recovery == msgspec.structs.replace(NOTHING, rows_restored=1)
    assert outbox.pending(RUN.run) == (row_of(),)
    outbox.close()


def test_killed_after_the_row(tmp_path: Path) -> None:
    outbox, recovery = reopened(tmp_path, filled(tmp_path))
    assert recovery == NOTHING
    assert outbox.pending(RUN.run) == (row_of(),)
    outbox.close()


def test_killed_after_the_receipt_and_before_the_files_were_deleted(tmp_path: Path) -> None:
    first = filled(tmp_path)
    shutil.copytree(tmp_path / "data" / "updates", tmp_path / "before")
    first.accept(*a_receipt())
    for each in (tmp_path / "before").iterdir():
        shutil.copy(each, tmp_path / "data" / "updates")
    outbox, recovery = reopened(tmp_path, first)
    assert recovery == msgspec.structs.replace(NOTHING, files_removed=1)
    assert outbox.pending(RUN.run) == ()
    assert outbox.receipts(RUN.run) == (a_receipt()[1],)
    assert outbox.unconfirmed(RUN.run) == (row_of().assignment_id,), "`Stored` is said in the next session"
    assert files_in(tmp_path / "killed") == []
    outbox.close()


def test_a_row_whose_payload_was_cut_short_is_lost_and_said(tmp_path: Path) -> None:
    first = filled(tmp_path)
    first.payload(row_of()).write_bytes(PAYLOAD[:10])
    outbox, recovery = reopened(tmp_path, first)
    assert recovery == msgspec.structs.replace(NOTHING, rows_lost=1)
    assert outbox.pending(RUN.run) == ()
    assert files_in(tmp_path / "killed") == []
    outbox.close()


def test_files_that_nobody_knows_are_removed_and_counted(tmp_path: Path) -> None:
    files = OutboxFiles(tmp_path / "data")
    files.payload("ab" * 16).write_bytes(b"torn")
    files.payload("cd" * 16).write_bytes(b"torn")
    files.header("cd" * 16).write_bytes(b"{")
    outbox, recovery = reopened(tmp_path)
    assert recovery == msgspec.structs.replace(NOTHING, files_removed=2)
    outbox.close()


@pytest.mark.parametrize("damage", ["start", "everywhere", "short"])
def test_a_damaged_database_is_put_aside_and_made_again_from_files(tmp_path: Path, damage: str) -> None:
    first = filled(tmp_path)
    first.join(JOINED)
    first.close()
    path = tmp_path / "data" / "outbox.sqlite"
    content = bytearray(path.read_bytes())
    match damage:
        case "start":
            content[:64] = bytes(64)
        case "everywhere":
            content[4_096:] = bytes(each ^ 0x5A for each in content[4_096:])
        case _:
            del content[len(content) // 2 :]
    path.write_bytes(content)
    outbox, recovery = reopened(tmp_path)
    assert recovery == Recovery(
        quarantined=str(path) + ".damaged-1", rows_restored=1, rows_lost=0, files_removed=0, runs_restored=1
    )
    assert outbox.pending(RUN.run) == (row_of(),)
    assert outbox.runs() == (JOINED,)
    assert (tmp_path / "data" / "outbox.sqlite.damaged-1").read_bytes() == content
    outbox.close()


def test_a_database_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    open_outbox(tmp_path / "data")[0].close()
    newer = sqlite3.connect(tmp_path / "data" / "outbox.sqlite")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StorageError, match=r"storage\.newer"):
        open_outbox(tmp_path / "data")


# Refusals, totals, runs, assignments


def test_a_refused_update_is_forgotten_and_the_refusal_kept(tmp_path: Path) -> None:
    outbox = filled(tmp_path)
    update, _ = an_update()
    refusal = Refusal(
        run=RUN.run,
        contributor=CONTRIBUTOR,
        assignment_id=update.assignment_id,
        update="ab" * 32,
        reason="update.not_finite",
        refused_at_s=1,
    )
    signed = sign(REFUSAL_KIND, refusal, RUN.online)
    outbox.refuse(refusal, signed)
    assert outbox.pending(RUN.run) == ()
    assert outbox.refusals(RUN.run) == (signed,)
    assert outbox.totals(RUN.run, 0).refused == 1
    outbox.close()


def test_totals_follow_the_newest_word_about_each_assignment(tmp_path: Path) -> None:
    outbox, _ = open_outbox(tmp_path / "data")
    outbox.accept(*a_receipt(1, 1, state="pending"))
    outbox.accept(*a_receipt(2, 2, state="pending"))
    outbox.accept(*a_receipt(1, 3, state="verified"))
    outbox.accept(*a_receipt(2, 4, state="revoked"))
    totals = outbox.totals(RUN.run, 0)
    assert (totals.receipts, totals.accepted, totals.tokens, totals.credit_micro) == (4, 1, 256, 1_000)
    assert len(outbox.receipts(RUN.run, after_sequence=1, most=2)) == 2
    outbox.close()


def test_what_was_earned_today_counts_each_assignment_once(tmp_path: Path) -> None:
    outbox, _ = open_outbox(tmp_path / "data")
    outbox.accept(*a_receipt(1, 1, accepted_at_s=99))
    outbox.accept(*a_receipt(2, 2, accepted_at_s=100, state="pending"))
    outbox.accept(*a_receipt(3, 3, accepted_at_s=150))
    outbox.accept(*a_receipt(2, 4, accepted_at_s=160, state="verified"))
    outbox.accept(*a_receipt(4, 5, accepted_at_s=170))
    outbox.accept(*a_receipt(4, 6, accepted_at_s=180, state="revoked"))
    assert outbox.totals(RUN.run, 100).credit_today_micro == 2_000
    assert outbox.totals(RUN.run, 200).credit_today_micro == 0
    assert outbox.totals(RUN.run, 0).credit_today_micro == outbox.totals(RUN.run, 0).credit_micro == 3_000
    outbox.close()


def test_what_was_fetched_for_a_run_is_known_until_it_is_left(tmp_path: Path) -> None:
    outbox, _ = open_outbox(tmp_path / "data")
    outbox.join(JOINED)
    blob = BlobRef(sha256="ab" * 32, size=7)
    for _ in range(2):
        outbox.note_blobs(RUN.run, (blob,))
    again, _ = reopened(tmp_path, outbox)
    assert again.blobs(RUN.run) == (blob,)
    again.leave(RUN.run)
    assert again.blobs(RUN.run) == ()
    again.close()


def test_an_outbox_of_the_first_schema_goes_on(tmp_path: Path) -> None:
    outbox = filled(tmp_path)
    outbox.close()
    old = sqlite3.connect(tmp_path / "data" / "outbox.sqlite")
    old.executescript("DROP TABLE blobs; PRAGMA user_version = 1;")
    old.close()
    again, recovery = open_outbox(tmp_path / "data")
    assert recovery == NOTHING
    assert again.pending(RUN.run) == (row_of(),)
    assert again.blobs(RUN.run) == ()
    again.close()


def test_a_joined_run_remembers_keys_and_the_newest_seen(tmp_path: Path) -> None:
    outbox, _ = open_outbox(tmp_path / "data")
    outbox.join(JOINED)
    outbox.note_online_key(RUN.run, 0, RUN.signed_online_key)
    outbox.note_highest(RUN.run, HighestSeen(branch=0, number=3, sequence=9))
    outbox.welcomed(RUN.run)
    again, _ = reopened(tmp_path, outbox)
    (joined,) = again.runs()
    assert joined.chain().newest is not None
    assert joined.highest == HighestSeen(branch=0, number=3, sequence=9)
    assert joined.invite_secret is None
    assert joined.verified_manifest() == RUN.manifest
    assert "s" * 32 not in (tmp_path / "killed" / "runs" / f"{RUN.run}.joined").read_text()
    again.leave(RUN.run)
    assert again.runs() == ()
    again.close()


def test_open_assignments_survive_and_end_with_their_update(tmp_path: Path) -> None:
    outbox, _ = open_outbox(tmp_path / "data")
    for number in (1, 2, 3):
        assignment = FakeCoordinator(RUN).assignment(number, CONTRIBUTOR, DEVICE)
        outbox.open_assignment(assignment, sign(ASSIGNMENT_KIND, assignment, RUN.online))
    outbox.add(*an_update(1), payload_file(tmp_path))
    outbox.close_assignment(f"{2:032x}")
    again, _ = reopened(tmp_path, outbox)
    (left,) = again.open_assignments(RUN.run)
    assert f"{3:032x}" in left.body
    again.close()
