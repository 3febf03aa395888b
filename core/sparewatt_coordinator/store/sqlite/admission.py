"""Transactions about invites and those whom they let in; each runs inside an open transaction."""

from collections.abc import Mapping

from sparewatt_coordinator.store.base import INVITE_ID_LENGTH, InviteStatus, Refused, Registered
from sparewatt_coordinator.store.decide import InviteRow, admit
from sparewatt_coordinator.store.sqlite.leases import end
from sparewatt_coordinator.store.sqlite.tables import Tables

_COLUMNS = "uses, uses_left, expires_at_s, trusted, revoked"


def create_invite(tables: Tables, secret_sha256: str, uses: int, expires_at_s: int, trusted: bool) -> None:
    tables.sql.execute(
        "INSERT INTO invites (secret_sha256, uses, uses_left, expires_at_s, trusted) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (secret_sha256) DO NOTHING",
        (secret_sha256, uses, uses, expires_at_s, trusted),
    )


def invites(tables: Tables) -> tuple[InviteStatus, ...]:
    rows = tables.sql.execute(
        f"SELECT substr(secret_sha256, 1, ?), {_COLUMNS} FROM invites ORDER BY rowid",  # noqa: S608 - columns named above
        (INVITE_ID_LENGTH,),
    )
    return tuple(InviteStatus(row[0], row[1], row[2], row[3], bool(row[4]), bool(row[5])) for row in rows)


def revoke_invite(tables: Tables, invite_id: str) -> bool:
    changed = tables.sql.execute(
        "UPDATE invites SET revoked = 1 WHERE substr(secret_sha256, 1, ?) = ?", (INVITE_ID_LENGTH, invite_id)
    ).rowcount
    return changed > 0


def register(tables: Tables, contributor: str, secret_sha256: str | None, now: int) -> Registered | Refused:
    known = tables.one("SELECT trusted FROM contributors WHERE contributor = ?", contributor)
    if known is not None and tables.revoked(contributor):
        return Refused("contributor.revoked")
    invite = None if secret_sha256 is None else _invite(tables, secret_sha256)
    admission = admit(None if known is None else bool(known[0]), secret_sha256 is not None, invite, now // 1000)
    if isinstance(admission, Refused):
        return admission
    if admission.uses_invite:
        tables.sql.execute("UPDATE invites SET uses_left = uses_left - 1 WHERE secret_sha256 = ?", (secret_sha256,))
    tables.sql.execute(
        "INSERT INTO contributors (contributor, trusted, registered_milliseconds, seen_milliseconds)"
        " VALUES (?, ?, ?, ?) ON CONFLICT (contributor) DO UPDATE"
        " SET trusted = excluded.trusted, seen_milliseconds = excluded.seen_milliseconds",
        (contributor, admission.trusted, now, now),
    )
    return Registered(admission.trusted)


def revoke_contributor(tables: Tables, contributor: str) -> bool:
    changed = tables.sql.execute("UPDATE contributors SET revoked = 1 WHERE contributor = ?", (contributor,)).rowcount
    held = tables.sql.execute(
        "SELECT assignment_id FROM assignments WHERE contributor = ? AND state = 'leased' ORDER BY rowid",
        (contributor,),
    ).fetchall()
    for (assignment_id,) in held:
        row = tables.assignment(assignment_id)
        if row is not None:
            end(tables, row)
    return changed > 0


def note_seen(tables: Tables, seen: Mapping[str, int]) -> None:
    tables.sql.executemany(
        "UPDATE contributors SET seen_milliseconds = max(seen_milliseconds, ?) WHERE contributor = ?",
        [(milliseconds, contributor) for contributor, milliseconds in seen.items()],
    )


def _invite(tables: Tables, secret_sha256: str) -> InviteRow | None:
    row = tables.sql.execute(f"SELECT {_COLUMNS} FROM invites WHERE secret_sha256 = ?", (secret_sha256,)).fetchone()  # noqa: S608
    return None if row is None else InviteRow(row[0], row[1], row[2], bool(row[3]), bool(row[4]))
