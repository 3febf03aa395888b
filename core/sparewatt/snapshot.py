"""The frozen whole state of an engine: all that a screen, a terminal or a script ever sees of it.

A snapshot is complete, so that a late reader needs no history. It holds ids and values, never sentences (those come
from `sparewatt.wording`) and never a secret. Unknown is None, never 0.
"""

from typing import Literal

import msgspec

Compute = Literal["full", "limited", "hold", "stop"]
Transfers = Literal["allowed", "essential", "none"]


class Struct(msgspec.Struct, frozen=True):
    pass


class ReasonSnapshot(Struct, frozen=True):
    """One matching rule of the policy.

    Attributes:
        rule: the rule's id; its words are ``wording.rule(rule, parameters)``.
        until_unix_s: when the match ends by itself, where that is known.
        setting: key of the setting that would change it.
    """

    rule: str
    parameters: dict[str, str | int]
    until_unix_s: int | None
    setting: str | None


class DecisionSnapshot(Struct, frozen=True):
    """What a device may do now; `reasons` are all matches, the shown one first, and empty when nothing limits."""

    compute: Compute
    transfers: Transfers
    reasons: tuple[ReasonSnapshot, ...]


class SensorSnapshot(Struct, frozen=True):
    """The last sample of a device.

    Attributes:
        power_mean_watts: mean over the last 60 s, which is what a cap is about.
        missing: what this device cannot tell and why: sensor (``power``, ``temperature``) → error id.
    """

    power_watts: float | None
    temperature_celsius: float | None
    utilisation_percent: float | None
    memory_used_bytes: int | None
    age_s: float | None
    power_mean_watts: float | None = None
    fan_percent: float | None = None
    margin_kelvin: float | None = None
    missing: dict[str, str] = {}


class LimitsSnapshot(Struct, frozen=True):
    """The person's limits of one device, and what can be kept on it.

    Attributes:
        power_cap_watts: None where there is no cap, or no power sensor to keep one with.
        power_cap_least_watts: the lowest cap that can be kept: below it lies the device's own draw between two pieces
            of work. None until that was learnt.
        power_cap_most_watts: the device's own limit.
        temperature_limit_celsius: None where the temperature cannot be read.
        temperature_limit_most_celsius: some kelvins below where the device slows itself down.
        conflict: id of a sentence about limits that cannot be kept together or at all.
    """

    power_cap_watts: int | None
    power_cap_least_watts: int | None
    power_cap_most_watts: int | None
    temperature_limit_celsius: int | None
    temperature_limit_most_celsius: int | None
    conflict: str | None = None


class ComputerSnapshot(Struct, frozen=True):
    """The computer as `host.reading.Reading` has it; None is unknown.

    Attributes:
        game: name of the game that plays now, the first of several; None when none is known of.
    """

    power_source: Literal["mains", "battery", "ups"] | None
    battery_percent: int | None
    memory_available_bytes: int | None
    disk_free_bytes: int | None
    seat: bool | None
    idle_s: float | None
    idle_source: str | None
    metered: bool | None
    game: str | None = None


class WorkSnapshot(Struct, frozen=True):
    """One assignment on its way.

    Attributes:
        checkpoint_inner_steps: completed inner steps of which the disk has a checkpoint; 0 where there is none.
    """

    assignment_id: str
    run: str
    base_version: int
    phase: Literal["fetching", "ready", "training", "encoding"]
    inner_steps: int
    inner_steps_total: int
    tokens: int
    loss_micro: int | None
    rate_first_nano: int
    checkpoint_inner_steps: int = 0


class DeviceSnapshot(Struct, frozen=True):
    """One device and what it does.

    Attributes:
        device: local id such as ``cpu`` or ``cuda:GPU-…``; it never leaves the computer.
        slot: what is locked machine-wide while the device works.
        worker: state of its worker process.
        speed_limit_percent: share of time it may compute at most; the only limit of a device without a power sensor.
        tokens_per_s: measured over the last completed inner steps, pauses included.
        pause: why the governor lets nothing compute although the decision does; its words are
            ``wording.limits.pace_words``.
        released_milliseconds: how long its worker took to be gone, with its memory, when it was last wanted gone at
            once; None before the first time.
        uncompiled: why models are not compiled for it although the person wants that; None where they are, or need
            not be.
    """

    device: str
    kind: str
    name: str
    worker: Literal["none", "starting", "ready", "training", "stopping", "failed"]
    decision: DecisionSnapshot
    duty_percent: int
    speed_limit_percent: int
    limit_reason: Literal["speed_limit", "power", "temperature"] | None
    sensors: SensorSnapshot
    current: WorkSnapshot | None
    next: WorkSnapshot | None
    tokens_per_s: float | None
    tokens: int
    error: "ErrorSnapshot | None"
    limits: LimitsSnapshot = LimitsSnapshot(None, None, None, None, None)
    pause: ReasonSnapshot | None = None
    released_milliseconds: int | None = None
    uncompiled: "ErrorSnapshot | None" = None


class ErrorSnapshot(Struct, frozen=True):
    """An expected failure as it was met, with when it is tried again."""

    error_id: str
    parameters: dict[str, str | int]
    retry_unix_s: int | None


class EvaluationSnapshot(Struct, frozen=True):
    version: int
    loss_micro: int
    tokens: int


class ConnectionSnapshot(Struct, frozen=True):
    """The session with a run's coordinator."""

    state: Literal["disconnected", "connecting", "handshake", "connected", "refused"]
    url: str
    error: ErrorSnapshot | None
    bytes_up: int
    bytes_down: int


class ChangeSnapshot(Struct, frozen=True):
    """One field of a manifest that changed; its words are in `wording.changes`."""

    field: str
    before: str
    after: str


class RunSnapshot(Struct, frozen=True):
    """A run that was joined.

    Attributes:
        run: digest of the manifest.
        trust: whether this contributor's updates carry weight; None before the first session.
        version: newest version applied here, `version_latest` the newest announced.
        outbox: finished updates whose receipts are not stored yet.
        credit_micro: by receipts that are not revoked; `credit_today_micro` of those since local midnight.
        disk_bytes: what its data and weights take on this computer.
        encrypted: whether the session is; it need not be on one computer.
        changed: how the manifest differs from what was consented to; nothing is contributed before new consent.
        changed_run: digest of the changed manifest; empty when nothing changed.
    """

    run: str
    title: str
    purpose: str
    organiser: str
    licence: str
    validation: str
    loss_unit: str
    state: Literal["open", "stalled", "closed"]
    words: str
    connection: ConnectionSnapshot
    trust: Literal["trusted", "probation"] | None
    version: int | None
    version_latest: int | None
    evaluations: tuple[EvaluationSnapshot, ...]
    run_tokens: int
    outbox: int
    updates_accepted: int
    updates_refused: int
    tokens_accepted: int
    credit_micro: int
    receipts: int
    download_bytes: int
    work_refused: str | None
    credit_today_micro: int = 0
    disk_bytes: int = 0
    encrypted: bool = False
    changed: tuple[ChangeSnapshot, ...] = ()
    changed_run: str = ""


class SensingSnapshot(Struct, frozen=True):
    """The sensor process."""

    state: Literal["off", "starting", "running", "failed"]
    error: ErrorSnapshot | None


class ConflictSnapshot(Struct, frozen=True):
    """Settings that cannot be kept; its words are ``wording.conflicts.conflict_words``.

    Attributes:
        setting: address of the setting that would resolve it.
    """

    conflict: str
    parameters: dict[str, str | int]
    setting: str


class EnergySnapshot(Struct, frozen=True):
    """What contributing took, of all devices and runs together, by the local calendar.

    Attributes:
        cost_micro_today, cost_micro_month: millionths of the currency; None where no price of power was said.
        currency: its code, such as ``EUR``.
        estimated: whether any of the month's energy was reckoned from single readings of power.
        unmeasured_s_month: for how long a device worked whose power could not be read; nothing is counted for it.
        network_bytes_month: sent and received.
        disk_bytes_today: written.
    """

    watt_hours_today: float
    watt_hours_month: float
    cost_micro_today: int | None
    cost_micro_month: int | None
    currency: str
    carbon_grams_month: float
    tokens_month: int
    estimated: bool
    unmeasured_s_month: float
    network_bytes_month: int
    disk_bytes_today: int


class Snapshot(Struct, frozen=True):
    """Everything.

    Attributes:
        sequence: grows with every change within one engine process.
        paused_until_unix_s: end of a pause by the person; 0 for "until I resume", None when not paused.
        contribute_until_unix_s: end of "contribute now", None when it was not asked for.
        paused_for_game: paused by the person until the game that plays has closed.
        settings_revision: a `set` command must name it.
        key_store: where the contributor's key is kept, chosen once.
        isolation: how strongly workers are held in; ``none`` is said in words wherever consent is asked.
        settings_error: what was wrong with the file of settings at the engine's start; what was in it is kept beside
            it.
        conflicts: settings that cannot be kept together or at all.
        energy: None while the account cannot be read, then `energy_error` says why.
        logon_error: why what starts at logon could not be made what the setting says.
        isolation_missing: the layers that are not in force: ``files``, ``connections``, ``programs``, ``privileges``.
    """

    engine_version: str
    pid: int
    sequence: int
    taken_unix_s: int
    started_unix_s: int
    data_folder: str
    phase: Literal["starting", "running", "stopping"]
    paused_until_unix_s: int | None
    settings_revision: int
    key_store: Literal["keyring", "file", "waiting", "unknown"]
    isolation: Literal["none", "partial", "full"]
    sensing: SensingSnapshot
    devices: tuple[DeviceSnapshot, ...]
    runs: tuple[RunSnapshot, ...]
    contribute_until_unix_s: int | None = None
    computer: ComputerSnapshot | None = None
    paused_for_game: bool = False
    settings_error: ErrorSnapshot | None = None
    conflicts: tuple[ConflictSnapshot, ...] = ()
    energy: EnergySnapshot | None = None
    energy_error: ErrorSnapshot | None = None
    logon_error: ErrorSnapshot | None = None
    isolation_missing: tuple[str, ...] = ()
