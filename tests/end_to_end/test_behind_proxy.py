"""An engine joins through a proxy that ends TLS in front of a coordinator that listens in the clear."""

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import msgspec
import pytest

from sparewatt.errors import IntegrityError
from sparewatt.work.invite import format_invite, parse_invite
from sparewatt.work.manifest import InnerSpec
from sparewatt_coordinator.create.profile import Profile, run_profile
from sparewatt_coordinator.testing.certificates import certified
from sparewatt_coordinator.testing.processes import RealRun

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

PROXY = Path(__file__).with_name("tls_proxy.py")
TEXT = Path(sysconfig.get_path("stdlib")) / "email"


class Proxy:
    """A process of its own, before it knows where it leads to."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.port = int(self._pipe(process.stdout).readline())

    def lead_to(self, port: int) -> None:
        pipe = self._pipe(self._process.stdin)
        pipe.write(f"{port}\n")
        pipe.flush()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


@contextmanager
def proxy(certificate: Path, key: Path) -> Iterator[Proxy]:
    command = [sys.executable, str(PROXY), str(certificate), str(key)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Proxy(process)
        finally:
            process.kill()


def quick() -> Profile:
    """Updates of a moment's work."""
    profile = run_profile("tiny", contributors=1, tokens=10_000_000)
    return replace(profile, inner=InnerSpec(inner_steps=4, batch_sequences=1, state="fresh"))


def test_the_proxys_name_is_trusted_and_nothing_else_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, certificate, key = certified(tmp_path, ("127.0.0.1",))
    with proxy(certificate, key) as front:
        options = ("--behind-proxy", "--address", f"127.0.0.1:{front.port}")
        run = RealRun(tmp_path, quick(), TEXT, options=options)
        try:
            front.lead_to(run.port)
            an_engine_joins(run, authority, front.port, monkeypatch)
        finally:
            run.end()


def an_engine_joins(run: RealRun, authority: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    invite = run.invite()
    named = parse_invite(invite)
    # The proxy's key is no business of the coordinator's, so the invite pins none.
    assert (named.url, named.pin) == (f"wss://127.0.0.1:{port}", None)

    stranger = run.start_engine()
    with pytest.raises(IntegrityError, match=r"connection\.certificate"):
        stranger.join(invite)
    assert stranger.snapshot().runs == ()
    assert stranger.process.end() == 0

    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    engine = run.start_engine()
    with pytest.raises(IntegrityError, match=r"connection\.certificate"):
        engine.join(format_invite(msgspec.structs.replace(named, url=f"wss://localhost:{port}")))
    # An honest certificate is not enough: whoever is behind it must hold the key that the invite names.
    with pytest.raises(IntegrityError):
        engine.join(format_invite(msgspec.structs.replace(named, run_key_sha256="0" * 64)))
    assert engine.snapshot().runs == ()

    engine.join(invite)
    run.until(lambda: len(engine.receipts(run.created.run)) > 0, 240)
    (joined,) = engine.snapshot().runs
    assert (joined.connection.url, joined.encrypted, joined.trust) == (named.url, True, "trusted")
