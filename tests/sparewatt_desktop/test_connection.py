"""How the desktop stands with the engine, as a table."""

import itertools
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.errors import ProtocolError, UnavailableError
from sparewatt_desktop.connection import (
    STARTING_RETRY_S,
    TABLE,
    Event,
    Link,
    Phase,
    after,
    restart_s,
    retry_s,
    silence_s,
)

PHASES = get_args(Phase)
EVENTS = get_args(Event)


def went(*events: Event, begin: Phase = "looking") -> Link:
    link = Link(begin)
    for event in events:
        link = after(link, event)
    return link


def test_the_table_names_every_event_and_only_phases() -> None:
    assert set(TABLE) == set(EVENTS)
    for row in TABLE.values():
        assert set(row) | set(row.values()) <= set(PHASES)


@given(st.lists(st.sampled_from(EVENTS), max_size=30))
def test_after_a_stop_nothing_begins_again(events: list[Event]) -> None:
    link = went(*events, "stop", "absent")
    assert link.phase == "stopped"
    assert went(*events, begin="stopped").phase == "stopped"


@given(st.lists(st.sampled_from([event for event in EVENTS if event != "stop"]), max_size=30))
def test_from_everywhere_an_engine_that_greets_is_talked_to(events: list[Event]) -> None:
    assert went(*events, "greeted").phase == "talking"


@pytest.mark.parametrize(
    ("events", "phase"),
    [
        (("absent",), "missing"),
        (("absent", "start", "absent", "absent"), "starting"),
        (("absent", "start", "start_died"), "failed"),
        (("absent", "start", "start_overdue", "absent"), "overdue"),
        (("greeted", "silent"), "slow"),
        (("greeted", "silent", "heard"), "talking"),
        (("greeted", "lost"), "ended"),
        (("greeted", "lost", "absent"), "ended"),
        (("greeted", "left"), "missing"),
        (("other_version", "replace", "lost", "absent", "start"), "starting"),
        (("other_version", "replace", "replace_overdue"), "other_version"),
        (("refused", "absent"), "missing"),
        (("greeted", "stop", "lost", "absent"), "stopped"),
    ],
)
def test_what_follows(events: tuple[Event, ...], phase: Phase) -> None:
    assert went(*events).phase == phase


def test_an_engine_is_this_desktop_s_own_only_where_it_was_started_here() -> None:
    assert went("absent", "start", "greeted").started_here
    assert not went("greeted").started_here
    assert not went("absent", "start", "greeted", "left", "greeted").started_here


def test_an_error_stays_until_the_phase_changes() -> None:
    ended = after(went("greeted"), "lost", ProtocolError("control.closed"))
    again = after(ended, "silent")
    assert ended.error is not None
    assert after(ended, "absent").error is ended.error
    assert again.error is None


def test_looks_become_rarer_but_never_stop() -> None:
    links = list(itertools.accumulate(range(20), lambda link, _: after(link, "absent"), initial=Link()))
    waits = [retry_s(link) for link in links]
    assert waits == sorted(waits)
    assert waits[-1] <= 4.0
    assert retry_s(went("absent", "start")) == STARTING_RETRY_S


def test_a_crashed_engine_is_started_again_a_few_times_and_only_by_who_started_it() -> None:
    ended = went("absent", "start", "greeted", "lost")
    waits = [restart_s(Link("ended", restarts=restarts, started_here=True)) for restarts in range(5)]
    assert restart_s(ended) == waits[0]
    assert waits[:3] == sorted(wait for wait in waits if wait is not None)
    assert waits[3:] == [None, None]
    assert restart_s(went("greeted", "lost")) is None
    assert restart_s(went("greeted")) is None


def test_silence_is_counted_from_the_watch_s_own_interval() -> None:
    assert silence_s(3_000) - silence_s(250) == pytest.approx(2.75)


def test_only_an_engine_that_can_be_heard_has_a_state_to_show() -> None:
    heard = {phase for phase in PHASES if Link(phase).heard}
    assert heard == {"talking", "slow", "stopping"}
    assert after(went("greeted"), "silent", UnavailableError("engine.silent")).heard
