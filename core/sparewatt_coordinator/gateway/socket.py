"""The coordinator's end of a websocket."""

from websockets.asyncio.server import ServerConnection
from websockets.protocol import State


class GatewaySocket(ServerConnection):
    """A connection that also takes messages whose websocket header is there already.

    websockets otherwise copies every message behind its header, which with the waits around it costs a coordinator a
    tenth of a download.
    """

    async def send_whole(self, message: bytearray) -> None:
        """Like `send`, of `wire.codec.chunk_message`; nobody may change the message any more."""
        if self.protocol.state is not State.OPEN or self.send_in_progress is not None:
            # What is said about a connection that closes, `send` says.
            await self.send(message_body(message))
            return
        self.transport.write(message)
        await self.drain()


def message_body(message: bytearray) -> memoryview:
    """What a message says, behind its header."""
    length = message[1]
    return memoryview(message)[2 if length < 126 else 4 if length == 126 else 10 :]
