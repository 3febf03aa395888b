"""Looking at a run before joining it, and what any session needs of the world."""

from collections.abc import Callable
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.clock import Clock
from sparewatt.credit.keychain import KeyChain
from sparewatt.errors import RefusedError, SparewattError, UnavailableError
from sparewatt.session import events as event
from sparewatt.session.connection import Dial
from sparewatt.session.link import Link
from sparewatt.session.protocol import SessionProtocol, SessionTerms
from sparewatt.session.traffic import Traffic
from sparewatt.signing import Signed
from sparewatt.work.invite import Invite
from sparewatt.work.plain import plain_text

# Reasons of a refusal that are errors with sentences of their own.
REASONS_WITH_WORDS: Final = frozenset({
    "contributor.not_trusted",
    "contributor.optimiser_kept",
    "contributor.revoked",
    "invite.expired",
    "invite.needed",
    "invite.revoked",
    "invite.unknown",
    "invite.used_up",
    "session.protocol",
    "session.transcript",
    "session.unknown_run",
})  # fmt: skip


class Tools(msgspec.Struct, frozen=True):
    """What a session needs of the world.

    Attributes:
        random_bytes: for nonces; `secrets.token_bytes` outside tests.
        jitter: evenly random in [0, 1).
        software: name and version of this program.
        traffic: how fast and what may be moved, all runs together.
    """

    dial: Dial
    clock: Clock
    random_bytes: Callable[[int], bytes]
    jitter: Callable[[], float]
    software: str
    traffic: Traffic


class Inspected(msgspec.Struct, frozen=True):
    """A verified manifest, before any consent."""

    manifest: event.ManifestReceived
    online_key: Signed


async def inspect(invite: Invite, key: Ed25519PrivateKey, tools: Tools) -> Inspected:
    """The manifest that an invite leads to, checked against it. Nothing is proved or consented to.

    Raises:
        UnavailableError, IntegrityError, ProtocolError: as `Dial` and `SessionProtocol` find them.
        RefusedError: ``session.refused`` with the coordinator's reason.
    """
    terms = SessionTerms(
        run=invite.run,
        run_key_sha256=invite.run_key_sha256,
        purpose="inspect",
        invite_secret=None,
        chain=KeyChain(run=invite.run, run_key_sha256=invite.run_key_sha256),
        highest=None,
        software=tools.software,
    )
    transport = await tools.dial(invite.url, invite.pin)
    protocol = SessionProtocol(terms, key, tools.random_bytes(32).hex(), tools.clock.monotonic())
    heard: list[event.Event] = []

    async def listen(told: event.Event) -> None:
        heard.append(told)

    end = await Link(transport, protocol, tools.clock).serve(listen)
    match heard:
        case [event.CoordinatorProved(signed=online_key), event.ManifestReceived() as manifest]:
            return Inspected(manifest=manifest, online_key=online_key)
        case _:
            # Whoever has consented to nothing yet is shown no change, only that this invite leads nowhere.
            raise error_of(event.SessionRefused(end.refused) if isinstance(end, event.SessionRefused) else end)


def error_of(end: event.SessionRefused | event.SessionFailed | None) -> SparewattError:
    """Why a session ended, as an error."""
    match end:
        case event.SessionRefused(changed=event.ManifestChanged()):
            return RefusedError("session.changed", reason="session.changed", words="")
        case event.SessionRefused(refused=refused):
            known = refused.reason in REASONS_WITH_WORDS and not refused.words
            error = RefusedError(
                refused.reason if known else "session.refused", reason=refused.reason, words=plain_text(refused.words)
            )
            if refused.retry_after_s is not None:
                error.parameters["retry_after_s"] = refused.retry_after_s
            return error
        case event.SessionFailed(error=error):
            return error
        case None:
            return UnavailableError("connection.lost", code=0)
