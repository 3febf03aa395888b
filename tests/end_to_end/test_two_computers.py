"""A coordinator and engines on computers of their own, with nothing between them but encrypted cables."""

import json
import sqlite3
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from sparewatt.errors import IntegrityError
from sparewatt.snapshot import RunSnapshot
from sparewatt.work.invite import format_invite, parse_invite
from sparewatt.work.manifest import InnerSpec, RoundSpec
from sparewatt.work.model import ModelSpec
from sparewatt_coordinator.create.profile import Profile, run_profile
from sparewatt_coordinator.gateway import admin
from sparewatt_coordinator.testing.namespaces import Cable, Network, network, why_impossible
from sparewatt_coordinator.testing.processes import RealEngine, RealRun

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

TEXT = Path(sysconfig.get_path("stdlib")) / "email"
PORT = 7520


def small() -> Profile:
    """60 thousand parameters: every update is a round, and there are many."""
    profile = run_profile("tiny", contributors=2, tokens=10_000_000)
    return replace(
        profile,
        model=ModelSpec(
            architecture="llama",
            vocabulary_size=256,
            hidden_size=32,
            intermediate_size=64,
            layers=2,
            heads=2,
            key_value_heads=2,
            context_length=64,
        ),
        sequence_length=16,
        inner=InnerSpec(inner_steps=20, batch_sequences=4, state="fresh"),
        optimiser=msgspec.structs.replace(profile.optimiser, peak_rate_nano=100_000, warmup_tokens=0),
        rounds=RoundSpec(
            tokens_target=1_280,
            grace_milliseconds=0,
            seconds_most=5,
            next_version_wait_milliseconds=0,
            tokens_total=100_000_000,
            seconds_total=0,
        ),
    )


@pytest.fixture(scope="module")
def cables() -> Iterator[Network]:
    # Network namespaces need Linux and its administrator; where a computer has neither, the reason is said. In CI a
    # skip fails the run.
    reason = why_impossible()
    if reason is not None:
        pytest.skip(reason)
    with network(2) as made:
        yield made


@pytest.fixture
def run(cables: Network, tmp_path: Path) -> Iterator[RealRun]:
    options = ("--own-certificate",)
    made = RealRun(tmp_path, small(), TEXT, 1, f"0.0.0.0:{PORT}", options, cables.middle.prefix)
    try:
        yield made
    finally:
        made.end()


def joined(engine: RealEngine) -> RunSnapshot:
    (one,) = engine.snapshot().runs
    return one


def error_of(engine: RealEngine) -> str | None:
    found = engine.snapshot().runs
    return found[0].connection.error.error_id if found and found[0].connection.error is not None else None


def add_engine(run: RealRun, cable: Cable) -> tuple[RealEngine, str]:
    """An engine at the end of a cable, and the invite by which it joined."""
    engine = run.start_engine(1, cable.computer.prefix)
    invite = run.invite(address=cable.middle_address)
    engine.join(invite)
    return engine, invite


def tried(cable: Cable, what: str, invite: str) -> dict[str, object]:
    """How far somebody gets who tries `what` from the end of a cable."""
    command = [*cable.computer.prefix, sys.executable, "-m", "sparewatt_coordinator.testing.probe", what, invite]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_two_engines_train_through_a_cut_a_crash_and_people_with_bad_intentions(run: RealRun, cables: Network) -> None:
    first_cable, second_cable = cables.cables
    first, first_invite = add_engine(run, first_cable)
    second, _ = add_engine(run, second_cable)
    run.until(lambda: len(first.receipts(run.created.run)) > 0 and len(second.receipts(run.created.run)) > 0, 240)
    seen = joined(first)
    assert (seen.encrypted, seen.trust, seen.validation) == (True, "trusted", "unaudited")
    assert seen.connection.url == f"wss://{first_cable.middle_address}:{PORT}"

    the_link_is_cut_and_the_coordinator_crashes_meanwhile(run, first_cable, first, second)
    others_get_nothing(run, second_cable, first_invite)
    the_first_contributor_is_revoked(run, first, second)
    somebody_else_answers(run, second)


def the_link_is_cut_and_the_coordinator_crashes_meanwhile(
    run: RealRun, cable: Cable, first: RealEngine, second: RealEngine
) -> None:
    cable.cut()
    known, known_second = len(first.receipts(run.created.run)), len(second.receipts(run.created.run))
    run.until(lambda: len(second.receipts(run.created.run)) > known_second)
    run.until(lambda: first.unsent > 0 or not first.process.running)
    run.coordinator.kill()
    run.serve_again()
    run.until(lambda: len(second.receipts(run.created.run)) > known_second + 1)
    assert len(first.receipts(run.created.run)) <= known + 1, "nothing comes through a cable that is cut"
    cable.mend()
    run.until(lambda: len(first.receipts(run.created.run)) > known + 1)


def others_get_nothing(run: RealRun, cable: Cable, stolen: str) -> None:
    """A third engine, beside the second one, that has no invite of its own."""
    late = run.invite(address=cable.middle_address)
    run.coordinator.end()
    with sqlite3.connect(run.data.database) as store:
        store.execute("UPDATE invites SET expires_at_s = 1 WHERE uses_left = 1")
    store.close()
    run.serve_again()

    here = msgspec.structs.replace(parse_invite(stolen), url=f"wss://{cable.middle_address}:{PORT}")
    third = run.start_engine(1, cable.computer.prefix)
    with pytest.raises(IntegrityError, match=r"connection\.pin"):
        third.join(format_invite(msgspec.structs.replace(here, pin="0" * 64)))
    with pytest.raises(IntegrityError, match=r"connection\.certificate"):
        third.join(format_invite(msgspec.structs.replace(here, pin=None)))
    assert third.snapshot().runs == ()
    third.join(format_invite(here))
    run.until(lambda: error_of(third) == "invite.used_up")
    third.join(late)
    run.until(lambda: error_of(third) == "invite.expired")
    assert joined(third).connection.state == "refused"
    assert third.process.end() == 0

    again = run.invite(address=cable.middle_address)
    assert tried(cable, "origin", again) == {"status": 403}
    assert tried(cable, "replay", again) == {"first": "Welcome", "second": "session.transcript"}


def the_first_contributor_is_revoked(run: RealRun, first: RealEngine, second: RealEngine) -> None:
    here = run.ask(admin.ListContributors(), admin.ContributorsReply)
    assert len(here.connected) == 2
    mine = {receipt.contributor for receipt in first.receipts(run.created.run)}
    (contributor,) = mine
    known = len(first.receipts(run.created.run))
    run.ask(admin.RevokeContributor(contributor), admin.Reply)
    run.until(lambda: error_of(first) == "contributor.revoked", 5)
    assert contributor not in run.ask(admin.ListContributors(), admin.ContributorsReply).connected
    assert len(first.receipts(run.created.run)) >= known
    gone_on = len(second.receipts(run.created.run))
    run.until(lambda: len(second.receipts(run.created.run)) > gone_on)
    assert first.process.end() == 0
    first.start_again()
    run.until(lambda: error_of(first) == "contributor.revoked")


def somebody_else_answers(run: RealRun, second: RealEngine) -> None:
    """The same address and the same run, but another key: an engine says so once and then waits long."""
    run.coordinator.end()
    assert second.process.end() == 0
    for path in (run.data.tls_key, run.data.tls_certificate):
        path.unlink()
    run.serve_again()
    second.start_again()
    run.until(lambda: error_of(second) == "connection.pin")
    seen = second.snapshot()
    error = seen.runs[0].connection.error
    assert error is not None
    assert error.retry_unix_s is not None
    assert error.retry_unix_s - seen.taken_unix_s > 200
