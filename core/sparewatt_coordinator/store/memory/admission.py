"""Transactions about invites and those whom they let in."""

from collections.abc import Mapping

import msgspec

from sparewatt_coordinator.store.base import INVITE_ID_LENGTH, InviteStatus, Refused, Registered
from sparewatt_coordinator.store.decide import InviteRow, admit
from sparewatt_coordinator.store.memory.tables import ContributorRow, Tables


def create_invite(tables: Tables, secret_sha256: str, uses: int, expires_at_s: int, trusted: bool) -> None:
    tables.invites.setdefault(secret_sha256, InviteRow(uses, uses, expires_at_s, trusted))


def invites(tables: Tables) -> tuple[InviteStatus, ...]:
    return tuple(
        InviteStatus(name[:INVITE_ID_LENGTH], row.uses, row.uses_left, row.expires_at_s, row.trusted, row.revoked)
        for name, row in tables.invites.items()
    )


def revoke_invite(tables: Tables, invite_id: str) -> bool:
    found = [name for name in tables.invites if name[:INVITE_ID_LENGTH] == invite_id]
    for name in found:
        tables.invites[name] = msgspec.structs.replace(tables.invites[name], revoked=True)
    return bool(found)


def register(tables: Tables, contributor: str, secret_sha256: str | None, now: int) -> Registered | Refused:
    invite = None if secret_sha256 is None else tables.invites.get(secret_sha256)
    known = tables.contributors.get(contributor)
    if known is not None and known.revoked:
        return Refused("contributor.revoked")
    admission = admit(None if known is None else known.trusted, secret_sha256 is not None, invite, now // 1000)
    if isinstance(admission, Refused):
        return admission
    if admission.uses_invite and invite is not None and secret_sha256 is not None:
        tables.invites[secret_sha256] = msgspec.structs.replace(invite, uses_left=invite.uses_left - 1)
    tables.contributors[contributor] = ContributorRow(admission.trusted, now)
    return Registered(admission.trusted)


def revoke_contributor(tables: Tables, contributor: str) -> bool:
    row = tables.contributors.get(contributor)
    if row is None:
        return False
    row.revoked = True
    for each in list(tables.assignments.values()):
        if each.state == "leased" and each.assignment.contributor == contributor:
            tables.end(each)
    return True


def note_seen(tables: Tables, seen: Mapping[str, int]) -> None:
    for contributor, milliseconds in seen.items():
        row = tables.contributors.get(contributor)
        if row is not None:
            row.seen_milliseconds = max(row.seen_milliseconds, milliseconds)
