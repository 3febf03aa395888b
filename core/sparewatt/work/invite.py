"""Invites: one line of text that leads a contributor to a run and proves who made it.

``sparewatt+wss://HOST:PORT/RUN/RUNKEY[/PIN]#SECRET``, where RUN is the manifest's digest, RUNKEY the SHA-256 of the
run's public key, and PIN that of the coordinator's TLS key where it made its certificate itself. ``sparewatt+ws`` leads
to this computer only: whatever leaves it is encrypted. The secret stands in the fragment, which no web server or proxy
ever sees.
"""

import hashlib
import ipaddress
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
    pin: SHA-256 of the public key (DER, SubjectPublicKeyInfo) that the coordinator's certificate must hold; None
        where the system's authorities vouch for its name.
    """

    url: str
    run: str
    run_key_sha256: str
    secret: str
    pin: str | None = None

    def __repr__(self) -> str:
        return f"Invite(url={self.url!r}, run={self.run[:12]!r}, secret=<hidden>)"


def run_key_sha256(run_key: str) -> str:
    """The hash of a run's public key (64 hex digits) as it stands in invites."""
    return hashlib.sha256(bytes.fromhex(run_key)).hexdigest()


def format_invite(invite: Invite) -> str:
    """The invite as the line of text that people pass on."""
    pin = "" if invite.pin is None else f"/{invite.pin}"
    return f"sparewatt+{invite.url}/{invite.run}/{invite.run_key_sha256}{pin}#{invite.secret}"


def parse_invite(text: str) -> Invite:
    """The invite in `text`; surrounding white space is ignored.

    Raises:
        InputError: ``invite.malformed`` with the part that is wrong; ``invite.unencrypted`` for a plain connection
            beyond this computer.
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
    if len(digests) not in (2, 3) or not all(DIGEST_PATTERN.match(each) for each in digests):
        raise InputError("invite.malformed", part="run")
    if not SECRET_PATTERN.match(parts.fragment):
        raise InputError("invite.malformed", part="secret")
    if parts.scheme == "sparewatt+ws" and not _on_this_computer(parts.hostname):
        raise InputError("invite.unencrypted", host=parts.hostname[:100])
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Invite(
        url=f"{parts.scheme.removeprefix('sparewatt+')}://{host}:{port}",
        run=digests[0],
        run_key_sha256=digests[1],
        secret=parts.fragment,
        pin=digests[2] if len(digests) == 3 else None,
    )


def _on_this_computer(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
