"""What a device is given to do, by values alone."""

import msgspec

from sparewatt.numeric.merge_plan import UPDATES_MOST
from sparewatt.wire.messages import DeviceOffer
from sparewatt.work.version import VersionId
from sparewatt_coordinator.ranges import Cursor
from sparewatt_coordinator.store.base import LeaseRequest, NoWork
from sparewatt_coordinator.store.decide import Facts, WorkPlan, needs_more, plan_work
from sparewatt_coordinator.testing.runs import FULL_TOKENS, manifest, with_rounds

RUN = with_rounds(manifest(), tokens_total=10_000 * FULL_TOKENS)
FIRST = VersionId(0, 0, "0" * 64)
FACTS = Facts(
    run="",
    manifest=RUN,
    state="open",
    version=FIRST,
    trained_tokens=0,
    leased_tokens=0,
    started_milliseconds=0,
    gathering_round=1,
    gathering_updates=0,
)


def planned(tokens_per_s: int = 0, **changes: object) -> WorkPlan | NoWork:
    offer = DeviceOffer(device="cpu", kind="cpu", tokens_per_s=tokens_per_s, memory_bytes=0)
    request = LeaseRequest("somebody", offer, FIRST, "session", 1, "assignment", 1)
    facts = msgspec.structs.replace(FACTS, **changes)
    return plan_work(facts, request, 0, 0, True, (), Cursor(), (10_000 * FULL_TOKENS,), lambda _: (0,), 0)


def test_work_is_handed_out_as_long_as_the_round_has_room_for_its_update() -> None:
    nearly = {"gathering_updates": UPDATES_MOST - 24}
    assert isinstance(planned(leased_tokens=23 * FULL_TOKENS, **nearly), WorkPlan)
    assert planned(leased_tokens=24 * FULL_TOKENS, **nearly) == NoWork("run.rounds_are_full", 60)


def test_a_round_needs_more_of_a_device_when_what_others_train_does_not_fill_it() -> None:
    two, full = with_rounds(RUN, tokens_target=2 * FULL_TOKENS), FULL_TOKENS
    assert needs_more(two, gathered_tokens=full, leased_tokens=full, own_tokens=full)
    assert not needs_more(two, gathered_tokens=2 * full, leased_tokens=full, own_tokens=full)
    assert not needs_more(two, gathered_tokens=full, leased_tokens=2 * full, own_tokens=full)
    assert not needs_more(two, gathered_tokens=full, leased_tokens=0, own_tokens=0), "a round ends when nobody trains"


def test_the_longer_work_takes_the_more_rounds_may_have_closed_until_it_is_done() -> None:
    full = {"leased_tokens": UPDATES_MOST * FULL_TOKENS, "tokens_per_s": FULL_TOKENS // 10}
    assert planned(round_milliseconds=10_001, **full) == NoWork("run.rounds_are_full", 60)
    assert isinstance(planned(round_milliseconds=9_000, **full), WorkPlan)
