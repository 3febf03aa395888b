"""The two kinds of transfer inside a session, each with its order of messages and its window."""

from typing import Final, Literal

from sparewatt.errors import ProtocolError
from sparewatt.wire.messages import UNACKNOWLEDGED_CHUNKS_MOST, ChunkSpans
from sparewatt.wire.transfer import ReceiveTransfer, SendTransfer
from sparewatt.work.update import Update
from sparewatt.work.version import BlobRef


class FetchExchange:
    """Chunks of one blob on their way here. A chunk counts against the window until somebody has taken it over."""

    def __init__(self, blob: BlobRef, bitmap: bytes | None, deadline: float) -> None:
        self.blob: Final = blob
        self.deadline = deadline
        self._receive = ReceiveTransfer(blob.size, bitmap)
        self.asked: Final = self._receive.ask()
        if not self.asked:
            raise ValueError("nothing is missing of this blob")
        self._untaken: set[int] = set()

    @property
    def answered(self) -> bool:
        """All that was asked for arrived and was taken over."""
        return self._receive.asked_arrived and not self._untaken

    @property
    def waits_for_peer(self) -> bool:
        return not self._receive.asked_arrived and len(self._untaken) < UNACKNOWLEDGED_CHUNKS_MOST

    def arrived(self, index: int, data: bytes | memoryview, deadline: float) -> bool:
        """Takes in a chunk; raises ProtocolError ``session.window`` when the sender did not wait."""
        if len(self._untaken) >= UNACKNOWLEDGED_CHUNKS_MOST and index not in self._untaken:
            raise ProtocolError("session.window", most=UNACKNOWLEDGED_CHUNKS_MOST)
        new = self._receive.receive(index, data)
        self._untaken.add(index)
        self.deadline = deadline
        return new

    def taken(self, index: int, deadline: float) -> None:
        """There is room for another chunk in its place."""
        self._untaken.discard(index)
        self.deadline = deadline


class UploadExchange:
    """An update on its way there: offered, then sending and committing until the coordinator decides."""

    def __init__(self, update: Update, deadline: float) -> None:
        self.update: Final = update
        self.deadline = deadline
        self._phase: Literal["offered", "sending", "committed"] = "offered"
        self._send: SendTransfer | None = None
        self._unsent = 0

    @property
    def waits_for_peer(self) -> bool:
        return self._unsent == 0

    def asked(self, missing: ChunkSpans, deadline: float) -> None:
        """The coordinator says what it lacks: after the offer, or after a commit when there were more gaps than one
        message can name. Raises ProtocolError ``session.out_of_order`` while chunks are being sent."""
        if self._phase == "sending" or (self._phase == "committed" and not missing):
            raise ProtocolError("session.out_of_order", state=self._phase, type="Missing")
        self._send = SendTransfer(self.update.payload.size, missing)
        self._phase = "sending"
        self.deadline = deadline

    def wanted(self) -> list[int]:
        """The chunks that may be sent now, in order."""
        indices: list[int] = []
        while self._send is not None and (index := self._send.next_chunk()) is not None:
            indices.append(index)
        self._unsent += len(indices)
        return indices

    def sent(self, deadline: float) -> None:
        """A wanted chunk was handed over."""
        self._unsent -= 1
        self.deadline = deadline

    def acknowledged(self, index: int, count: int, deadline: float) -> None:
        """Raises ProtocolError ``session.out_of_order`` or ``transfer.ack``."""
        if self._send is None or self._phase != "sending":
            raise ProtocolError("session.out_of_order", state=self._phase, type="Ack")
        self._send.acknowledge(index, count)
        self.deadline = deadline

    def commit(self) -> bool:
        """Whether now is the moment to commit; true once for each time that everything asked for has arrived."""
        if self._phase != "sending" or self._send is None or not self._send.done:
            return False
        self._phase = "committed"
        return True
