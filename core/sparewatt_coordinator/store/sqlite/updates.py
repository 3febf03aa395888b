"""Transactions about updates and receipts; each runs inside an open transaction."""

from typing import Final

from sparewatt.signing import Signed
from sparewatt.work.receipt import RECEIPT_KIND, REFUSAL_KIND
from sparewatt.work.update import Update
from sparewatt_coordinator.ranges import rest
from sparewatt_coordinator.store.base import Accepted, Refused, Sign, Wanted
from sparewatt_coordinator.store.decide import AssignmentRow, Declined, Entry, Judgement, Repeated, judge, needs_more
from sparewatt_coordinator.store.sqlite.leases import end, pieces
from sparewatt_coordinator.store.sqlite.tables import Tables, text, value
from sparewatt_coordinator.store.statements import receipt, refusal

REASON_OF_REPEATED: Final = "update.refused"


def consider(
    tables: Tables, contributor: str, update: Update, update_sha256: str, sign: Sign, now: int
) -> Wanted | Accepted | Refused:
    row, judgement = _judge(tables, contributor, update, update_sha256, now)
    if isinstance(judgement, Entry):
        return Wanted(update.payload)
    return _answer(tables, row, contributor, update, update_sha256, judgement, sign, now)


def accept(
    tables: Tables, contributor: str, update: Update, update_sha256: str, sign: Sign, now: int
) -> Accepted | Refused:
    row, judgement = _judge(tables, contributor, update, update_sha256, now)
    if row is None or not isinstance(judgement, Entry):
        return _answer(tables, row, contributor, update, update_sha256, judgement, sign, now)
    signed = _enter(tables, row, update, update_sha256, judgement, sign, now)
    if judgement.merged != "yes":
        return Accepted(signed)
    return Accepted(signed, update.tokens, _needs_more(tables, row, judgement.round))


def refuse(
    tables: Tables, contributor: str, update: Update, update_sha256: str, reason: str, sign: Sign, now: int
) -> Accepted | Refused:
    row, judgement = _judge(tables, contributor, update, update_sha256, now)
    if isinstance(judgement, Entry):
        judgement = Declined(reason, final=True)
    return _answer(tables, row, contributor, update, update_sha256, judgement, sign, now)


def _judge(
    tables: Tables, contributor: str, update: Update, update_sha256: str, now: int
) -> tuple[AssignmentRow | None, Judgement]:
    row = tables.assignment(update.assignment_id)
    known, revoked = tables.knows(update.base), tables.revoked(contributor)
    return row, judge(row, contributor, update, update_sha256, known, revoked, tables.facts(), now)


def _answer(
    tables: Tables,
    row: AssignmentRow | None,
    contributor: str,
    update: Update,
    update_sha256: str,
    judgement: Judgement,
    sign: Sign,
    now: int,
) -> Accepted | Refused:
    """The answer that is no new acceptance."""
    match judgement:
        case Repeated(answer=answer, accepted=True):
            return Accepted(answer)
        case Repeated(answer=answer):
            return Refused(REASON_OF_REPEATED, answer)
        case Declined(reason=reason, final=final):
            stated = refusal(tables.record().run, contributor, update.assignment_id, update_sha256, reason, now // 1000)
            signed = sign(REFUSAL_KIND, stated)
            if final and row is not None:
                _close_refused(tables, row, update_sha256, signed)
            return Refused(reason, signed)
        case Entry():
            raise TypeError("an update that would be accepted has no other answer")


def _needs_more(tables: Tables, row: AssignmentRow, gathering: int) -> bool:
    leased = tables.number("SELECT coalesce(sum(tokens), 0) FROM assignments WHERE state = 'leased'")
    own = tables.number(
        "SELECT coalesce(sum(tokens), 0) FROM assignments WHERE contributor = ? AND device = ? AND state = 'leased'",
        row.assignment.contributor,
        row.assignment.device,
    )
    gathered = tables.number(
        "SELECT coalesce(sum(tokens), 0) FROM updates WHERE round = ? AND merged = 'yes'", gathering
    )
    return needs_more(tables.manifest(), gathered, leased, own)


def _close_refused(tables: Tables, row: AssignmentRow, update_sha256: str, signed: Signed) -> None:
    if row.state == "leased":
        end(tables, row)
    tables.sql.execute(
        "UPDATE assignments SET state = 'refused', update_sha256 = ?, answer = ? WHERE assignment_id = ?",
        (update_sha256, text(signed), row.assignment.assignment_id),
    )


def _enter(
    tables: Tables, row: AssignmentRow, update: Update, update_sha256: str, entry: Entry, sign: Sign, now: int
) -> Signed:
    assignment = row.assignment
    trusted = tables.number("SELECT trusted FROM contributors WHERE contributor = ?", assignment.contributor)
    last = tables.number("SELECT coalesce(max(sequence), 0) FROM credits")
    stated, credit = receipt(
        tables.facts(), assignment.contributor, update, update_sha256, entry, bool(trusted), last, now // 1000
    )
    signed = sign(RECEIPT_KIND, stated)
    if entry.carries_weight:
        tables.remove_gaps(assignment.assignment_id)
        tables.add_gaps(assignment.assignment_id, rest(pieces(assignment), update.tokens))
    elif row.state == "leased":
        end(tables, row)
    tables.sql.execute(
        "UPDATE assignments SET state = 'accepted', update_sha256 = ?, answer = ? WHERE assignment_id = ?",
        (update_sha256, text(signed), assignment.assignment_id),
    )
    tables.sql.execute(
        "INSERT INTO updates (update_sha256, assignment_id, round, merged, staleness, tokens, payload_sha256,"
        " payload_size, loss_last_micro, accepted_milliseconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            update_sha256,
            assignment.assignment_id,
            entry.round,
            entry.merged,
            entry.staleness,
            update.tokens,
            update.payload.sha256,
            update.payload.size,
            update.loss_last_micro,
            now,
        ),
    )
    tables.sql.execute(
        "INSERT INTO credits (sequence, assignment_id, contributor, tokens, credit_micro, state, receipt)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            credit.sequence,
            assignment.assignment_id,
            assignment.contributor,
            update.tokens,
            credit.micro,
            credit.state,
            text(signed),
        ),
    )
    tables.add_blob("payload", entry.round, update.payload)
    tables.sql.execute(
        "UPDATE run SET trained_tokens = trained_tokens + ?, credited_tokens = credited_tokens + ?",
        (update.tokens if entry.carries_weight else 0, update.tokens),
    )
    return signed


def mark_stored(tables: Tables, contributor: str, assignment_id: str) -> None:
    tables.sql.execute(
        "UPDATE updates SET stored = 1 WHERE assignment_id = ? AND EXISTS"
        " (SELECT 1 FROM assignments AS a WHERE a.assignment_id = ? AND a.contributor = ?)",
        (assignment_id, assignment_id, contributor),
    )


def receipts(tables: Tables, contributor: str, after_sequence: int, limit: int) -> tuple[Signed, ...]:
    rows = tables.sql.execute(
        "SELECT receipt FROM credits WHERE contributor = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        (contributor, after_sequence, limit),
    )
    return tuple(value(row[0], Signed) for row in rows)
