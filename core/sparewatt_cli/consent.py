"""What a person reads before they contribute to a run, and the check that it is what the invite leads to."""

from sparewatt.credit.keychain import verify_manifest
from sparewatt.signing import Signed
from sparewatt.snapshot import RunSnapshot
from sparewatt.wording.changes import change_words
from sparewatt.wording.units import bytes_words
from sparewatt.work.invite import Invite
from sparewatt.work.manifest import Manifest
from sparewatt.work.model import ModelSpec, frozen_count, parameter_count
from sparewatt.work.plain import plain_text
from sparewatt_cli.figures import count_text


def shown_manifest(signed: Signed, invite: Invite) -> Manifest:
    """The manifest that consent is asked for, checked here once more against what the invite says.

    Raises:
        IntegrityError: it is not the manifest that the invite means, or its signature does not hold.
    """
    return verify_manifest(signed, invite.run, invite.run_key_sha256)


def consent_lines(manifest: Manifest, run: str, isolation: str) -> tuple[str, ...]:
    """The card of a run: who, what for, what of, what it costs, and what is not protected yet."""
    costs, data = manifest.costs, manifest.data
    rows = (
        ("Run", plain_text(manifest.title)),
        ("Purpose", plain_text(manifest.purpose)),
        ("Organiser", plain_text(manifest.organiser)),
        ("Licence", plain_text(manifest.licence)),
        ("Model", _model(manifest.model)),
        ("Data", f"{count_text(data.tokens)} tokens: {plain_text(data.description)}"),
        ("Download", _download(costs.download_bytes_first, costs.download_bytes_per_version)),
        ("Upload", f"{bytes_words(costs.upload_bytes_per_update)} for each update at most"),
        ("Disk", f"{bytes_words(costs.disk_bytes)} at most"),
        ("Memory", f"{bytes_words(costs.memory_bytes)} at most, for each device"),
        ("Checks", _VALIDATION[manifest.validation]),
        ("Isolation", _ISOLATION.get(isolation, isolation)),
        ("Consent", run),
    )
    return tuple(f"{label + ':':<11} {text}" for label, text in rows)


def change_lines(run: RunSnapshot) -> tuple[str, ...]:
    """What a run has become since it was consented to."""
    changes = tuple(f"  {change_words(each.field, each.before, each.after)}" for each in run.changed)
    return (f"The organiser has changed “{run.title}”:", *changes, f"{'Consent:':<11} {run.changed_run}")


_VALIDATION = {
    "unaudited": "unaudited: only contributors with a trusted invite carry weight",
}
_ISOLATION = {
    "none": "none: the training process can do what your account can do",
    "partial": "partial: the training process is held in by some of your system's means",
    "full": "full: the training process can write only to its work folder and open no connection",
}


def _model(spec: ModelSpec) -> str:
    trained = count_text(parameter_count(spec))
    if spec.adapter is None:
        return f"{spec.architecture}, {trained} parameters"
    return f"{spec.architecture}, an adapter of {trained} parameters on {count_text(frozen_count(spec))} that stay"


def _download(first_bytes: int, version_bytes: int) -> str:
    return f"{bytes_words(first_bytes)} at first, then {bytes_words(version_bytes)} for each new version at most"
