"""Transactions about updates and receipts."""

import msgspec

from sparewatt.signing import Signed, digest
from sparewatt.work.receipt import RECEIPT_KIND, REFUSAL_KIND
from sparewatt.work.update import Update
from sparewatt_coordinator.ranges import rest
from sparewatt_coordinator.store.base import Accepted, Refused, Sign, Wanted
from sparewatt_coordinator.store.decide import AssignmentRow, Declined, Entry, Judgement, Repeated, judge, needs_more
from sparewatt_coordinator.store.memory.tables import Tables, Taken, pieces
from sparewatt_coordinator.store.statements import receipt, refusal


def consider(
    tables: Tables, contributor: str, update: Update, update_sha256: str, sign: Sign, now: int
) -> Wanted | Accepted | Refused:
    judgement = _judge(tables, contributor, update, update_sha256, now)
    if isinstance(judgement, Entry):
        return Wanted(update.payload)
    return _answer(tables, contributor, update, update_sha256, judgement, sign, now)


def accept(
    tables: Tables, contributor: str, update: Update, update_sha256: str, sign: Sign, now: int
) -> Accepted | Refused:
    judgement = _judge(tables, contributor, update, update_sha256, now)
    if not isinstance(judgement, Entry):
        return _answer(tables, contributor, update, update_sha256, judgement, sign, now)
    row = tables.assignments[update.assignment_id]
    trusted = tables.contributors[contributor].trusted
    stated, _ = receipt(
        tables.facts(), contributor, update, update_sha256, judgement, trusted, len(tables.taken), now // 1000
    )
    signed = sign(RECEIPT_KIND, stated)
    if judgement.carries_weight:
        tables.remove_gaps(update.assignment_id)
        tables.add_gaps(update.assignment_id, rest(pieces(row.assignment), update.tokens))
        tables.trained += update.tokens
    elif row.state == "leased":
        tables.end(row)
    tables.keep(msgspec.structs.replace(row, state="accepted", update_sha256=update_sha256, answer=signed))
    tables.taken.append(Taken(update, update_sha256, judgement, stated, signed, now))
    if judgement.merged != "yes":
        return Accepted(signed)
    return Accepted(signed, update.tokens, _needs_more(tables, row))


def refuse(
    tables: Tables, contributor: str, update: Update, update_sha256: str, reason: str, sign: Sign, now: int
) -> Accepted | Refused:
    judgement = _judge(tables, contributor, update, update_sha256, now)
    if isinstance(judgement, Entry):
        judgement = Declined(reason, final=True)
    return _answer(tables, contributor, update, update_sha256, judgement, sign, now)


def _needs_more(tables: Tables, row: AssignmentRow) -> bool:
    owner = (row.assignment.contributor, row.assignment.device)
    own = sum(
        each.assignment.token_budget
        for each in tables.assignments.values()
        if each.state == "leased" and (each.assignment.contributor, each.assignment.device) == owner
    )
    gathered = sum(each.update.tokens for each in tables.gathered())
    return needs_more(tables.manifest, gathered, tables.leased, own)


def mark_stored(tables: Tables, contributor: str, assignment_id: str) -> None:
    for each in tables.taken:
        if (each.receipt.contributor, each.update.assignment_id) == (contributor, assignment_id):
            each.stored = True


def receipts(tables: Tables, contributor: str, after_sequence: int, limit: int) -> tuple[Signed, ...]:
    found = [
        each.signed
        for each in tables.taken
        if each.receipt.contributor == contributor and each.receipt.sequence > after_sequence
    ]
    return tuple(found[:limit])


def _judge(tables: Tables, contributor: str, update: Update, update_sha256: str, now: int) -> Judgement:
    row = tables.assignments.get(update.assignment_id)
    known, revoked = tables.knows(update.base), tables.revoked(contributor)
    return judge(row, contributor, update, update_sha256, known, revoked, tables.facts(), now)


def _answer(
    tables: Tables, contributor: str, update: Update, sha256: str, judgement: Judgement, sign: Sign, now: int
) -> Accepted | Refused:
    """The answer that is no new acceptance."""
    match judgement:
        case Repeated(answer=answer, accepted=True):
            return Accepted(answer)
        case Repeated(answer=answer):
            return Refused("update.refused", answer)
        case Declined(reason=reason, final=final):
            run = digest(tables.manifest)
            stated = refusal(run, contributor, update.assignment_id, sha256, reason, now // 1000)
            signed = sign(REFUSAL_KIND, stated)
            if final:
                _close_refused(tables, update.assignment_id, sha256, signed)
            return Refused(reason, signed)
        case Entry():
            raise TypeError("an update that would be accepted has no other answer")


def _close_refused(tables: Tables, assignment_id: str, sha256: str, signed: Signed) -> None:
    row = tables.assignments.get(assignment_id)
    if row is None:
        return
    if row.state == "leased":
        tables.end(row)
    ended = tables.assignments[assignment_id]
    tables.keep(msgspec.structs.replace(ended, state="refused", update_sha256=sha256, answer=signed))
