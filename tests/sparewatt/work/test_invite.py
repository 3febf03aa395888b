"""Invites: one line in, one line out, and a reason for every line that is none."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import InputError
from sparewatt.work.invite import MAXIMUM_LENGTH, Invite, format_invite, parse_invite, run_key_sha256

INVITE = Invite(url="wss://example.org:8600", run="ab" * 32, run_key_sha256="cd" * 32, secret="s" * 32)
LINE = f"sparewatt+wss://example.org:8600/{'ab' * 32}/{'cd' * 32}#{'s' * 32}"


def test_an_invite_is_one_line_and_comes_back_from_it() -> None:
    assert format_invite(INVITE) == LINE
    assert parse_invite(f"  {LINE}\n") == INVITE


@pytest.mark.parametrize(
    "address",
    ["ws://127.0.0.1:8600", "ws://[::1]:8600", "ws://localhost:1", "wss://example.org:1", "wss://[fd00::1]:1"],
)
def test_addresses_of_every_kind_come_back(address: str) -> None:
    line = f"sparewatt+{address}/{'ab' * 32}/{'cd' * 32}#{'s' * 22}"
    assert parse_invite(line).url == address
    assert format_invite(parse_invite(line)) == line


def test_the_hash_of_a_certificate_made_by_a_coordinator_comes_back() -> None:
    pinned = msgspec.structs.replace(INVITE, pin="ef" * 32)
    assert format_invite(pinned) == LINE.replace("#", f"/{'ef' * 32}#")
    assert parse_invite(format_invite(pinned)) == pinned


@pytest.mark.parametrize("host", ["192.168.1.5:8600", "example.org:8600", "[fd00::1]:8600"])
def test_nothing_leaves_the_computer_in_the_clear(host: str) -> None:
    with pytest.raises(InputError, match=r"invite\.unencrypted"):
        parse_invite(f"sparewatt+ws://{host}/{'ab' * 32}/{'cd' * 32}#{'s' * 22}")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("x" * (MAXIMUM_LENGTH + 1), "length"),
        (LINE.replace("sparewatt+wss", "https"), "scheme"),
        (LINE.replace("sparewatt+wss", "sparewatt+http"), "scheme"),
        (LINE.replace(":8600", ""), "address"),
        (LINE.replace(":8600", ":99999"), "address"),
        (LINE.replace("example.org", "me@example.org"), "address"),
        (LINE.replace("#", "?a=b#"), "address"),
        (LINE.replace("ab" * 32, "AB" * 32), "run"),
        (LINE.replace("/" + "cd" * 32, ""), "run"),
        (LINE.replace("cd" * 32, "cd" * 31), "run"),
        (LINE.split("#", maxsplit=1)[0], "secret"),
        (LINE + "/more", "secret"),
        (LINE.replace("#", f"/{'ef' * 31}#"), "run"),
        (LINE.replace("#", f"/{'ef' * 32}/{'ef' * 32}#"), "run"),
    ],
)
def test_the_part_that_is_wrong_is_named(line: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_invite(line)
    assert caught.value.error_id == "invite.malformed"
    assert caught.value.parameters == {"part": part}


@given(st.text(max_size=200) | st.from_regex(r"sparewatt\+wss?://[^\n]{0,100}", fullmatch=True))
def test_any_text_is_an_invite_or_an_input_error(text: str) -> None:
    try:
        invite = parse_invite(text)
    except InputError:
        return
    assert parse_invite(format_invite(invite)) == invite


def test_the_secret_shows_in_no_description() -> None:
    assert "sss" not in repr(INVITE)


def test_the_run_key_is_hashed_as_bytes() -> None:
    assert run_key_sha256("00" * 32) == "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
