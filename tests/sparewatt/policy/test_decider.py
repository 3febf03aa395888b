from dataclasses import replace
from types import MappingProxyType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.host.reading import Game, Reading
from sparewatt.policy import (
    COMPUTE_ORDER,
    RULES,
    TRANSFERS_ORDER,
    URGENT_RULES,
    WITHOUT_ENCODING_RULES,
    Decision,
    Match,
    Moment,
    Offers,
    Rule,
    Spent,
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
    seat=True,
    idle_s=600.0,
    locked=False,
    other_user=False,
    low_power_mode=False,
    metered=False,
    games=(),
)
MONTH_ENDS, DAY_ENDS = 1_701_388_800, 1_700_006_400
CARD = "cuda:GPU-1"


def decided(
    settings: Settings | None = None,
    intents: Intents | None = None,
    reading: Reading = FINE,
    usage: Usage | None = None,
    offers: Offers | None = None,
    previous: Decision | None = None,
    now: Moment = NOON,
    device: str = "cpu",
) -> Decision:
    return decide(
        device,
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


def test_limits_that_are_not_known_stop_everything_whatever_else_is_said() -> None:
    unknown = Settings(unknown=True)
    eager = Intents(contribute_until_unix_s=round(NOON.unix_s) + 3_600)
    assert rules(decided(settings=unknown, intents=eager)) == ["settings_unknown"]
    assert decided(settings=unknown.changed("when_to_run", "always").reset("hours")).compute == "stop"


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


def spent(watt_hours: int = 0, cost_micro: int = 0, network: int = 0, disk: int = 0) -> Spent:
    return Spent(watt_hours, cost_micro, network, disk, MONTH_ENDS, DAY_ENDS)


def test_a_person_at_the_computer_has_it_for_themselves_until_they_were_away_for_their_minutes() -> None:
    there = decided(reading=with_reading(idle_s=179.0))
    assert (there.compute, rules(there)) == ("stop", ["in_use"])
    assert there.shown is not None
    assert there.shown.parameters == {"minutes": 3}
    assert decided(reading=with_reading(idle_s=180.0), previous=there, now=later(1)).compute == "full"


def test_a_locked_screen_is_as_good_as_being_away() -> None:
    assert decided(reading=with_reading(idle_s=1.0, locked=True)).compute == "full"
    assert decided(reading=with_reading(idle_s=None, locked=True)).compute == "full"


def test_unknown_idle_time_counts_as_active_and_says_why() -> None:
    unknown = decided(reading=with_reading(idle_s=None, idle_source="no_display"))
    assert unknown.shown is not None
    assert (unknown.compute, rules(unknown)) == ("stop", ["idle_unknown"])
    assert (unknown.shown.parameters, unknown.shown.setting) == ({"cause": "no_display"}, "when_to_run")
    assert rules(decided(reading=with_reading(idle_s=None, seat=None))) == ["idle_unknown"]


def test_a_computer_without_a_seat_has_nobody_to_wait_for() -> None:
    assert decided(reading=with_reading(seat=False, idle_s=None)).matches == ()


@pytest.mark.parametrize("when", ["hours", "always"])
def test_other_choices_do_not_wait_until_the_person_is_away(when: str) -> None:
    settings = Settings().changed("when_to_run", when)
    assert decided(settings, reading=with_reading(idle_s=0.0)).matches == ()
    assert decided(settings, reading=with_reading(idle_s=None)).matches == ()


@pytest.mark.parametrize(("when", "found"), [("idle", ["outside_hours"]), ("hours", ["outside_hours"]), ("always", [])])
def test_hours_count_unless_the_person_said_always(when: str, found: list[str]) -> None:
    settings = Settings().changed("hours", "mo 13:00-14:00").changed("when_to_run", when)
    assert rules(decided(settings)) == found


def test_a_device_lent_always_waits_for_nobody_and_for_no_hour_but_for_all_else() -> None:
    settings = Settings().changed("device_use@cpu", "always").changed("hours", "mo 13:00-14:00")
    assert decided(settings, reading=with_reading(idle_s=0.0)).matches == ()
    assert rules(decided(settings, reading=with_reading(idle_s=0.0, power_source="ups"))) == ["ups"]
    assert rules(decided(settings.changed("wait_for_cheap_power", "on"))) == ["waiting_cheap_power"]
    assert rules(decided(settings.changed("when_to_run", "never"))) == ["contribution_off"]


def test_a_game_has_its_own_card_and_the_processor_for_itself() -> None:
    playing = with_reading(games=(Game("A game", CARD),))
    here = decided(reading=playing, device=CARD)
    assert (here.compute, rules(here)) == ("stop", ["game"])
    assert here.shown is not None
    assert here.shown.parameters == {"name": "A game"}
    assert rules(decided(reading=playing)) == ["game"]
    assert decided(reading=playing, device="cuda:GPU-2").matches == ()


def test_a_game_on_an_unknown_card_may_be_on_any() -> None:
    assert rules(decided(reading=with_reading(games=(Game("A game"),)), device="cuda:GPU-2")) == ["game"]


def test_work_goes_on_a_minute_after_the_game_has_closed() -> None:
    playing = decided(reading=with_reading(games=(Game("A game"),)))
    closed = decided(previous=playing, now=later(5))
    assert closed.shown is not None
    assert (closed.compute, closed.shown.until_unix_s) == ("stop", int(NOON.unix_s) + 65)
    assert decided(previous=closed, now=later(65)).compute == "full"


def test_games_may_be_ignored() -> None:
    settings = Settings().changed("pause_for_games", "off")
    assert decided(settings, reading=with_reading(games=(Game("A game"),))).matches == ()


def test_a_program_of_the_list_stops_everything_and_one_that_is_not_on_it_nothing() -> None:
    running = with_reading(programs=("Blender",))
    settings = Settings().changed("pause_programs", "blender; obs64.exe")
    found = decided(settings, reading=running)
    assert found.shown is not None
    assert (rules(found), found.shown.parameters) == (["program"], {"name": "Blender"})
    assert decided(settings.changed("pause_programs", "obs64.exe"), reading=running).matches == ()
    assert decided(settings.changed("pause_programs", "none"), reading=running, previous=found).matches == ()


def test_a_pause_until_the_game_closes_ends_a_minute_after_it_and_needs_a_game() -> None:
    intents = Intents(paused_for_game=True)
    playing = with_reading(games=(Game("A game", "cuda:GPU-2"),))
    paused = decided(intents=intents, reading=playing, device=CARD)
    assert rules(paused) == ["paused_for_game"]
    closed = decided(intents=intents, previous=paused, now=later(1), device=CARD)
    assert decided(intents=intents, previous=closed, now=later(61), device=CARD).matches == ()
    assert decided(intents=intents, reading=with_reading(games=None)).matches == ()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"sleeping": True}, "sleeping"),
        ({"other_user": True}, "other_user"),
        ({"power_source": "ups"}, "ups"),
        ({"low_power_mode": True}, "low_power_mode"),
    ],
)
def test_the_state_of_the_computer_stops_it(change: dict[str, object], rule: str) -> None:
    decision = decided(reading=with_reading(**change))
    assert (decision.compute, decision.transfers, rules(decision)) == ("stop", "essential", [rule])


def test_a_device_that_rests_keeps_its_worker_for_two_minutes() -> None:
    resting = Usage(sensors="working", cooling_s=119.0, temperature_celsius=79)
    decision = decided(usage=resting)
    assert decision.shown is not None
    assert (decision.compute, decision.transfers, rules(decision)) == ("hold", "allowed", ["cooling"])
    assert decision.shown.parameters == {"celsius": 79, "limit": 85}
    longer = decided(usage=replace(resting, cooling_s=120.0))
    assert (longer.compute, rules(longer)) == ("stop", ["still_hot"])


def test_a_driver_that_restarted_explains_lost_sensors() -> None:
    assert rules(decided(usage=Usage(sensors="lost"))) == ["sensors_lost"]
    assert rules(decided(usage=Usage(sensors="lost", driver_restarted=True))) == ["driver_restarted"]


def test_memory_that_others_take_frees_the_device() -> None:
    usage = Usage(worker_running=True, sensors="working", memory_taken_bytes=500_000_001)
    assert rules(decided(usage=usage)) == ["memory_taken"]
    assert decided(usage=replace(usage, memory_taken_bytes=500_000_000)).matches == ()


@pytest.mark.parametrize(
    ("setting", "used", "rule"),
    [
        ("energy_budget_kwh_per_month", spent(watt_hours=5_000), "energy_budget"),
        ("money_budget_per_month", spent(cost_micro=5_000_000), "money_budget"),
        ("data_budget_gb_per_month", spent(network=5 * 10**9), "data_budget"),
    ],
)
def test_a_budget_that_is_used_up_waits_for_the_next_month(setting: str, used: Spent, rule: str) -> None:
    settings = Settings().changed(setting, "5")
    decision = decided(settings, usage=Usage(sensors="working", spent=used))
    assert decision.shown is not None
    assert (decision.compute, rules(decision), decision.shown.until_unix_s) == ("stop", [rule], MONTH_ENDS)
    assert decided(settings.changed(setting, "6"), usage=Usage(sensors="working", spent=used)).matches == ()
    assert decided(usage=Usage(sensors="working", spent=used)).matches == ()


def test_a_budget_whose_account_cannot_be_read_may_be_used_up() -> None:
    settings = Settings().changed("data_budget_gb_per_month", "5")
    assert rules(decided(settings)) == ["budget_unknown"]
    assert decided(settings, usage=Usage(sensors="working", spent=spent())).matches == ()


def test_the_disk_is_written_to_no_more_than_a_days_limit() -> None:
    decision = decided(usage=Usage(sensors="working", spent=spent(disk=20 * 10**9)))
    assert decision.shown is not None
    assert (rules(decision), decision.shown.until_unix_s) == (["disk_writes"], DAY_ENDS)


def test_cheap_power_is_waited_for_on_wish() -> None:
    settings = Settings().changed("wait_for_cheap_power", "on").changed("cheap_hours", "mo-su 13:00-14:00")
    decision = decided(settings)
    assert decision.shown is not None
    assert rules(decision) == ["waiting_cheap_power"]
    assert decision.shown.until_unix_s == int(NOON.unix_s) // 60 * 60 + 3600


def test_a_metered_connection_is_left_alone_and_devices_go_on() -> None:
    decision = decided(reading=with_reading(metered=True))
    assert (decision.compute, decision.transfers, rules(decision)) == ("full", "none", ["metered"])
    allowed = Settings().changed("transfer_on_metered", "on")
    assert decided(allowed, reading=with_reading(metered=True)).matches == ()


def test_contributing_now_overrides_use_hours_and_price_and_ends_by_itself() -> None:
    settings = Settings().changed("hours", "mo 13:00-14:00").changed("wait_for_cheap_power", "on")
    now = Intents(contribute_until_unix_s=int(NOON.unix_s) + 3600)
    for idle in (0.0, None):
        here = with_reading(idle_s=idle)
        assert decided(settings, now, here).matches == ()
        assert decided(settings, now, here, now=later(3600)).compute == "stop"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule)
def test_what_the_person_ends_names_how_and_every_named_setting_exists(rule: Rule) -> None:
    assert rule.setting is None or rule.setting in BY_KEY
    assert rule.ends == "itself" or rule.setting or rule.rule in ("paused", "settings_unknown")


def test_what_takes_the_computer_at_once_and_what_leaves_no_room_for_encoding() -> None:
    assert {"paused", "game", "in_use", "memory_low", "sleeping"} <= URGENT_RULES
    assert {"battery", "ups", "power_unknown", "low_power_mode", "memory_low", "sleeping"} == WITHOUT_ENCODING_RULES


BOOLS = st.sampled_from([True, False, None])
READINGS = st.builds(
    Reading,
    power_source=st.sampled_from(["mains", "battery", "ups", None]),
    battery_percent=st.none() | st.integers(0, 100),
    memory_available_bytes=st.none() | st.integers(0, 4 * 10**9),
    disk_free_bytes=st.none() | st.integers(0, 6 * 10**9),
    weekday=st.integers(0, 6),
    minute=st.integers(0, 1439),
    seat=BOOLS,
    idle_s=st.none() | st.floats(0, 1000),
    locked=BOOLS,
    other_user=BOOLS,
    sleeping=st.booleans(),
    low_power_mode=BOOLS,
    metered=BOOLS,
    games=st.none() | st.just(()) | st.just((Game("A game"),)) | st.just((Game("A game", CARD),)),
    programs=st.just(()) | st.just(("blender",)),
)
SPENT = st.none() | st.builds(
    spent, st.integers(0, 9_999), st.integers(0, 9_999_999), st.integers(0, 10**10), st.integers(0, 4 * 10**10)
)
USAGES = st.builds(
    Usage,
    st.integers(0, 10**9),
    st.booleans(),
    st.sampled_from(["working", "waiting", "lost"]),
    st.booleans(),
    st.none() | st.floats(0, 300),
    st.none() | st.integers(0, 110),
    st.none() | st.integers(0, 10**9),
    SPENT,
)
OFFERS = st.builds(Offers, st.sampled_from(["work", "none_joined", "closed"]), st.sampled_from([True, False, None]))
STRICT = (
    Settings()
    .changed("hours", "we 11:00-14:00")
    .changed("pause_programs", "blender")
    .changed("energy_budget_kwh_per_month", "5")
    .changed("money_budget_per_month", "5")
    .changed("data_budget_gb_per_month", "5")
    .changed("wait_for_cheap_power", "on")
    .changed("cheap_hours", "mo-su 11:30-13:30")
)
MATCHES = st.builds(
    Match,
    rule=st.just("any"),
    compute=st.sampled_from(COMPUTE_ORDER),
    transfers=st.sampled_from(TRANSFERS_ORDER),
    parameters=st.just(MappingProxyType({})),
    until_unix_s=st.none(),
    setting=st.none(),
)
YIELDING = {"in_use", "idle_unknown", "outside_hours", "waiting_cheap_power"}


@given(st.lists(MATCHES, max_size=6).map(tuple), MATCHES)
def test_one_more_match_never_loosens(matches: tuple[Match, ...], added: Match) -> None:
    before, after = strictest(matches), strictest((*matches, added))
    assert COMPUTE_ORDER.index(after[0]) >= COMPUTE_ORDER.index(before[0])
    assert TRANSFERS_ORDER.index(after[1]) >= TRANSFERS_ORDER.index(before[1])


@given(READINGS, USAGES, OFFERS, st.sampled_from(["cpu", CARD]))
def test_contributing_now_sets_aside_nothing_but_use_hours_and_price(
    reading: Reading, usage: Usage, offers: Offers, device: str
) -> None:
    asked = Intents(contribute_until_unix_s=int(NOON.unix_s) + 60)
    without = set(rules(decided(STRICT, None, reading, usage, offers, device=device)))
    assert set(rules(decided(STRICT, asked, reading, usage, offers, device=device))) == without - YIELDING


@given(st.lists(st.tuples(READINGS, USAGES, OFFERS, st.floats(0, 400)), max_size=6), st.sampled_from(["cpu", CARD]))
def test_every_automatic_pause_ends_by_itself_once_all_is_well(
    history: list[tuple[Reading, Usage, Offers, float]], device: str
) -> None:
    well = Usage(sensors="working", spent=spent())
    decision, now = None, NOON
    for reading, usage, offers, seconds in history:
        now = later(seconds, now)
        decision = decided(STRICT, None, reading, usage, offers, decision, now, device)
    now = later(1, now)
    decision = decided(STRICT, usage=well, previous=decision, now=now, device=device)
    lingering = {rule.rule: rule.linger_s for rule in RULES}
    for match in decision.matches:
        assert match.until_unix_s is not None
        assert match.until_unix_s <= round(now.unix_s) + lingering[match.rule]
    later_on = later(max((lingering[match.rule] for match in decision.matches), default=0), now)
    assert decided(STRICT, usage=well, previous=decision, now=later_on, device=device).matches == ()


@given(READINGS, USAGES, OFFERS)
def test_the_shown_match_has_the_chosen_action(reading: Reading, usage: Usage, offers: Offers) -> None:
    decision = decided(reading=reading, usage=usage, offers=offers)
    assert (decision.compute, decision.transfers) == strictest(decision.matches)
    if decision.shown is not None and decision.compute != "full":
        assert decision.shown.compute == decision.compute
