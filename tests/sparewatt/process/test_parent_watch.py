"""Ending with the parent."""

import threading

from sparewatt.process.parent_watch import PARENT_GONE_EXIT, watch_parent


def test_a_closed_pipe_ends_the_process_after_its_grace() -> None:
    closed, ended = threading.Event(), threading.Event()
    codes: list[int] = []

    def end(code: int, /) -> None:
        codes.append(code)
        ended.set()

    thread = watch_parent(closed, grace_seconds=0.0, end=end)
    assert not ended.is_set()
    closed.set()
    assert ended.wait(10)
    thread.join(10)
    assert codes == [PARENT_GONE_EXIT]
