"""Frames between a running coordinator and its organiser on the same computer, over a local socket.

Framed as `sparewatt.process.frames`; every request is answered by one answer with its `id`.
"""

from typing import Annotated

import msgspec

from sparewatt.signing import Signed
from sparewatt.work.bounds import Words
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.store.base import RunStatus

RequestId = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class _Request(msgspec.Struct, frozen=True, tag_field="type", forbid_unknown_fields=True, kw_only=True):
    id: RequestId


class CreateInvite(_Request, frozen=True, tag="create_invite"):
    """Answered by `InviteCreated`."""

    uses: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    expires_in_s: Annotated[int, msgspec.Meta(ge=60, le=10 * 366 * 86_400)] = 7 * 86_400
    trusted: bool = False


class GetStatus(_Request, frozen=True, tag="get_status"):
    """Answered by `StatusReply`."""


class CloseRun(_Request, frozen=True, tag="close_run"):
    """No work and no updates any more, at once; contributors see `words`."""

    words: Words


class Finish(_Request, frozen=True, tag="finish"):
    """Hand out no more work, merge what is there, measure the whole held-out loss, close; answered when done."""

    words: Words


class Sample(_Request, frozen=True, tag="sample"):
    """Text from the newest version; answered by `Sampled`."""

    prompt: Annotated[str, msgspec.Meta(max_length=2_000)]
    tokens: Annotated[int, msgspec.Meta(ge=1, le=2_000)] = 200
    temperature_milli: Annotated[int, msgspec.Meta(ge=0, le=5_000)] = 800
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)] = 0


Request = CreateInvite | GetStatus | CloseRun | Finish | Sample


class _Answer(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    reply_to: int


class Done(_Answer, frozen=True, tag="done"):
    pass


class InviteCreated(_Answer, frozen=True, tag="invite_created"):
    """`invite` holds a secret: it is shown once and kept nowhere."""

    invite: str


class StatusReply(_Answer, frozen=True, tag="status"):
    """The run now.

    Attributes:
        outer_state: of the newest version; with `start_keyframe` of the manifest it is all that an export needs.
        sessions: contributors connected now.
    """

    run: str
    manifest: Signed
    url: str
    version: VersionId
    outer_state: BlobRef | None
    sessions: int
    status: RunStatus


class Sampled(_Answer, frozen=True, tag="sampled"):
    text: str


class Failure(_Answer, frozen=True, tag="failure"):
    """An expected failure as its error class, id and parameters."""

    kind: str
    error_id: str
    parameters: dict[str, str | int]


Answer = Done | InviteCreated | StatusReply | Sampled | Failure
