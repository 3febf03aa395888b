"""A proxy as an organiser may have one: it ends TLS and hands on what it carries, in the clear.

``python tls_proxy.py CERTIFICATE KEY`` prints its port, reads the port that it leads to, and runs until its standard
input ends. As proxies do, it adds a header that says who connects.
"""

import asyncio
import contextlib
import ssl
import sys
from typing import Final

PIECE_BYTES: Final = 1 << 16
ADDED: Final = b"X-Forwarded-For: 203.0.113.9\r\n"


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, to its end."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def main(certificate: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    leads_to: asyncio.Future[int] = loop.create_future()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await reader.readline()
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", await leads_to)
        except OSError:
            writer.close()
            return
        behind_writer.write(asked + ADDED)
        await asyncio.gather(carry(reader, behind_writer), carry(behind_reader, writer))

    async with await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        leads_to.set_result(int(await asyncio.to_thread(sys.stdin.readline)))
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
