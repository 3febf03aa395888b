"""What a person reads before they contribute to a run, and the check that it is what the invite leads to."""

from types import MappingProxyType
from typing import Final

from sparewatt.credit.keychain import verify_manifest
from sparewatt.signing import Signed
from sparewatt.snapshot import RunSnapshot
from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.changes import change_words
from sparewatt.wording.units import bytes_words
from sparewatt.work.invite import Invite
from sparewatt.work.manifest import Manifest
from sparewatt.work.model import ModelSpec, frozen_count, parameter_count
from sparewatt.work.plain import plain_text
from sparewatt_cli.figures import count_text

_LABELS_LEAST: Final = 11


def shown_manifest(signed: Signed, invite: Invite) -> Manifest:
    """The manifest that consent is asked for, checked here once more against what the invite says.

    Raises:
        IntegrityError: it is not the manifest that the invite means, or its signature does not hold.
    """
    return verify_manifest(signed, invite.run, invite.run_key_sha256)


def consent_lines(manifest: Manifest, run: str, isolation: str, words: Translations = ENGLISH) -> tuple[str, ...]:
    """The card of a run: who, what for, what of, what it costs, and what is not protected yet."""
    gettext, costs, data = words.gettext, manifest.costs, manifest.data
    tokens = {"count": count_text(data.tokens, words), "description": plain_text(data.description)}
    download = {
        "first": bytes_words(costs.download_bytes_first, words),
        "next": bytes_words(costs.download_bytes_per_version, words),
    }
    return _card(
        (
            (gettext("Run"), plain_text(manifest.title)),
            (gettext("Purpose"), plain_text(manifest.purpose)),
            (gettext("Organiser"), plain_text(manifest.organiser)),
            (gettext("Licence"), plain_text(manifest.licence)),
            (gettext("Model"), _model(manifest.model, words)),
            (gettext("Data"), filled(gettext("{count} tokens: {description}"), tokens)),
            (
                gettext("Download"),
                filled(gettext("{first} at first, then at most {next} for each new version"), download),
            ),
            (gettext("Upload"), _most(gettext("at most {size} for each result"), costs.upload_bytes_per_update, words)),
            (gettext("Disk"), _most(gettext("at most {size}"), costs.disk_bytes, words)),
            (gettext("Memory"), _most(gettext("at most {size} for each device"), costs.memory_bytes, words)),
            (gettext("Checks"), gettext(_VALIDATION[manifest.validation])),
            (gettext("Isolation"), gettext(_ISOLATION[isolation]) if isolation in _ISOLATION else isolation),
            (gettext("Consent"), run),
        )
    )


def change_lines(run: RunSnapshot, words: Translations = ENGLISH) -> tuple[str, ...]:
    """What a run has become since it was consented to."""
    changes = tuple(f"  {change_words(each.field, each.before, each.after, words)}" for each in run.changed)
    title = filled(words.gettext("The organiser has changed “{title}”:"), {"title": run.title})
    return (title, *changes, *_card(((words.gettext("Consent"), run.changed_run),)))


_VALIDATION: Final = MappingProxyType({
    "unaudited": "unaudited: only contributors with a trusted invite carry weight",
})  # fmt: skip
_ISOLATION: Final = MappingProxyType({
    "none": "none: the training process can do what your account can do",
    "partial": "partial: the training process is held in by some of your system's means",
    "full": "full: the training process can write only to its work folder and open no connection",
})  # fmt: skip


def _card(rows: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    width = max(_LABELS_LEAST, *(len(label) + 1 for label, _ in rows))
    return tuple(f"{label + ':':<{width}} {text}" for label, text in rows)


def _most(template: str, count: int, words: Translations) -> str:
    return filled(template, {"size": bytes_words(count, words)})


def _model(spec: ModelSpec, words: Translations) -> str:
    counts = {"architecture": spec.architecture, "count": count_text(parameter_count(spec), words)}
    if spec.adapter is None:
        return filled(words.gettext("{architecture}, {count} parameters"), counts)
    counts["frozen"] = count_text(frozen_count(spec), words)
    return filled(words.gettext("{architecture}, an adapter of {count} parameters on {frozen} that stay"), counts)
