"""Invites: one line of text that leads a contributor to a run and proves who made it.

``sparewatt+ws://HOST:PORT/RUN/RUNKEY#SECRET`` (or ``sparewatt+wss``), where RUN is the manifest's digest and RUNKEY
the SHA-256 of the run's public key. The secret stands in the fragment, which no web server or proxy ever sees.
"""

import hashlib
import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sparewatt.errors import InputError

SECRET_PATTERN: Final = re.compile(r"^[A-Za-z0-9_-]{22,64}\Z")
DIGEST_PATTERN: Final = re.compile(r"^[0-9a-f]{64}\Z")
MAXIMUM_LENGTH: Final = 600


class Invite(msgspec.Struct, frozen=True):
    """Attributes:
    url: websocket address of the coordinator, ``ws://`` or ``wss://``.
    run: digest of the manifest.
    run_key_sha256: SHA-256 of the 32 bytes of the run's public key.
    secret: binds to the first keys that use it.
    """

    url: str
    run: str
    run_key_sha256: str
    secret: str

    def __repr__(self) -> str:
        return f"Invite(url={self.url!r}, run={self.run[:12]!r}, secret=<hidden>)"


def run_key_sha256(run_key: str) -> str:
    """The hash of a run's public key (64 hex digits) as it stands in invites."""
    return hashlib.sha256(bytes.fromhex(run_key)).hexdigest()


def format_invite(invite: Invite) -> str:
    """The invite as the line of text that people pass on."""
    return f"sparewatt+{invite.url}/{invite.run}/{invite.run_key_sha256}#{invite.secret}"


def parse_invite(text: str) -> Invite:
    """The invite in `text`; surrounding white space is ignored.

    Raises:
        InputError: ``invite.malformed`` with the part that is wrong.
    """
    line = text.strip()
    if not line:
        raise InputError("invite.malformed", part="empty")
    if len(line) > MAXIMUM_LENGTH:
        raise InputError("invite.malformed", part="length")
    try:
        parts = urlsplit(line)
        port = parts.port
    except ValueError as error:
        raise InputError("invite.malformed", part="address") from error
    if parts.scheme not in ("sparewatt+ws", "sparewatt+wss"):
        raise InputError("invite.malformed", part="scheme")
    if not parts.hostname or port is None or parts.username or parts.query:
        raise InputError("invite.malformed", part="address")
    digests = parts.path.removeprefix("/").split("/")
    if len(digests) != 2 or not all(DIGEST_PATTERN.match(each) for each in digests):
        raise InputError("invite.malformed", part="run")
    if not SECRET_PATTERN.match(parts.fragment):
        raise InputError("invite.malformed", part="secret")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Invite(
        url=f"{parts.scheme.removeprefix('sparewatt+')}://{host}:{port}",
        run=digests[0],
        run_key_sha256=digests[1],
        secret=parts.fragment,
    )
