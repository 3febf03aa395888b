import json
from pathlib import Path

import pytest

from sparewatt.errors import ConflictError, InputError, StorageError
from sparewatt.settings import schema
from sparewatt.settings.store import SETTINGS_FILE, SettingsStore, quarantine_error
from sparewatt.testing.hostile import HOSTILE_BYTES, injured


def test_what_was_set_is_there_for_the_next_store(tmp_path: Path) -> None:
    SettingsStore(tmp_path / "data").set(0, "speed_limit_percent@cpu", "42")
    settings = SettingsStore(tmp_path / "data").settings
    assert settings.revision == 1
    assert settings.of_device(schema.SPEED_LIMIT_PERCENT, "cpu") == 42


def test_a_change_must_name_the_revision_it_saw(tmp_path: Path) -> None:
    store = SettingsStore(tmp_path)
    store.set(0, "run_on_battery", "on")
    with pytest.raises(ConflictError) as caught:
        store.set(0, "run_on_battery", "off")
    assert caught.value.parameters == {"seen": 0, "current": 1}
    assert store.settings.get(schema.RUN_ON_BATTERY) is True


def test_setting_the_same_value_again_changes_nothing(tmp_path: Path) -> None:
    store = SettingsStore(tmp_path)
    once = store.set(0, "run_on_battery", "on")
    assert store.set(1, "run_on_battery", "on") == once


def test_reset_brings_the_default_back(tmp_path: Path) -> None:
    store = SettingsStore(tmp_path)
    store.set(0, "run_on_battery", "on")
    assert store.reset(1, "run_on_battery").get(schema.RUN_ON_BATTERY) is False


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[]", b'{"schema": 1}', b'{"schema":0,"revision":0,"values":{}}']
)
def test_a_file_that_cannot_be_read_is_kept_aside_and_defaults_hold(tmp_path: Path, content: bytes) -> None:
    (tmp_path / SETTINGS_FILE).write_bytes(content)
    store = SettingsStore(tmp_path)
    assert store.settings.texts == {}
    assert store.quarantined is not None
    assert store.quarantined.path.read_bytes() == content


def test_one_bad_value_costs_only_itself(tmp_path: Path) -> None:
    values = {"speed_limit_percent": "500", "run_on_battery": "on", "from_another_time": "1"}
    (tmp_path / SETTINGS_FILE).write_text(json.dumps({"schema": 1, "revision": 7, "values": values}))
    store = SettingsStore(tmp_path)
    assert dict(store.settings.texts) == {"run_on_battery": "on"}
    assert store.settings.revision == 7
    assert store.quarantined is not None
    assert set(store.quarantined.dropped) == {"speed_limit_percent", "from_another_time"}


def test_a_file_of_a_newer_version_is_refused_because_its_limits_are_unknown(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).write_text('{"schema": 2, "revision": 1, "values": {}}')
    with pytest.raises(InputError) as caught:
        SettingsStore(tmp_path)
    assert caught.value.error_id == "settings.newer"


@pytest.mark.parametrize("schema_version", [2, 10**30])
def test_an_engine_holds_a_file_of_a_newer_version_untouched_and_computes_nothing(
    tmp_path: Path, schema_version: int
) -> None:
    content = f'{{"schema": {schema_version}, "revision": 1, "values": {{"power_cap_watts": "80"}}}}'
    (tmp_path / SETTINGS_FILE).write_text(content)
    store = SettingsStore(tmp_path, hold_newer=True)
    assert store.settings.unknown
    assert store.trouble is not None
    assert store.trouble.error_id == "settings.newer"
    for change in (lambda: store.set(0, "run_on_battery", "on"), lambda: store.reset(0, "run_on_battery")):
        with pytest.raises(InputError, match=r"settings\.newer"):
            change()
    assert (tmp_path / SETTINGS_FILE).read_text() == content
    assert [each.name for each in tmp_path.iterdir()] == [SETTINGS_FILE]


def test_a_failed_save_changes_nothing(tmp_path: Path) -> None:
    store = SettingsStore(tmp_path)
    (tmp_path / f"{SETTINGS_FILE}.new").mkdir()
    with pytest.raises(StorageError) as caught:
        store.set(0, "run_on_battery", "on")
    assert caught.value.error_id == "settings.write"
    assert store.settings.revision == 0


HOSTILE = [
    b'{"schema":1,"revision":3,"values":{"hours":7}}',  # a wrong type
    b'{"schema":1,"revision":3,"values":{"hours":"always"',  # cut short
    b'{"schema":1,"revision":3,"values":' + b"[" * 10_000 + b"]" * 10_000 + b"}",  # nested
    b'{"schema":1,"revision":99999999999999999999,"values":{}}',  # out of range
    b"\x00" * 5_000,
    b'{"schema":1,"revision":3,"values":{"' + b"x" * 300_000 + b'":"1"}}',  # larger than any file of ours
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_no_file_stops_the_program_and_the_person_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / SETTINGS_FILE).write_bytes(content)
    store = SettingsStore(tmp_path)
    assert store.settings.texts == {}
    told = quarantine_error(store.quarantined)
    assert told is not None
    assert (told.error_id, told.parameters) == (
        "settings.damaged",
        {"path": str(tmp_path / f"{SETTINGS_FILE}.damaged")},
    )


def test_the_names_of_lost_values_are_told_and_few_of_them(tmp_path: Path) -> None:
    values = {f"{'k' * 200}{number}": "1" for number in range(30)} | {"run_on_battery": "on"}
    (tmp_path / SETTINGS_FILE).write_text(json.dumps({"schema": 1, "revision": 7, "values": values}))
    store = SettingsStore(tmp_path)
    assert dict(store.settings.texts) == {"run_on_battery": "on"}
    told = quarantine_error(store.quarantined)
    assert told is not None
    assert told.error_id == "settings.dropped"
    assert len(str(told.parameters["keys"])) < 700


def test_a_sound_file_has_nothing_to_tell(tmp_path: Path) -> None:
    assert quarantine_error(SettingsStore(tmp_path).quarantined) is None


def test_no_injury_of_a_file_stops_the_program_or_is_kept_quiet(tmp_path: Path) -> None:
    store = SettingsStore(tmp_path)
    store.set(0, "pause_programs", "élan,chess")
    sound = (tmp_path / SETTINGS_FILE).read_bytes()
    for content in (*HOSTILE_BYTES, *injured(sound)):
        (tmp_path / SETTINGS_FILE).write_bytes(content)
        found = SettingsStore(tmp_path)
        assert found.quarantined is not None or found.settings.texts.keys() <= {"pause_programs"}
        if found.quarantined is not None:
            assert found.quarantined.path.read_bytes() == content[: 256 * 1024 + 1]
