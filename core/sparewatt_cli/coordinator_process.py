"""Serving a run in the foreground."""

import ipaddress
import subprocess
import sys
from pathlib import Path

import msgspec
import typer

from sparewatt.errors import InputError
from sparewatt_cli.surroundings import home_shortened


class Ready(msgspec.Struct, frozen=True):
    """The line by which a coordinator says where it listens."""

    ready: bool
    url: str


def loopback(listen: str) -> str:
    """`listen` as HOST:PORT, if nobody but this computer can reach it.

    Raises:
        InputError: ``coordinator.listen`` or ``coordinator.loopback_only``.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port[:6]) > 65_535:
        raise InputError("coordinator.listen", listen=listen[:80])
    if host == "localhost":
        return f"127.0.0.1:{port}"
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError as error:
        raise InputError("coordinator.listen", listen=listen[:80]) from error
    if not address.is_loopback:
        raise InputError("coordinator.loopback_only", listen=listen[:80])
    return listen


def serve_in_foreground(data: Path, listen: str) -> int:
    """Run a coordinator on this terminal until it ends, and return its exit code. Ctrl-C reaches it directly."""
    address = loopback(listen)
    command = [sys.executable, "-m", "sparewatt_coordinator.server", "--data", str(data), "--listen", address]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as coordinator:
        assert coordinator.stdout is not None, "it was asked for"
        while True:
            try:
                _say(coordinator.stdout.readline(), data)
                return coordinator.wait()
            except KeyboardInterrupt:
                # The terminal sent it to the coordinator, too, which is now ending; every further one reaches it.
                continue


def _say(line: bytes, data: Path) -> None:
    try:
        ready = msgspec.json.decode(line, type=Ready)
    except msgspec.DecodeError:
        return  # It ended, or its end was asked for, before it listened; what it said on standard error stands there.
    typer.echo(f"Serving {home_shortened(data)} at {ready.url}. Ctrl-C ends it.")
    typer.echo(f"Invite contributors: sparewatt run invite --data {home_shortened(data)} --trusted")
