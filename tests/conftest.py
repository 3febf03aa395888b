"""Rules for the whole suite."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

SKIPS = Path(__file__).with_name("skips.txt")

# How fast a computer is decides no test. CI tries the same examples every time; elsewhere each run tries new ones.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("here"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def allowed_skips() -> frozenset[str]:
    """Test ids that may be skipped, from the written list: one id a line, its reason after a tab."""
    lines = [line.split("\t") for line in SKIPS.read_text(encoding="utf-8").splitlines()]
    return frozenset(line[0] for line in lines if len(line) == 2 and line[1].strip())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """In CI a test that did not run, and is not on the list, fails the run."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("CI"):
        return
    unproven = {report.nodeid for outcome in ("skipped", "xfailed") for report in reporter.stats.get(outcome, [])}
    unlisted = sorted(unproven - allowed_skips())
    if unlisted:
        reporter.write_line("skipped without standing in tests/skips.txt:\n  " + "\n  ".join(unlisted), red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
