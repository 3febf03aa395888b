"""The engine's half of a session, message by message, for tests that want to say exactly what comes next."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sparewatt.signing import Signed, public_key_hex, sign, verify
from sparewatt.wire import messages as wire
from sparewatt.work.update import UPDATE_KIND, Update

NONCE = "c" * 64


def hello(run: str, key: Ed25519PrivateKey) -> wire.Hello:
    return wire.Hello(protocol=wire.PROTOCOL, run=run, contributor=public_key_hex(key), nonce=NONCE, software="test")


def prove(
    challenge: wire.Challenge, online_public: str, run: str, key: Ed25519PrivateKey, secret: str | None
) -> wire.Prove:
    """The answer to a challenge whose proof holds."""
    stated = verify(challenge.proof, wire.HANDSHAKE_KIND, online_public, wire.Transcript)
    mine = wire.Transcript(
        side="contributor",
        run=stated.run,
        contributor=public_key_hex(key),
        online_key=stated.online_key,
        client_nonce=NONCE,
        server_nonce=challenge.nonce,
        session=challenge.session,
    )
    return wire.Prove(proof=sign(wire.HANDSHAKE_KIND, mine, key), consent=run, invite_secret=secret)


def signed_update(update: Update, key: Ed25519PrivateKey) -> Signed:
    return sign(UPDATE_KIND, update, key)
