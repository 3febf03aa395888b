import asyncio
import threading
from pathlib import Path

import pytest

from sparewatt.blobs.folder import BlobFolder
from sparewatt.blobs.partial import PartialBlob
from sparewatt.clock import SystemClock
from sparewatt.session.flow import download
from sparewatt.session.link import Link
from sparewatt.session.protocol import SessionProtocol
from sparewatt.session.traffic import Limits, Traffic
from sparewatt.testing.run import FakeRun, private_key
from sparewatt.testing.transport import transport_pair
from sparewatt.work.version import BlobRef

BLOB = BlobRef("ab" * 32, 1_000)
SECONDS_MOST = 30.0
RUN = FakeRun()
TERMS = RUN.terms()


class SlowFolder(BlobFolder):
    """Opens a partial blob when it is let; `given` is what it opened."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked, self.let = threading.Event(), threading.Event()
        self.given: PartialBlob | None = None

    def partial(self, blob: BlobRef) -> PartialBlob:
        self.asked.set()
        assert self.let.wait(SECONDS_MOST)
        self.given = super().partial(blob)
        return self.given


def test_a_download_that_is_cancelled_while_its_file_is_opened_closes_it(tmp_path: Path) -> None:
    folder = SlowFolder(tmp_path)

    async def scenario() -> None:
        near, _ = transport_pair()
        link = Link(near, SessionProtocol(TERMS, private_key(7), "0c" * 32, 0.0), SystemClock())
        running = asyncio.create_task(download(link, folder, BLOB, Traffic(SystemClock(), Limits, "allowed")))
        assert await asyncio.to_thread(folder.asked.wait, SECONDS_MOST)
        running.cancel()
        await asyncio.sleep(0)
        folder.let.set()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scenario())
    assert folder.given is not None
    with pytest.raises(ValueError, match="closed"):
        folder.given.write(0, bytes(BLOB.size))
