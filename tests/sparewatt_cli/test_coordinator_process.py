"""What a coordinator is told, from what was typed."""

from dataclasses import replace
from pathlib import Path

import pytest

from sparewatt.errors import InputError
from sparewatt_cli.coordinator_process import (
    Ready,
    Serving,
    arguments,
    only_here_words,
    protected,
    unreachable_words,
)

SERVING = Serving(Path("my-run"))


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.8.8.8:7520", "[::1]:7520", "localhost:7520"])
def test_what_stays_on_this_computer_needs_no_encryption(listen: str) -> None:
    assert protected(replace(SERVING, listen=(listen,))).own_certificate is False


@pytest.mark.parametrize("listen", ["0.0.0.0:7520", "192.168.1.5:7520", "[::]:7520", "run.example.org:7520"])
def test_what_others_can_reach_is_encrypted_without_being_asked(listen: str) -> None:
    assert protected(replace(SERVING, listen=("127.0.0.1:0", listen))).own_certificate is True


def test_what_was_chosen_stays_chosen() -> None:
    open_to_all = replace(SERVING, listen=("0.0.0.0:7520",))
    behind = replace(open_to_all, behind_proxy=True, address="run.example.org")
    given = replace(open_to_all, certificate=Path("a.pem"), certificate_key=Path("b.pem"))
    assert (protected(behind), protected(given)) == (behind, given)


@pytest.mark.parametrize("listen", ["", "7520", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", ":80", "a b:1", "a/b:1"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(InputError, match=r"serve\.address_malformed"):
        protected(replace(SERVING, listen=(listen,)))


def test_everything_reaches_the_program() -> None:
    serving = Serving(
        Path("my-run"), ("[::]:1", "0.0.0.0:2"), "run.example.org", Path("a"), Path("b"), True, True, ("https://a.org",)
    )
    told = " ".join(arguments(serving))
    assert told == (
        "--data my-run --listen [::]:1 --listen 0.0.0.0:2 --address run.example.org --certificate a"
        " --certificate-key b --own-certificate --behind-proxy --allow-origin https://a.org"
    )


@pytest.mark.parametrize(
    ("address", "url", "listening", "said"),
    [
        ("", "wss://127.0.0.1:7520", "0.0.0.0:7520", True),
        ("", "wss://[::1]:7520", "[::]:7520", True),
        ("", "wss://192.168.1.5:7520", "0.0.0.0:7520", False),
        ("", "ws://127.0.0.1:7520", "127.0.0.1:7520", False),
        ("127.0.0.1", "wss://127.0.0.1:7520", "0.0.0.0:7520", False),
    ],
)
def test_who_listens_for_others_and_would_invite_them_to_themselves_is_told(
    address: str, url: str, listening: str, said: bool
) -> None:
    words = unreachable_words(replace(SERVING, address=address), Ready(True, url, (listening,)))
    assert bool(words) is said
    assert "--address" in words or not said


@pytest.mark.parametrize(
    ("host", "only"), [("127.0.0.1", True), ("[::1]", True), ("localhost", True), ("a.org", False)]
)
def test_an_invite_that_works_on_this_computer_only_says_so(host: str, only: bool) -> None:
    assert bool(only_here_words(f"wss://{host}:7520")) is only
