"""What is read of hivemind's contributors and of their network."""

import os
from pathlib import Path

import pytest

from benchmarks.peers.environment import NotInstalled
from benchmarks.peers.hivemind_run import address_told, averages_logged, hivemind, loopback_bytes
from benchmarks.peers.task import Task

DEVICES = """\
Inter-|   Receive                            |  Transmit
 face |bytes    packets errs drop fifo frame |bytes    packets errs drop fifo colls
    lo: 123456      10    0    0    0     0   654321      10    0    0    0     0
  eth0:  99999      10    0    0    0     0    88888      10    0    0    0     0
"""


def test_only_what_the_loopback_received_is_counted() -> None:
    assert loopback_bytes(DEVICES) == 123_456


def test_an_address_counts_once_its_line_is_whole() -> None:
    assert address_told("") is None
    assert address_told('{"address": "/ip4/127.0.0.1/tcp/1"}') is None
    assert address_told('{"address": "/ip4/127.0.0.1/tcp/1"}\n{"step"') == "/ip4/127.0.0.1/tcp/1"


def test_an_average_with_nobody_else_is_none() -> None:
    log = "[INFO] Averaged parameters with 2 peers\n[INFO] Averaging failed\n[INFO] Averaged parameters with 1 peers\n"
    assert averages_logged(log) == 1


def test_without_root_it_is_not_measured_and_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    with pytest.raises(NotInstalled, match="needs Linux and root"):
        hivemind(Task(), tmp_path, tmp_path)
    assert list(tmp_path.iterdir()) == []
