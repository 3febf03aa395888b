"""Frames between an engine and whoever shows or steers it on the same computer.

The channel is a local socket (never a TCP port), framed as `sparewatt.process.frames` does. After `Greeting` the
engine sends whole snapshots, coalesced, to those that asked with `Watch`; commands and queries are answered by one
`Reply` or `Failure` each. Commands are idempotent: repeating one changes nothing further.
"""

from typing import Annotated, Final

import msgspec

from sparewatt.history.rows import EnergyRow, PastAssignment, Period, TrafficRow
from sparewatt.signing import Signed
from sparewatt.snapshot import ConflictSnapshot, DecisionSnapshot, Snapshot

CONTROL_PROTOCOL: Final = 1

RequestId = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class _Request(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True, kw_only=True):
    id: RequestId


class Watch(_Request, frozen=True, tag="watch"):
    """Send the snapshot now and after every change, at most every `interval_milliseconds`."""

    interval_milliseconds: Annotated[int, msgspec.Meta(ge=50, le=60_000)] = 250


class GetSnapshot(_Request, frozen=True, tag="get_snapshot"):
    pass


class Pause(_Request, frozen=True, tag="pause"):
    """Stop computing until a moment, or until `Resume` when it is 0."""

    until_unix_s: Annotated[int, msgspec.Meta(ge=0)]


class PauseForGame(_Request, frozen=True, tag="pause_for_game"):
    """Stop computing until the game that plays now has closed; refused with ``pause.no_game`` when none does."""


class Resume(_Request, frozen=True, tag="resume"):
    pass


class ContributeNow(_Request, frozen=True, tag="contribute_now"):
    """Until a moment, compute although the person uses the computer, whatever the hour and the price of power; ends a
    pause. Never stronger than games, lost sensors, heat, battery, memory or budgets. 0 takes it back."""

    until_unix_s: Annotated[int, msgspec.Meta(ge=0)]


class InspectInvite(_Request, frozen=True, tag="inspect_invite"):
    """Fetch and check the manifest that an invite leads to, without consenting to anything; answered by
    `ManifestReply`."""

    invite: Annotated[str, msgspec.Meta(max_length=600)]


class JoinRun(_Request, frozen=True, tag="join_run"):
    """Consent to the manifest with this digest and contribute to it."""

    invite: Annotated[str, msgspec.Meta(max_length=600)]
    consent: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class LeaveRun(_Request, frozen=True, tag="leave_run"):
    """Stop contributing to a run; receipts are kept, data and weights are deleted."""

    run: str


class ListSettings(_Request, frozen=True, tag="list_settings"):
    """Answered by `SettingsReply`."""


class SetSetting(_Request, frozen=True, tag="set_setting"):
    """Change one setting; refused with ``settings.revision`` when `revision` is not the current one."""

    revision: int
    key: str
    value: str


class PreviewSetting(_Request, frozen=True, tag="preview_setting"):
    """What would be decided now if one setting had another value; nothing changes. Answered by `PreviewReply`."""

    key: Annotated[str, msgspec.Meta(max_length=200)]
    value: Annotated[str, msgspec.Meta(max_length=2_000)]


class Discover(_Request, frozen=True, tag="discover"):
    """Look for devices and sensors again."""


class ReceiptsAfter(_Request, frozen=True, tag="receipts_after"):
    """Stored receipts of a run after a position in its log, oldest first; answered by `ReceiptsReply`.

    Attributes:
        newest: the newest `limit` of them instead of the oldest, still oldest first.
    """

    run: str
    sequence: int
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    newest: bool = False


class SeriesSince(_Request, frozen=True, tag="series_since"):
    """Points of a series (``loss``, ``tokens_per_s``, ``power_watts``) since a moment; answered by `SeriesReply`."""

    series: str
    since_unix_s: int
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1_000


class EnergySince(_Request, frozen=True, tag="energy_since"):
    """What contributing took in the last `count` days, weeks or months, the present one included; answered by
    `EnergyReply`."""

    period: Period = "day"
    count: Annotated[int, msgspec.Meta(ge=1, le=400)] = 31


class PastAssignments(_Request, frozen=True, tag="past_assignments"):
    """The newest assignments that ended on this computer before a moment; answered by `PastAssignmentsReply`."""

    before_unix_s: Annotated[int, msgspec.Meta(ge=0)]
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50


class Shutdown(_Request, frozen=True, tag="shutdown"):
    """Stop the workers, then the engine; what is finished is kept and sent next time."""


Request = (
    Watch | GetSnapshot | Pause | PauseForGame | Resume | ContributeNow | InspectInvite | JoinRun | LeaveRun
    | ListSettings | SetSetting | PreviewSetting | Discover | ReceiptsAfter | SeriesSince | EnergySince
    | PastAssignments | Shutdown
)  # fmt: skip


class _Answer(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    pass


class Greeting(_Answer, frozen=True, tag="greeting"):
    protocol: int
    engine_version: str


class SnapshotFrame(_Answer, frozen=True, tag="snapshot"):
    """`reply_to` is 0 for a snapshot that a watch brought."""

    reply_to: int
    snapshot: Snapshot


class Reply(_Answer, frozen=True, tag="reply"):
    """Done."""

    reply_to: int


class ManifestReply(_Answer, frozen=True, tag="manifest_reply"):
    reply_to: int
    run: str
    manifest: Signed
    isolation: str


class SettingValue(msgspec.Struct, frozen=True):
    """One line of the settings.

    Attributes:
        key: address: the option's key, with ``@device`` for one device.
        minimum, maximum: tighter bounds of a number on this device, where it has any.
        unavailable: id of the sentence why this cannot be kept here, so that it is explained instead of offered.
        withheld: choices that cannot be offered here, each with the id of the sentence why.
    """

    key: str
    value: str
    default: str
    scope: str
    minimum: int | None = None
    maximum: int | None = None
    unavailable: str | None = None
    withheld: dict[str, str] = {}


class SettingsReply(_Answer, frozen=True, tag="settings_reply"):
    reply_to: int
    revision: int
    settings: tuple[SettingValue, ...]


class DevicePreview(msgspec.Struct, frozen=True):
    device: str
    decision: DecisionSnapshot


class PreviewReply(_Answer, frozen=True, tag="preview_reply"):
    """What each device would be allowed, and which settings would be in conflict."""

    reply_to: int
    devices: tuple[DevicePreview, ...]
    conflicts: tuple[ConflictSnapshot, ...] = ()


class ReceiptsReply(_Answer, frozen=True, tag="receipts_reply"):
    """Receipts as they were signed, with all that is needed to check them: the manifest (unless the run was left) and
    the key chain."""

    reply_to: int
    receipts: tuple[Signed, ...]
    online_keys: tuple[Signed, ...]
    run_key: str
    manifest: Signed | None = None


class SeriesReply(_Answer, frozen=True, tag="series_reply"):
    """Pairs of (unix seconds, value)."""

    reply_to: int
    points: tuple[tuple[float, float], ...]


class EnergyReply(_Answer, frozen=True, tag="energy_reply"):
    """Oldest first; `priced` says whether the person said a price of power, without which no cost is counted."""

    reply_to: int
    energy: tuple[EnergyRow, ...]
    traffic: tuple[TrafficRow, ...]
    currency: str
    priced: bool


class PastAssignmentsReply(_Answer, frozen=True, tag="past_assignments_reply"):
    """Newest first."""

    reply_to: int
    assignments: tuple[PastAssignment, ...]


class Failure(_Answer, frozen=True, tag="failure"):
    """An expected failure as its error id and parameters; `kind` is the error class's name."""

    reply_to: int
    kind: str
    error_id: str
    parameters: dict[str, str | int]


Answer = (
    Greeting | SnapshotFrame | Reply | ManifestReply | SettingsReply | PreviewReply | ReceiptsReply | SeriesReply
    | EnergyReply | PastAssignmentsReply | Failure
)  # fmt: skip
