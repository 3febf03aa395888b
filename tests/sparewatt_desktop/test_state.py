"""One mark, one sentence and the next step for every state."""

import pytest

from sparewatt.control.messages import ContributeNow, SetSetting
from sparewatt.policy import RULES
from sparewatt.settings.values import option_at
from sparewatt.snapshot import SensingSnapshot, Snapshot
from sparewatt.testing.snapshots import NOW_UNIX_S, card, held, home, processor, reason
from sparewatt_desktop.actions import Engine, OpenPage, OpenSetting, Send, actions_for
from sparewatt_desktop.connection import Link
from sparewatt_desktop.engine_words import engine_notice
from sparewatt_desktop.state import State, state_of
from sparewatt_desktop.testing.scenes import SCENES, TALKING

MARKS = {
    "contributing": "contributing",
    "limited": "limited",
    "two-devices": "contributing",
    "processor-only": "contributing",
    "paused": "paused",
    "switched-off": "paused",
    "in-use": "waiting",
    "battery": "waiting",
    "outside-hours": "waiting",
    "no-run-joined": "waiting",
    "disk-low": "attention",
    "sensors-lost": "attention",
    "no-device": "attention",
    "device-failed": "attention",
    "keyring-waiting": "attention",
    "engine-died": "attention",
    "engine-failed": "attention",
    "engine-other-version": "attention",
    "engine-refused": "attention",
    "engine-missing": "no-engine",
    "engine-slow": "no-engine",
    "engine-slow-start": "no-engine",
    "engine-starting": "waiting",
}


def shown(scene: str) -> State:
    found = SCENES[scene]
    return state_of(found.link, found.snapshot if found.link.heard else None)


@pytest.mark.parametrize("scene", SCENES)
def test_every_scene_has_a_title_and_a_sentence(scene: str) -> None:
    state = shown(scene)
    assert state.title
    assert state.sentence
    assert "{" not in state.title + state.sentence
    assert len(state.actions) <= 2
    assert all(action.label for action in state.actions)


@pytest.mark.parametrize("scene", MARKS)
def test_the_mark_of_a_scene(scene: str) -> None:
    assert shown(scene).mark == MARKS[scene]


@pytest.mark.parametrize("scene", ["paused", "switched-off", "engine-died", "no-run-joined", "engine-missing"])
def test_a_state_that_waits_for_the_person_has_a_button(scene: str) -> None:
    assert shown(scene).actions


def test_there_is_a_pause_only_where_something_could_be_held_back() -> None:
    assert shown("contributing").pausable
    assert shown("in-use").pausable
    assert not shown("paused").pausable
    assert not shown("engine-missing").pausable


def test_the_device_that_does_most_speaks_for_the_computer() -> None:
    resting, training = card(worker="none", decision=held(reason("paused"))), processor("training")
    assert state_of(TALKING, home((resting, training))).mark == "contributing"


def test_looking_for_devices_is_not_yet_a_lack_of_them() -> None:
    looking = home((), sensing=SensingSnapshot("starting", None))
    assert state_of(TALKING, looking).mark == "waiting"


def test_a_slow_engine_is_said_to_be_slow_though_its_last_state_is_known() -> None:
    assert state_of(Link("slow"), home()).title == "The engine does not answer"


@pytest.mark.parametrize("phase", ["looking", "missing", "starting", "overdue", "failed", "slow", "ended",
                                   "other_version", "replacing", "refused"])  # fmt: skip
def test_every_phase_but_those_that_speak_for_themselves_has_a_notice(phase: str) -> None:
    notice = engine_notice(Link(phase))  # type: ignore[arg-type]
    assert notice is not None
    assert notice.title
    assert phase in ("looking", "starting", "slow", "replacing") or isinstance(notice.action, Engine)


SNAPSHOT: Snapshot = home((card(worker="none"),))


@pytest.mark.parametrize("rule", [rule.rule for rule in RULES])
def test_a_rule_with_a_setting_has_a_button_that_changes_exactly_that(rule: str) -> None:
    setting = next(each.setting for each in RULES if each.rule == rule)
    found = actions_for(reason(rule, setting=setting), SNAPSHOT.devices[0], SNAPSHOT)
    if setting is None:
        return
    last = found[-1]
    if isinstance(last, OpenSetting):
        assert option_at(last.address).key == setting
        return
    assert isinstance(last, Send)
    request = last.make(1)
    assert isinstance(request, SetSetting)
    option = option_at(request.key)
    assert option.key == setting
    option.parse(request.value)
    assert request.revision == SNAPSHOT.settings_revision


def test_being_in_the_way_is_overridden_for_an_hour_first() -> None:
    now, always = actions_for(reason("in_use", setting="when_to_run"), SNAPSHOT.devices[0], SNAPSHOT)
    assert isinstance(now, Send)
    assert now.make(1) == ContributeNow(id=1, until_unix_s=NOW_UNIX_S + 3_600)
    assert always.label == "Run while I use it"


def test_a_setting_of_a_device_is_addressed_to_it() -> None:
    (action,) = actions_for(reason("device_off", setting="device_use"), SNAPSHOT.devices[0], SNAPSHOT)
    assert isinstance(action, Send)
    request = action.make(1)
    assert isinstance(request, SetSetting)
    assert request.key == f"device_use@{SNAPSHOT.devices[0].device}"


def test_a_rule_of_a_later_version_leads_to_its_setting() -> None:
    (action,) = actions_for(reason("moon_too_bright", setting="moon"), SNAPSHOT.devices[0], SNAPSHOT)
    assert action == OpenSetting("Change this limit", "moon")
    assert actions_for(reason("moon_too_bright"), SNAPSHOT.devices[0], SNAPSHOT) == ()


def test_without_a_run_the_next_step_is_to_join_one() -> None:
    (action,) = actions_for(reason("no_run", cause="none_joined"), SNAPSHOT.devices[0], SNAPSHOT)
    assert action == OpenPage("Join a run", "join")
