from dataclasses import replace
from types import MappingProxyType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.host.reading import Reading
from sparewatt.policy import (
    COMPUTE_ORDER,
    RULES,
    TRANSFERS_ORDER,
    Decision,
    Match,
    Moment,
    Offers,
    Usage,
    decide,
    strictest,
)
from sparewatt.settings.intents import Intents
from sparewatt.settings.schema import BY_KEY
from sparewatt.settings.values import Settings

NOON = Moment(monotonic_s=1000.0, unix_s=1_700_000_000.0)
FINE = Reading(
    power_source="mains",
    battery_percent=None,
    memory_available_bytes=64 * 10**9,
    disk_free_bytes=500 * 10**9,
    weekday=2,
    minute=720,
)


def decided(
    settings: Settings | None = None,
    intents: Intents | None = None,
    reading: Reading = FINE,
    usage: Usage | None = None,
    offers: Offers | None = None,
    previous: Decision | None = None,
    now: Moment = NOON,
) -> Decision:
    return decide(
        "cpu",
        settings or Settings(),
        intents or Intents(),
        reading,
        usage or Usage(sensors="working"),
        offers or Offers(connected=True),
        previous,
        now,
    )


def later(seconds: float, moment: Moment = NOON) -> Moment:
    return Moment(moment.monotonic_s + seconds, moment.unix_s + seconds)


def rules(decision: Decision) -> list[str]:
    return [match.rule for match in decision.matches]


def with_reading(**changes: object) -> Reading:
    return msgspec.structs.replace(FINE, **changes)


def test_nothing_limits_a_computer_on_which_all_is_well() -> None:
    decision = decided()
    assert (decision.compute, decision.transfers, decision.matches) == ("full", "allowed", ())
    assert decision.decided_s == NOON.monotonic_s


def test_a_pause_until_a_moment_says_when_it_ends_and_ends_then() -> None:
    intents = Intents(paused_until_unix_s=int(NOON.unix_s) + 900)
    paused = decided(intents=intents)
    assert (paused.compute, paused.transfers) == ("stop", "essential")
    assert paused.shown is not None
    assert (paused.shown.rule, paused.shown.until_unix_s) == ("paused", intents.paused_until_unix_s)
    assert decided(intents=intents, previous=paused, now=later(900)).compute == "full"


def test_a_pause_until_resumed_has_no_end() -> None:
    paused = decided(intents=Intents(paused_until_unix_s=0), now=later(1e9))
    assert paused.shown is not None
    assert paused.shown.until_unix_s is None


@pytest.mark.parametrize(("address", "rule"), [("when_to_run", "contribution_off"), ("device_use@cpu", "device_off")])
def test_the_persons_switches_stop_the_device(address: str, rule: str) -> None:
    decision = decided(settings=Settings().changed(address, "never"))
    assert (decision.compute, rules(decision)) == ("stop", [rule])


def test_another_devices_switch_does_not_matter() -> None:
    assert decided(settings=Settings().changed("device_use@cuda:GPU-1", "never")).compute == "full"


def test_work_goes_on_five_minutes_after_mains_power_is_back() -> None:
    unplugged = decided(reading=with_reading(power_source="battery", battery_percent=80))
    assert unplugged.shown is not None
    assert (unplugged.shown.parameters, unplugged.shown.until_unix_s) == ({"percent": 80}, None)
    plugged = decided(previous=unplugged, now=later(10))
    assert plugged.shown is not None
    assert (plugged.compute, plugged.shown.until_unix_s) == ("stop", int(NOON.unix_s) + 310)
    assert decided(previous=plugged, now=later(309)).compute == "stop"
    assert decided(previous=plugged, now=later(310)).compute == "full"


def test_a_loose_plug_starts_the_five_minutes_again() -> None:
    battery = with_reading(power_source="battery")
    plugged = decided(previous=decided(reading=battery), now=later(10))
    unplugged = decided(reading=battery, previous=plugged, now=later(200))
    again = decided(previous=unplugged, now=later(210))
    assert decided(previous=again, now=later(400)).compute == "stop"


def test_allowing_battery_takes_effect_at_once() -> None:
    lingering = decided(previous=decided(reading=with_reading(power_source="battery")), now=later(1))
    allowed = Settings().changed("run_on_battery", "on")
    assert decided(settings=allowed, previous=lingering, now=later(2)).compute == "full"


def test_an_unknown_power_source_counts_as_a_battery() -> None:
    assert rules(decided(reading=with_reading(power_source=None))) == ["power_unknown"]


def test_memory_or_disk_below_the_bound_stops_and_returns_after_a_minute() -> None:
    low = decided(reading=with_reading(memory_available_bytes=10**9, disk_free_bytes=10**9))
    assert (low.compute, low.transfers, rules(low)) == ("stop", "essential", ["memory_low", "disk_low"])
    cleared = decided(previous=low, now=later(5))
    assert cleared.compute == "stop"
    assert decided(previous=cleared, now=later(65)).compute == "full"


def test_the_workers_own_memory_does_not_start_and_stop_it_for_ever() -> None:
    took = Usage(worker_memory_bytes=3 * 10**9, worker_running=True, sensors="working")
    assert decided(reading=with_reading(memory_available_bytes=2 * 10**9), usage=took).compute == "full"
    gone = replace(took, worker_running=False)
    assert decided(reading=with_reading(memory_available_bytes=2 * 10**9), usage=gone).compute == "stop"
    assert decided(reading=with_reading(memory_available_bytes=5 * 10**9), usage=gone).compute == "full"


def test_unknown_memory_and_disk_stop_nothing() -> None:
    assert decided(reading=with_reading(memory_available_bytes=None, disk_free_bytes=None)).compute == "full"


def test_outside_the_hours_it_says_when_they_begin() -> None:
    decision = decided(settings=Settings().changed("hours", "we 13:00-14:00"))
    assert decision.shown is not None
    whole_minute = int(NOON.unix_s) // 60 * 60
    assert (decision.shown.rule, decision.shown.until_unix_s) == ("outside_hours", whole_minute + 3600)


def test_a_run_that_wants_nothing_is_named_by_its_cause_and_transfers_go_on() -> None:
    decision = decided(offers=Offers("stalled", connected=True))
    assert decision.shown is not None
    assert (decision.compute, decision.transfers) == ("stop", "allowed")
    assert decision.shown.parameters == {"cause": "stalled"}


def test_no_network_stops_transfers_only() -> None:
    decision = decided(offers=Offers(connected=False))
    assert (decision.compute, decision.transfers, rules(decision)) == ("full", "none", ["no_network"])
    assert decided(offers=Offers(connected=None)).matches == ()


def test_the_shown_reason_is_the_first_among_those_whose_action_was_chosen() -> None:
    decision = decided(
        settings=Settings().changed("hours", "mo 13:00-14:00"),
        reading=with_reading(power_source="battery"),
        offers=Offers(connected=False),
    )
    assert rules(decision) == ["battery", "outside_hours", "no_network"]
    assert (decision.compute, decision.transfers) == ("stop", "none")


def test_the_decision_carries_the_devices_speed_limit() -> None:
    assert decided(settings=Settings().changed("speed_limit_percent@cpu", "30")).speed_limit_percent == 30


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule)
def test_what_the_person_ends_names_how_and_every_named_setting_exists(rule: object) -> None:
    (row,) = [known for known in RULES if known is rule]
    assert row.setting is None or row.setting in BY_KEY
    assert row.ends == "itself" or row.setting or row.rule == "paused"


READINGS = st.builds(
    Reading,
    power_source=st.sampled_from(["mains", "battery", None]),
    battery_percent=st.none() | st.integers(0, 100),
    memory_available_bytes=st.none() | st.integers(0, 4 * 10**9),
    disk_free_bytes=st.none() | st.integers(0, 6 * 10**9),
    weekday=st.integers(0, 6),
    minute=st.integers(0, 1439),
)
USAGES = st.builds(Usage, st.integers(0, 10**9), st.booleans(), sensors=st.sampled_from(["working", "waiting", "lost"]))
OFFERS = st.builds(Offers, st.sampled_from(["work", "none_joined", "closed"]), st.sampled_from([True, False, None]))
MATCHES = st.builds(
    Match,
    rule=st.just("any"),
    compute=st.sampled_from(COMPUTE_ORDER),
    transfers=st.sampled_from(TRANSFERS_ORDER),
    parameters=st.just(MappingProxyType({})),
    until_unix_s=st.none(),
    setting=st.none(),
)


@given(st.lists(MATCHES, max_size=6).map(tuple), MATCHES)
def test_one_more_match_never_loosens(matches: tuple[Match, ...], added: Match) -> None:
    before, after = strictest(matches), strictest((*matches, added))
    assert COMPUTE_ORDER.index(after[0]) >= COMPUTE_ORDER.index(before[0])
    assert TRANSFERS_ORDER.index(after[1]) >= TRANSFERS_ORDER.index(before[1])


@given(st.lists(st.tuples(READINGS, USAGES, OFFERS, st.floats(0, 400)), max_size=6))
def test_every_automatic_pause_ends_by_itself_once_all_is_well(
    history: list[tuple[Reading, Usage, Offers, float]],
) -> None:
    hours = Settings().changed("hours", "we 00:00-24:00")
    decision, now = None, NOON
    for reading, usage, offers, seconds in history:
        now = later(seconds, now)
        decision = decided(hours, None, reading, usage, offers, decision, now)
    now = later(1, now)
    decision = decided(hours, previous=decision, now=now)
    assert all(match.until_unix_s is not None for match in decision.matches)
    assert decided(hours, previous=decision, now=later(300, now)).matches == ()


@given(READINGS, USAGES, OFFERS)
def test_the_shown_match_has_the_chosen_action(reading: Reading, usage: Usage, offers: Offers) -> None:
    decision = decided(reading=reading, usage=usage, offers=offers)
    assert (decision.compute, decision.transfers) == strictest(decision.matches)
    if decision.shown is not None and decision.compute != "full":
        assert decision.shown.compute == decision.compute
