"""Transactions about assignments and their leases; each runs inside an open transaction."""

from sparewatt.work.assignment import ASSIGNMENT_KIND, Assignment
from sparewatt_coordinator.ranges import GAP_PIECES_MOST, Piece, after
from sparewatt_coordinator.store.base import Leased, LeaseRequest, NoWork, Renewed, Sign
from sparewatt_coordinator.store.decide import REVOKED, AssignmentRow, WorkPlan, expiry, lease_to_repeat, plan_work
from sparewatt_coordinator.store.sqlite.tables import Tables, text


def lease(tables: Tables, request: LeaseRequest, sign: Sign, now: int) -> Leased | NoWork:
    expire(tables, now)
    if tables.revoked(request.contributor):
        return REVOKED
    live = _live(tables, request)
    again = lease_to_repeat(live, request, tables.manifest(), now)
    if again is not None:
        tables.sql.execute(
            "UPDATE assignments SET session = ?, request = ?, expires_milliseconds = ? WHERE assignment_id = ?",
            (request.session, request.request, expiry(again, now), again.assignment.assignment_id),
        )
        return Leased(again.signed, again.assignment)
    facts = tables.facts()
    work = plan_work(
        facts,
        request,
        len(live),
        _on_version(tables, request, facts.version.number),
        tables.knows(request.base),
        tables.gaps(GAP_PIECES_MOST),
        tables.cursor(),
        tuple(tokens for _, tokens in tables.shards()),
        tables.order,
        now,
    )
    return work if isinstance(work, NoWork) else _hand_out(tables, request, work, sign, now)


def renew(tables: Tables, contributor: str, assignments: tuple[str, ...], now: int) -> Renewed:
    renewed: list[str] = []
    lost: list[str] = []
    for assignment_id in assignments:
        row = tables.assignment(assignment_id)
        mine = row is not None and row.assignment.contributor == contributor and not tables.revoked(contributor)
        if row is None or not mine or not row.holds_its_ranges:
            lost.append(assignment_id)
            continue
        if row.state == "ended":
            tables.remove_gaps(assignment_id)
        tables.sql.execute(
            "UPDATE assignments SET state = 'leased', renewed = 1, expires_milliseconds = ? WHERE assignment_id = ?",
            (expiry(row, now), assignment_id),
        )
        renewed.append(assignment_id)
    return Renewed(tuple(renewed), tuple(lost))


def release(tables: Tables, contributor: str, assignment_id: str, fence: int) -> bool:
    row = tables.assignment(assignment_id)
    if row is None or row.state != "leased":
        return False
    if row.assignment.contributor != contributor or row.assignment.fence != fence:
        return False
    end(tables, row)
    return True


def expire(tables: Tables, now: int) -> int:
    rows = tables.sql.execute(
        "SELECT assignment_id FROM assignments WHERE state = 'leased' AND expires_milliseconds <= ? ORDER BY rowid",
        (now,),
    ).fetchall()
    for (assignment_id,) in rows:
        row = tables.assignment(assignment_id)
        if row is not None:
            end(tables, row)
    return len(rows)


def end(tables: Tables, row: AssignmentRow) -> None:
    """A lease is over without an update: its ranges become gaps."""
    assignment_id = row.assignment.assignment_id
    tables.sql.execute("UPDATE assignments SET state = 'ended' WHERE assignment_id = ?", (assignment_id,))
    tables.add_gaps(assignment_id, pieces(row.assignment))


def pieces(assignment: Assignment) -> tuple[Piece, ...]:
    return tuple(Piece(each.pass_number, each.shard, each.first, each.count) for each in assignment.ranges)


def _on_version(tables: Tables, request: LeaseRequest, version: int) -> int:
    """Assignments that the device was given while `version` was the newest."""
    return tables.number(
        "SELECT count(*) FROM assignments WHERE contributor = ? AND device = ? AND version = ?",
        request.contributor,
        request.offer.device,
        version,
    )


def _live(tables: Tables, request: LeaseRequest) -> list[AssignmentRow]:
    """Live leases of the device, oldest first."""
    ids = tables.sql.execute(
        "SELECT assignment_id FROM assignments WHERE contributor = ? AND device = ? AND state = 'leased'"
        " ORDER BY rowid",
        (request.contributor, request.offer.device),
    ).fetchall()
    rows = (tables.assignment(assignment_id) for (assignment_id,) in ids)
    return [row for row in rows if row is not None]


def _hand_out(tables: Tables, request: LeaseRequest, work: WorkPlan, sign: Sign, now: int) -> Leased:
    facts = tables.facts()
    assignment = Assignment(
        assignment_id=request.assignment_id,
        run=facts.run,
        contributor=request.contributor,
        device=request.offer.device,
        kind="train",
        base=work.base,
        ranges=tables.ranges(work.drawn.pieces),
        token_budget=work.drawn.tokens,
        inner_steps=work.inner_steps,
        seed=request.seed,
        rate_first_nano=work.rate_first_nano,
        rate_last_nano=work.rate_last_nano,
        fence=1,
        ttl_s=work.lease_seconds,
    )
    signed = sign(ASSIGNMENT_KIND, assignment)
    tables.sql.execute(
        "INSERT INTO assignments (assignment_id, contributor, device, session, request, signed, tokens, version,"
        " state, expires_milliseconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'leased', ?)",
        (
            assignment.assignment_id,
            assignment.contributor,
            assignment.device,
            request.session,
            request.request,
            text(signed),
            assignment.token_budget,
            facts.version.number,
            now + 1000 * assignment.ttl_s,
        ),
    )
    for gap, taken in work.drawn.gaps:
        _use_gap(tables, gap.gap_id, gap.origin, after(gap.piece, taken))
    cursor = work.drawn.cursor
    tables.sql.execute(
        "UPDATE run SET cursor_pass = ?, cursor_place = ?, cursor_first = ?,"
        " started_milliseconds = coalesce(started_milliseconds, ?)",
        (cursor.pass_number, cursor.place, cursor.first, now),
    )
    return Leased(signed, assignment)


def _use_gap(tables: Tables, gap_id: int, origin: str, left: Piece | None) -> None:
    tables.sql.execute("UPDATE assignments SET handed_on = 1 WHERE assignment_id = ?", (origin,))
    if left is None:
        tables.sql.execute("DELETE FROM gaps WHERE gap_id = ?", (gap_id,))
    else:
        tables.sql.execute("UPDATE gaps SET first = ?, count = ? WHERE gap_id = ?", (left.first, left.count, gap_id))
