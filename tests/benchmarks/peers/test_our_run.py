"""What is read of an engine's snapshots."""

from benchmarks.peers.our_run import Watched


def test_only_growth_is_a_moment_of_training() -> None:
    watched = Watched()
    for tokens, at in ((0, 1.0), (2_048, 2.0), (2_048, 3.0), (0, 4.0), (4_096, 5.0)):
        watched.see(tokens, at)
    assert (watched.tokens, watched.moments) == (4_096, [2.0, 5.0])
