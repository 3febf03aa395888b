"""Settings through the engine while one runs, and through their file under the engine's lock otherwise."""

from collections.abc import Sequence

import msgspec

from sparewatt.control.messages import (
    GetSnapshot,
    ListSettings,
    Reply,
    SetSetting,
    SettingsReply,
    SettingValue,
    SnapshotFrame,
)
from sparewatt.errors import InputError, SparewattError
from sparewatt.settings.values import option_at
from sparewatt.snapshot import ConflictSnapshot
from sparewatt_cli.endings import NoEngineError, complain
from sparewatt_cli.engine_link import ask
from sparewatt_cli.surroundings import Surroundings


class ShownSettings(msgspec.Struct, frozen=True):
    """The JSON of ``sparewatt settings list --json``."""

    revision: int
    settings: tuple[SettingValue, ...]


def read_settings(place: Surroundings) -> ShownSettings:
    """All settings; those of single devices only while an engine runs, which knows the devices."""
    try:
        reply = ask(place, ListSettings(id=1), SettingsReply)
    except NoEngineError:
        return _from_file(place, ())
    return ShownSettings(reply.revision, reply.settings)


def read_setting(place: Surroundings, key: str) -> str:
    """One value; the bare key of a device's setting is what devices without a value of their own have.

    Raises:
        InputError: ``settings.unknown``.
    """
    _, at, device = key.partition("@")
    for shown in (read_settings(place), _from_file(place, (device,) if at else (), tell=False)):
        for setting in shown.settings:
            if setting.key == key:
                return setting.value
    option_at(key)
    raise InputError("settings.unknown", key=key[:120])


def change_setting(place: Surroundings, key: str, value: str) -> tuple[ConflictSnapshot, ...]:
    """Set one value; the conflicts of settings that there are now, which only a running engine can tell.

    Raises:
        InputError: ``settings.unknown``, ``settings.value`` and others of the schema.
        ConflictError: ``settings.revision``, when somebody else changed a setting at the same moment.
    """
    try:
        revision = ask(place, ListSettings(id=1), SettingsReply).revision
        ask(place, SetSetting(id=1, revision=revision, key=key, value=value), Reply)
        return ask(place, GetSnapshot(id=1), SnapshotFrame).snapshot.conflicts
    except NoEngineError:
        from sparewatt.host.lock import engine_lock
        from sparewatt.settings.store import SettingsStore

        with engine_lock(place.data_folder):
            store = SettingsStore(place.data_folder)
            _tell_trouble(store.trouble, place)
            store.set(store.settings.revision, key, value)
        return ()


def _from_file(place: Surroundings, devices: Sequence[str], *, tell: bool = True) -> ShownSettings:
    from sparewatt.settings.schema import OPTIONS
    from sparewatt.settings.store import SettingsStore
    from sparewatt.settings.values import listed

    store = SettingsStore(place.data_folder)
    if tell:
        _tell_trouble(store.trouble, place)
    settings = store.settings
    lines = [
        SettingValue(line.address, line.value, line.default, line.option.scope)
        for line in listed(settings, tuple(devices))
    ]
    for option in OPTIONS:
        if option.scope == "device":
            default = option.text(option.default)
            lines.append(SettingValue(option.key, settings.texts.get(option.key, default), default, option.scope))
    return ShownSettings(settings.revision, tuple(lines))


def _tell_trouble(trouble: SparewattError | None, place: Surroundings) -> None:
    """Say what was wrong with the file: a running engine keeps saying it, and without one nobody else would."""
    if trouble is not None:
        complain(trouble, lambda: place.words)
