"""Who may come to a run and who is there, asked of the coordinator that serves it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sparewatt_cli.figures import count_text, moment_text
from sparewatt_cli.run_look import ask_coordinator
from sparewatt_cli.runs_by_name import named
from sparewatt_coordinator.gateway import admin
from sparewatt_coordinator.store.base import ContributorStatus, InviteStatus

ID_LENGTH: Final = 12


def new_invite(folder: Path, uses: int, lifetime_s: int, *, trusted: bool, address: str = "") -> str:
    """An invite from the coordinator that serves `folder`.

    Args:
        address: HOST or HOST:PORT under which these contributors reach it; empty for its own idea.

    Raises:
        UnavailableError: ``coordinator.not_running``.
        InputError: ``serve.address_malformed``.
    """
    return ask_coordinator(folder, admin.CreateInvite(uses, lifetime_s, trusted, address), admin.InviteReply).invite


def invites(folder: Path) -> tuple[InviteStatus, ...]:
    """Raises UnavailableError ``coordinator.not_running``, as all of these."""
    return ask_coordinator(folder, admin.ListInvites(), admin.InvitesReply).invites


def withdraw_invite(folder: Path, invite_id: str) -> None:
    """Raises InputError: ``invite.unknown_id`` or ``invite.ambiguous``."""
    known = {each.invite_id: each for each in invites(folder)}
    found = named(invite_id, known, unknown="invite.unknown_id", ambiguous="invite.ambiguous")
    ask_coordinator(folder, admin.RevokeInvite(found.invite_id), admin.Reply)


def contributors(folder: Path) -> admin.ContributorsReply:
    return ask_coordinator(folder, admin.ListContributors(), admin.ContributorsReply)


def dismiss(folder: Path, contributor: str) -> str:
    """The short id of the contributor that is let in no more.

    Raises:
        InputError: ``contributor.unknown`` or ``contributor.ambiguous``.
    """
    known = {each.contributor: each for each in contributors(folder).contributors}
    found = named(contributor, known, unknown="contributor.unknown", ambiguous="contributor.ambiguous")
    ask_coordinator(folder, admin.RevokeContributor(found.contributor), admin.Reply)
    return found.contributor[:ID_LENGTH]


def invite_lines(found: tuple[InviteStatus, ...], now_unix_s: float) -> Iterator[str]:
    """One line an invite."""
    if not found:
        yield "No invites yet. Make one: sparewatt run invite"
    for each in found:
        trust = "trusted" if each.trusted else "not trusted"
        if each.revoked:
            end = "revoked"
        elif now_unix_s >= each.expires_at_s:
            end = "expired"
        else:
            end = f"until {moment_text(each.expires_at_s)}"
        yield f"{each.invite_id}  {trust}, {each.uses_left} of {each.uses} uses left, {end}"


def contributor_lines(found: admin.ContributorsReply) -> Iterator[str]:
    """One line a contributor, the last seen first."""
    connected = frozenset(found.connected)
    if not found.contributors:
        yield "Nobody has joined yet. Invite somebody: sparewatt run invite"
    for each in found.contributors:
        yield _contributor_line(each, each.contributor in connected)


def _contributor_line(each: ContributorStatus, connected: bool) -> str:
    trust = "revoked" if each.revoked else "trusted" if each.trusted else "not trusted"
    seen = "connected" if connected else f"last seen {moment_text(each.seen_milliseconds // 1000)}"
    work = f"{count_text(each.tokens)} tokens in {each.updates} updates"
    return f"{each.contributor[:ID_LENGTH]}  {trust}, {seen}, {work}"
