"""The way into a run: from an invite's text to the person's consent."""

from dataclasses import dataclass

from sparewatt.control.messages import InspectInvite, JoinRun, ManifestReply, Reply
from sparewatt.work.invite import parse_invite
from sparewatt.work.manifest import Manifest
from sparewatt_cli import engine_process
from sparewatt_cli.consent import shown_manifest
from sparewatt_cli.engine_link import ask, engine_answers
from sparewatt_cli.surroundings import Surroundings


@dataclass(frozen=True)
class Invitation:
    """A run that was looked at and can be joined.

    Attributes:
        run: digest of the manifest, which is what consent is given to.
    """

    place: Surroundings
    text: str
    run: str
    manifest: Manifest
    isolation: str

    def accept(self) -> None:
        """Consent and contribute. Doing it again changes nothing."""
        ask(self.place, JoinRun(id=1, invite=self.text, consent=self.run), Reply)


def inspected(place: Surroundings, text: str, *, start: bool) -> Invitation:
    """What the invite in `text` leads to; nothing is consented to.

    Args:
        start: start an engine when none runs.

    Raises:
        InputError: ``invite.malformed``.
        NoEngineError: ``engine.not_running``, without `start`.
        UnavailableError, IntegrityError, RefusedError: as the engine reports them.
    """
    cleaned = text.removeprefix("\ufeff").strip()
    invite = parse_invite(cleaned)
    if start and not engine_answers(place):
        engine_process.start_detached(place, engine_process.EngineArguments())
    reply = ask(place, InspectInvite(id=1, invite=cleaned), ManifestReply)
    manifest = shown_manifest(reply.manifest, invite)
    return Invitation(place, cleaned, invite.run, manifest, reply.isolation)
