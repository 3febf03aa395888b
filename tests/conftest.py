"""Rules for the whole suite."""

import os
from pathlib import Path

import pytest

SKIPS = Path(__file__).with_name("skips.txt")


def allowed_skips() -> frozenset[str]:
    """Test ids that may be skipped, from the written list: one id a line, its reason after a tab."""
    lines = SKIPS.read_text().splitlines()
    return frozenset(line.split("\t")[0] for line in lines if line and not line.startswith("#"))


@pytest.hookimpl(hookwrapper=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> object:
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("CI"):
        return
    skipped = {report.nodeid for report in reporter.stats.get("skipped", [])}
    unexpected = sorted(skipped - allowed_skips())
    if unexpected:
        reporter.write_line("skipped without standing in tests/skips.txt:\n  " + "\n  ".join(unexpected), red=True)
        session.exitstatus = 1
