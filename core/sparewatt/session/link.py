"""One live session: the protocol over a transport, and the answers handed to those who asked."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sparewatt.clock import Clock
from sparewatt.errors import SparewattError, UnavailableError
from sparewatt.session import events as event
from sparewatt.session.connection import Transport
from sparewatt.session.inbox import Inbox
from sparewatt.session.protocol import SessionProtocol
from sparewatt.session.trust import HighestSeen
from sparewatt.signing import Signed
from sparewatt.wire.messages import DeviceOffer
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef, VersionId

SEND_SECONDS: Final = 30.0
TakeChunk = Callable[[event.ChunkReceived], bool]


class Link:
    """Carries a session until it ends. One task serves; others ask and wait in their inbox.

    Inboxes need no bound of their own: an asker has one answer or at most four chunks outstanding.
    """

    def __init__(self, transport: Transport, protocol: SessionProtocol, clock: Clock) -> None:
        self._transport = transport
        self._protocol = protocol
        self._clock = clock
        self._to_send = asyncio.Event()
        self._to_send.set()
        self._unsent: deque[str | bytes] = deque()
        self._sending = False
        self._reading = False
        self._inboxes: dict[int, Inbox] = {}
        self._takers: dict[int, TakeChunk] = {}
        self._end: event.SessionRefused | event.SessionFailed | None = None

    async def serve(
        self, on_event: Callable[[event.Event], Awaitable[None]]
    ) -> event.SessionRefused | event.SessionFailed | None:
        """Runs the session; `on_event` hears everything that is no answer, in order, before the next frame is read; the
        end last.

        Returns:
            Why it ended; None after an inspection that got its manifest.
        """
        # What comes of a frame that was taken where it arrived: the session's end, or a bug.
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        tasks: list[asyncio.Future[None]] = [
            asyncio.create_task(each) for each in (self._read(on_event), self._write(), self._tick(on_event))
        ]
        tasks.append(taken)
        self._transport.listen(lambda frame: self._take_now(frame, taken))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    await task
        except SparewattError as error:
            self._end = self._end or event.SessionFailed(error=error)
        finally:
            self._transport.listen(None)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._protocol.abandon()
            for inbox in self._inboxes.values():
                inbox.put(self._end or event.SessionFailed(error=UnavailableError("session.ended")))
            self._inboxes.clear()
            if self._end is not None:
                await on_event(self._end)
            await self._transport.close()
        return self._end

    # What others ask; each opens an inbox. UnavailableError ``session.not_active`` outside a standing session.

    @contextmanager
    def asking_work(self, offer: DeviceOffer, base: VersionId | None) -> Iterator[Inbox]:
        with self._inbox(self._protocol.request_work(offer, base, self._now())) as inbox:
            yield inbox

    @contextmanager
    def asking_versions(self, have: VersionId | None) -> Iterator[Inbox]:
        with self._inbox(self._protocol.get_versions(have, self._now())) as inbox:
            yield inbox

    @contextmanager
    def fetching(self, blob: BlobRef, bitmap: bytes, take: TakeChunk | None = None) -> Iterator[Inbox]:
        """Args:
        take: called with each chunk as it arrives, and not to wait: a chunk for which it returns False goes into the
            inbox like all other answers.
        """
        number = self._protocol.fetch(blob, bitmap, self._now())
        with self._transferring(number) as inbox:
            if take is not None:
                self._takers[number] = take
            yield inbox

    @contextmanager
    def offering(self, update: Update, signed: Signed) -> Iterator[Inbox]:
        with self._transferring(self._protocol.offer_update(update, signed, self._now())) as inbox:
            yield inbox

    def acknowledge(self, transfer: int, indices: Sequence[int]) -> None:
        for each in self._protocol.acknowledge(transfer, indices, self._now()):
            self._hand_over(each)
        self._send_now()

    def send_chunk(self, transfer: int, index: int, data: bytes) -> None:
        self._protocol.send_chunk(transfer, index, data, self._now())
        self._to_send.set()

    def stored(self, assignment_id: str) -> None:
        self._protocol.stored(assignment_id)
        self._to_send.set()

    def release(self, assignment_id: str, fence: int) -> None:
        self._protocol.release(assignment_id, fence)
        self._to_send.set()

    def hold(self, assignments: frozenset[str]) -> None:
        self._protocol.hold(assignments)

    def renew(self) -> None:
        self._protocol.renew(self._now())

    @property
    def highest(self) -> HighestSeen | None:
        """The newest announcement seen, this session's included."""
        return self._protocol.highest

    @property
    def bytes_up(self) -> int:
        return self._transport.bytes_up

    @property
    def bytes_down(self) -> int:
        return self._transport.bytes_down

    # Small parts

    def _now(self) -> float:
        return self._clock.monotonic()

    @contextmanager
    def _inbox(self, number: int) -> Iterator[Inbox]:
        inbox = self._inboxes[number] = Inbox()
        self._to_send.set()
        try:
            yield inbox
        finally:
            self._inboxes.pop(number, None)
            self._takers.pop(number, None)

    @contextmanager
    def _transferring(self, number: int) -> Iterator[Inbox]:
        """An inbox whose transfer is given up when its owner leaves early."""
        try:
            with self._inbox(number) as inbox:
                yield inbox
        finally:
            self._protocol.end_transfer(number, "transfer.left")
            self._to_send.set()

    async def _read(self, on_event: Callable[[event.Event], Awaitable[None]]) -> None:
        while self._end is None and self._protocol.state != "ended":
            self._reading = True
            frame = await self._transport.receive()
            self._reading = False
            await self._tell(self._protocol.receive(frame, self._now()), on_event)

    async def _tick(self, on_event: Callable[[event.Event], Awaitable[None]]) -> None:
        while self._end is None and self._protocol.state != "ended":
            await asyncio.sleep(self._protocol.next_tick_s(self._now()))
            await self._tell(self._protocol.tick(self._now()), on_event)

    async def _write(self) -> None:
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            self._unsent += self._protocol.take_frames()
            while self._unsent:
                self._sending = True
                try:
                    async with asyncio.timeout(SEND_SECONDS):
                        await self._transport.send(self._unsent.popleft())
                except TimeoutError as error:
                    raise UnavailableError("session.silent", seconds=int(SEND_SECONDS)) from error
                self._sending = False

    def _send_now(self) -> None:
        """Sends what can go without a wait, and leaves the rest to the task that may wait."""
        if not self._sending:
            self._unsent += self._protocol.take_frames()
            while self._unsent and isinstance(first := self._unsent[0], str) and self._transport.send_now(first):
                self._unsent.popleft()
        if self._unsent or self._protocol.has_frames:
            self._to_send.set()

    def _take_now(self, frame: bytes, result: asyncio.Future[None]) -> bool:
        """Takes in a chunk where it arrives, if nothing before it is still being dealt with."""
        if not self._reading or self._end is not None or result.done():
            return False
        try:
            for each in self._protocol.receive(frame, self._now()):
                if isinstance(each, event.SessionRefused | event.SessionFailed):
                    self._end = each
                    result.set_result(None)
                else:
                    self._hand_over(each)
        except Exception as bug:  # noqa: BLE001 - `serve` raises it; here it would only cut the connection
            result.set_exception(bug)
        return True

    async def _tell(self, told: tuple[event.Event, ...], on_event: Callable[[event.Event], Awaitable[None]]) -> None:
        if self._protocol.has_frames:
            self._to_send.set()
        for each in told:
            if isinstance(each, event.SessionRefused | event.SessionFailed):
                self._end = each
            elif not self._hand_over(each):
                await on_event(each)

    def _hand_over(self, told: event.Event) -> bool:
        """Whether the event is an answer to somebody; answers that nobody waits for any more are dropped."""
        if isinstance(told, event.ChunkReceived):
            take = self._takers.get(told.transfer)
            if take is not None and take(told):
                return True
        match told:
            case event.WorkReceived(request=number) | event.NoWorkReceived(request=number):
                pass
            case event.VersionsReceived(request=number) | event.RequestRefused(request=number):
                pass
            case event.ChunkReceived(transfer=number) | event.FetchAnswered(transfer=number):
                pass
            case event.ChunkWanted(transfer=number) | event.TransferEnded(transfer=number):
                pass
            case event.UploadAccepted(transfer=number) | event.UploadRefused(transfer=number):
                pass
            case _:
                return False
        inbox = self._inboxes.get(number)
        if inbox is not None:
            inbox.put(told)
        return True
