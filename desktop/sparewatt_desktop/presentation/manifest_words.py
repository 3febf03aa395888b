"""What a person reads before they consent to a run: what it is, whose, and what it costs. Pure."""

import hashlib
from collections.abc import Sequence
from typing import Final

from sparewatt.control.messages import ManifestReply
from sparewatt.errors import IntegrityError
from sparewatt.plain_json import Unreadable, decoded
from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.isolation import isolation_words
from sparewatt.wording.units import bytes_words, count_words
from sparewatt.work.invite import Invite
from sparewatt.work.manifest import Manifest
from sparewatt.work.model import frozen_count, parameter_count
from sparewatt_desktop.widgets.facts import Fact
from sparewatt_desktop.widgets.text import plain

TEXT_MOST: Final = 400


def manifest_of(reply: ManifestReply, invite: Invite) -> Manifest:
    """The manifest that the engine checked, once more held against what the invite names.

    Raises:
        IntegrityError: ``manifest.digest``: what would be shown is not what would be consented to.
    """
    digest = hashlib.sha256(reply.manifest.body.encode()).hexdigest()
    manifest = read_manifest(reply.manifest.body)
    if digest != invite.run or reply.run != invite.run or manifest is None:
        raise IntegrityError("manifest.digest")
    return manifest


def read_manifest(body: str) -> Manifest | None:
    """What the body of a signed manifest says, whose signature the engine has checked; None where this version cannot
    read it."""
    try:
        return decoded(body, Manifest)
    except Unreadable:
        return None


def about_facts(manifest: Manifest, invite: Invite, translations: Translations = ENGLISH) -> tuple[Fact, ...]:
    """What is trained, for whom, on what."""
    gettext = translations.gettext
    adapts = manifest.model.adapter is not None
    model = filled(
        gettext("{architecture}, an adapter of {count} parameters on {frozen} that stay")
        if adapts
        else gettext("{architecture}, {count} parameters"),
        {
            "architecture": plain(manifest.model.architecture),
            "count": count_words(parameter_count(manifest.model), translations),
            "frozen": count_words(frozen_count(manifest.model), translations),
        },
    )
    data = filled(
        gettext("{count} tokens: {description}"),
        {
            "count": count_words(manifest.data.tokens, translations),
            "description": plain(manifest.data.description, TEXT_MOST),
        },
    )
    return (
        Fact(gettext("Purpose"), plain(manifest.purpose, TEXT_MOST)),
        Fact(gettext("Organiser"), plain(manifest.organiser)),
        Fact(gettext("Licence"), plain(manifest.licence)),
        Fact(gettext("Model"), model),
        Fact(gettext("Data"), data),
        Fact(gettext("Coordinator"), plain(invite.url), _encryption(invite, translations)),
        Fact(gettext("Checks"), _validation(manifest.validation, translations)),
    )


def cost_facts(
    manifest: Manifest, isolation: str, missing: Sequence[str] = (), translations: Translations = ENGLISH
) -> tuple[Fact, ...]:
    """What it takes from this computer, at most; the engine refuses more."""
    gettext = translations.gettext
    costs = manifest.costs
    download = filled(
        gettext("{first} at first, then at most {next} for each new version"),
        {
            "first": bytes_words(costs.download_bytes_first, translations),
            "next": bytes_words(costs.download_bytes_per_version, translations),
        },
    )
    upload = filled(
        gettext("at most {size} for each result"), {"size": bytes_words(costs.upload_bytes_per_update, translations)}
    )
    memory = filled(gettext("at most {size} for each device"), {"size": bytes_words(costs.memory_bytes, translations)})
    return (
        Fact(gettext("Download"), download),
        Fact(gettext("Upload"), upload),
        Fact(gettext("Disk"), filled(gettext("at most {size}"), {"size": bytes_words(costs.disk_bytes, translations)})),
        Fact(gettext("Memory"), memory),
        Fact(gettext("Isolation"), isolation_words(isolation, missing, translations)),
    )


def changes(before: Manifest, after: Manifest, translations: Translations = ENGLISH) -> tuple[Fact, ...]:
    """What an organiser's new manifest says differently, part by part, so that consent is to what is new."""
    gettext = translations.gettext
    parts = (
        (gettext("Title"), before.title, after.title),
        (gettext("Purpose"), before.purpose, after.purpose),
        (gettext("Organiser"), before.organiser, after.organiser),
        (gettext("Licence"), before.licence, after.licence),
        (gettext("Data"), before.data.description, after.data.description),
        (gettext("Model"), before.model.architecture, after.model.architecture),
        (gettext("Checks"), before.validation, after.validation),
    )
    sizes = (
        (gettext("Parameters"), parameter_count(before.model), parameter_count(after.model), count_words),
        (gettext("Tokens of data"), before.data.tokens, after.data.tokens, count_words),
        (
            gettext("Download at first"),
            before.costs.download_bytes_first,
            after.costs.download_bytes_first,
            bytes_words,
        ),
        (gettext("Disk"), before.costs.disk_bytes, after.costs.disk_bytes, bytes_words),
        (gettext("Memory"), before.costs.memory_bytes, after.costs.memory_bytes, bytes_words),
    )
    told = [(name, plain(old, TEXT_MOST), plain(new, TEXT_MOST)) for name, old, new in parts]
    told += [(name, words(old, translations), words(new, translations)) for name, old, new, words in sizes]
    was = gettext("was: {old}")
    found = tuple(Fact(name, new, filled(was, {"old": old})) for name, old, new in told if old != new)
    if found or before == after:
        return found
    return (Fact(gettext("Technical details"), gettext("changed; what you see above did not")),)


def _encryption(invite: Invite, translations: Translations) -> str:
    if invite.url.startswith("wss:"):
        return ""
    return translations.gettext("Not encrypted: whoever carries the data can read them. Results are signed anyway.")


def _validation(validation: str, translations: Translations) -> str:
    if validation == "unaudited":
        return translations.gettext("Unaudited: only results of contributors with a trusted invite carry weight.")
    return validation
