"""Serving a run in the foreground."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
import typer

from sparewatt.plain_json import Unreadable, decoded
from sparewatt_cli.surroundings import home_shortened
from sparewatt_coordinator.server.encryption import is_loopback, split_address

_PROTECTIONS: Final = {
    "own": "Connections are encrypted; every invite holds the hash of this coordinator's key.",
    "given": "Connections are encrypted with your certificate; restart when you renew it.",
    "proxy": "Connections are NOT encrypted here: your proxy must do that. Whoever can reach {listening} is taken for "
    "it, so let nobody else reach it. Nothing that it says of contributors' addresses is read.",
}


# This computer has no way to anywhere, so no address of it can be guessed: without a cable, or in a container.
_ADDRESS_UNKNOWN: Final = (
    "No network was found that others could come from, so invites would name {host}, which leads each computer to "
    "itself. Say how this one is reached: --address HOST, here or for each invite."
)
_ONLY_HERE: Final = (
    "This invite works on this computer only, because it names {host}. For other computers serve with --listen "
    "0.0.0.0:7520, and add --address HOST where that does not name this computer."
)


class Ready(msgspec.Struct, frozen=True):
    """The line by which a coordinator says where it listens."""

    ready: bool
    url: str
    listening: tuple[str, ...] = ()
    protection: str = "none"


@dataclass(frozen=True)
class Serving:
    """What was asked for; see ``sparewatt coordinator serve --help``."""

    data: Path
    listen: tuple[str, ...] = ("127.0.0.1:0",)
    address: str = ""
    certificate: Path | None = None
    certificate_key: Path | None = None
    own_certificate: bool = False
    behind_proxy: bool = False
    origins: tuple[str, ...] = ()


def protected(serving: Serving) -> Serving:
    """With a certificate of its own where others can reach it and nothing else was asked for.

    Raises:
        InputError: ``serve.address_malformed``.
    """
    hosts = [split_address(each, None)[0] for each in serving.listen]
    chosen = serving.certificate or serving.certificate_key or serving.own_certificate or serving.behind_proxy
    if chosen or all(is_loopback(host) for host in hosts):
        return serving
    return replace(serving, own_certificate=True)


def arguments(serving: Serving) -> list[str]:
    """For the coordinator's own program."""
    found = ["--data", str(serving.data)]
    for each in serving.listen:
        found += ["--listen", each]
    if serving.address:
        found += ["--address", serving.address]
    if serving.certificate is not None:
        found += ["--certificate", str(serving.certificate)]
    if serving.certificate_key is not None:
        found += ["--certificate-key", str(serving.certificate_key)]
    if serving.own_certificate:
        found.append("--own-certificate")
    if serving.behind_proxy:
        found.append("--behind-proxy")
    for each in serving.origins:
        found += ["--allow-origin", each]
    return found


def serve_in_foreground(serving: Serving) -> int:
    """Run a coordinator on this terminal until it ends, and return its exit code. Ctrl-C reaches it directly.

    It ends when its standard input does: so also when this process is asked to end, as service managers do, or killed.
    """
    asked = protected(serving)
    command = [sys.executable, "-m", "sparewatt_coordinator.server", "--parent-pipe", *arguments(asked)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as coordinator:
        assert coordinator.stdin is not None, "it was asked for"
        assert coordinator.stdout is not None, "it was asked for"
        with _on_terminate(coordinator.stdin.close):
            while True:
                try:
                    _say(coordinator.stdout.readline(), asked)
                    return coordinator.wait()
                except KeyboardInterrupt:
                    # The terminal sent it to the coordinator, too, which is now ending; every further one reaches it.
                    continue


@contextmanager
def _on_terminate(act: Callable[[], object]) -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: act())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def unreachable_words(asked: Serving, ready: Ready) -> str:
    """What is wrong where everybody may connect and invites would name nobody's way here; empty where all is well."""
    host = urlsplit(ready.url).hostname or ""
    open_to_others = any(not is_loopback(split_address(each, None)[0]) for each in ready.listening)
    return _ADDRESS_UNKNOWN.format(host=host) if open_to_others and not asked.address and is_loopback(host) else ""


def only_here_words(url: str) -> str:
    """What an invite is worth that leads to `url`, where other computers cannot follow it; else empty."""
    host = urlsplit(url).hostname or ""
    return _ONLY_HERE.format(host=host) if is_loopback(host) else ""


def _say(line: bytes, asked: Serving) -> None:
    try:
        ready = decoded(line, Ready)
    except Unreadable:
        return  # It ended, or its end was asked for, before it listened; what it said on standard error stands there.
    data = asked.data
    typer.echo(f"Serving {home_shortened(data)} at {ready.url}. Ctrl-C ends it.")
    if ready.protection in _PROTECTIONS:
        typer.echo(_PROTECTIONS[ready.protection].format(listening=", ".join(ready.listening)))
    unreachable = unreachable_words(asked, ready)
    if unreachable:
        typer.echo(unreachable, err=True)
    typer.echo(f"Invite contributors: sparewatt run invite --data {home_shortened(data)} --trusted")
