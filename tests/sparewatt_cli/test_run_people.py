"""Invites and contributors as lines for an organiser."""

import pytest

from sparewatt.errors import InputError
from sparewatt_cli.run_people import contributor_lines, invite_lines
from sparewatt_cli.runs_by_name import named
from sparewatt_coordinator.gateway.admin import ContributorsReply
from sparewatt_coordinator.store.base import ContributorStatus, InviteStatus

NOW = 1_795_000_000


def test_an_invite_says_for_whom_how_often_and_until_when() -> None:
    open_one = InviteStatus("a" * 12, 5, 3, NOW + 60, trusted=True, revoked=False)
    expired = InviteStatus("b" * 12, 1, 1, NOW, trusted=False, revoked=False)
    revoked = InviteStatus("c" * 12, 1, 0, NOW + 60, trusted=True, revoked=True)
    first, second, third = invite_lines((open_one, expired, revoked), NOW)
    assert first.startswith("aaaaaaaaaaaa  trusted, 3 of 5 uses left, until ")
    assert second == "bbbbbbbbbbbb  not trusted, 1 of 1 uses left, expired"
    assert third == "cccccccccccc  trusted, 0 of 1 uses left, revoked"
    assert "run invite" in next(invite_lines((), NOW))


def test_a_contributor_is_a_short_name_and_what_it_did() -> None:
    here = ContributorStatus("d" * 64, True, 2, 61_440, 500, revoked=False, seen_milliseconds=NOW * 1000)
    gone = ContributorStatus("e" * 64, True, 0, 0, 0, revoked=True, seen_milliseconds=NOW * 1000)
    first, second = contributor_lines(ContributorsReply((here, gone), ("d" * 64,)))
    assert first == "dddddddddddd  trusted, connected, 61,440 tokens in 2 updates"
    assert second.startswith("eeeeeeeeeeee  revoked, last seen ")
    assert "run invite" in next(contributor_lines(ContributorsReply((), ())))


def test_a_name_is_found_by_its_first_letters_and_otherwise_said_to_be_missing() -> None:
    known = {"abc": 1, "abd": 2, "x": 3}
    assert named(" X ", known, unknown="u.u", ambiguous="a.a") == 3
    for text, reason in (("ab", "a.a"), ("q", "u.u"), ("", "u.u")):
        with pytest.raises(InputError) as caught:
            named(text, known, unknown="u.u", ambiguous="a.a")
        assert caught.value.error_id == reason
