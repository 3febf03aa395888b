"""What somebody with bad intentions tries from another computer; one line of JSON says how far it got.

``python -m sparewatt_coordinator.testing.probe origin|replay INVITE``
"""

import asyncio
import json
import ssl
import sys

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from sparewatt.session.connection import Transport, WebsocketDial
from sparewatt.wire import messages as wire
from sparewatt.wire.codec import decode_coordinator, encode
from sparewatt.work.invite import Invite, parse_invite
from sparewatt.work.manifest import OnlineKey
from sparewatt_coordinator.testing.engine import hello, prove


async def origin(invite: Invite) -> dict[str, object]:
    """The HTTP status that a web page gets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    protocols = [Subprotocol(wire.SUBPROTOCOL)]
    try:
        async with connect(
            invite.url, subprotocols=protocols, origin=Origin("https://example.org"), ssl=context, proxy=None
        ):
            return {"status": 101}
    except InvalidStatus as error:
        return {"status": error.response.status_code}


async def replay(invite: Invite) -> dict[str, object]:
    """What is answered to a good handshake, and to the same frames in a second connection."""
    key = Ed25519PrivateKey.generate()
    greeting = encode(hello(invite.run, key))
    first = await WebsocketDial()(invite.url, invite.pin)
    challenge = await _ask(first, greeting)
    assert isinstance(challenge, wire.Challenge)
    online = msgspec.json.decode(challenge.online_key.body, type=OnlineKey).key
    proof = encode(prove(challenge, online, invite.run, key, invite.secret))
    good = await _ask(first, proof)
    second = await WebsocketDial()(invite.url, invite.pin)
    await _ask(second, greeting)
    bad = await _ask(second, proof)
    return {"first": type(good).__name__, "second": bad.reason if isinstance(bad, wire.Refused) else "welcome"}


async def _ask(transport: Transport, frame: str) -> wire.CoordinatorMessage:
    await transport.send(frame)
    answer = await transport.receive()
    assert isinstance(answer, str)
    return decode_coordinator(answer)


def main() -> None:
    tried = {"origin": origin, "replay": replay}[sys.argv[1]]
    sys.stdout.write(json.dumps(asyncio.run(tried(parse_invite(sys.argv[2])))) + "\n")


if __name__ == "__main__":
    main()
