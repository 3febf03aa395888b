"""Transactions about assignments and their leases."""

import msgspec

from sparewatt.work.assignment import ASSIGNMENT_KIND, Assignment
from sparewatt_coordinator.ranges import GAP_PIECES_MOST, Gap, after
from sparewatt_coordinator.store.base import Leased, LeaseRequest, NoWork, Renewed, Sign
from sparewatt_coordinator.store.decide import REVOKED, AssignmentRow, WorkPlan, expiry, lease_to_repeat, plan_work
from sparewatt_coordinator.store.memory.tables import Tables


def lease(tables: Tables, request: LeaseRequest, sign: Sign, now: int) -> Leased | NoWork:
    expire(tables, now)
    if tables.revoked(request.contributor):
        return REVOKED
    mine = [
        row
        for row in tables.assignments.values()
        if (row.assignment.contributor, row.assignment.device) == (request.contributor, request.offer.device)
    ]
    live = [row for row in mine if row.state == "leased"]
    again = lease_to_repeat(live, request, tables.manifest, now)
    if again is not None:
        tables.keep(
            msgspec.structs.replace(
                again, session=request.session, request=request.request, expires_milliseconds=expiry(again, now)
            )
        )
        return Leased(again.signed, again.assignment)
    work = plan_work(
        tables.facts(),
        request,
        len(live),
        sum(row.version == tables.newest.number for row in mine),
        tables.knows(request.base),
        list(tables.gaps.values())[:GAP_PIECES_MOST],
        tables.cursor,
        tables.shard_tokens,
        tables.order,
        now,
    )
    return work if isinstance(work, NoWork) else _hand_out(tables, request, work, sign, now)


def renew(tables: Tables, contributor: str, assignments: tuple[str, ...], now: int) -> Renewed:
    renewed: list[str] = []
    lost: list[str] = []
    for assignment_id in assignments:
        row = tables.assignments.get(assignment_id)
        mine = row is not None and row.assignment.contributor == contributor and not tables.revoked(contributor)
        if row is None or not mine or not row.holds_its_ranges:
            lost.append(assignment_id)
            continue
        tables.remove_gaps(assignment_id)
        tables.keep(msgspec.structs.replace(row, state="leased", renewed=True, expires_milliseconds=expiry(row, now)))
        renewed.append(assignment_id)
    return Renewed(tuple(renewed), tuple(lost))


def release(tables: Tables, contributor: str, assignment_id: str, fence: int) -> bool:
    row = tables.assignments.get(assignment_id)
    if row is None or row.state != "leased":
        return False
    if (row.assignment.contributor, row.assignment.fence) != (contributor, fence):
        return False
    tables.end(row)
    return True


def expire(tables: Tables, now: int) -> int:
    over = [row for row in tables.assignments.values() if row.state == "leased" and row.expires_milliseconds <= now]
    for row in over:
        tables.end(row)
    return len(over)


def live(tables: Tables, now: int) -> int:
    return sum(row.state == "leased" and row.expires_milliseconds > now for row in tables.assignments.values())


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
    for gap, taken in work.drawn.gaps:
        _use_gap(tables, gap, taken)
    tables.cursor = work.drawn.cursor
    tables.started = now if tables.started is None else tables.started
    expires, number = now + 1000 * assignment.ttl_s, tables.newest.number
    tables.keep(AssignmentRow(assignment, signed, request.session, request.request, "leased", expires, number))
    return Leased(signed, assignment)


def _use_gap(tables: Tables, gap: Gap, taken: int) -> None:
    origin = tables.assignments[gap.origin]
    tables.keep(msgspec.structs.replace(origin, handed_on=True))
    left = after(gap.piece, taken)
    if left is None:
        del tables.gaps[gap.gap_id]
    else:
        tables.gaps[gap.gap_id] = Gap(gap.gap_id, left, gap.origin)
