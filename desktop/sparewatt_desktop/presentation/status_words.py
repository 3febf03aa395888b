"""What the status page says of work, runs and credit. Pure."""

from dataclasses import dataclass
from typing import Final

from sparewatt.snapshot import DeviceSnapshot, RunSnapshot, Snapshot
from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.changes import change_words
from sparewatt.wording.isolation import isolation_words
from sparewatt.wording.status import device_sentence
from sparewatt.wording.units import bytes_words, count_words, credit_number, credit_words, loss_words
from sparewatt_desktop.widgets.text import plain

CHANGES_MOST: Final = 40


@dataclass(frozen=True)
class Progress:
    """Attributes:
    text: what the device works on.
    percent: of the assignment; None while there is none.
    """

    text: str
    percent: int | None


def progress_of(device: DeviceSnapshot, snapshot: Snapshot, translations: Translations = ENGLISH) -> Progress:
    """The assignment of a device."""
    gettext = translations.gettext
    work = device.current
    if work is None:
        return Progress(device_sentence(device, snapshot.taken_unix_s, translations), None)
    parameters = {"done": work.inner_steps, "total": work.inner_steps_total, "version": work.base_version}
    if work.phase == "fetching":
        return Progress(filled(gettext("Fetching the data of the next piece of work."), parameters), None)
    percent = round(100 * work.inner_steps / work.inner_steps_total) if work.inner_steps_total else 0
    if work.phase == "encoding":
        return Progress(gettext("Packing the result."), 100)
    text = filled(gettext("Inner step {done} of {total}, from version {version}"), parameters)
    if work.loss_micro is not None:
        run = next((run for run in snapshot.runs if run.run == work.run), None)
        unit = run.loss_unit if run is not None else ""
        words = gettext("{text}, loss {loss}")
        text = filled(words, {"text": text, "loss": loss_words(work.loss_micro, unit, translations)})
    return Progress(text, percent)


def run_line(run: RunSnapshot, translations: Translations = ENGLISH) -> str:
    """For whom and under which licence."""
    words = translations.gettext("For {organiser}. Licence: {licence}.")
    return filled(words, {"organiser": plain(run.organiser), "licence": plain(run.licence)})


def run_trouble(run: RunSnapshot, translations: Translations = ENGLISH) -> str:
    """What keeps results of this run from counting or arriving, empty where nothing does."""
    gettext = translations.gettext
    found: list[str] = []
    if run.state == "closed":
        found.append(gettext("The run is closed: it is finished, or its organiser ended it."))
    elif run.state == "stalled":
        found.append(gettext("The run is stalled: its coordinator cannot merge. Its organiser has to help."))
    elif run.connection.state == "disconnected":
        found.append(
            gettext("The coordinator cannot be reached. Work goes on while there is some, and is delivered later.")
        )
    elif run.connection.state == "refused":
        found.append(gettext("The coordinator refuses this contributor."))
    if run.words:
        found.append(filled(gettext("The organiser says: {words}"), {"words": plain(run.words)}))
    if run.outbox and run.connection.state != "connected":
        words = translations.ngettext(
            "{count} finished result is kept here until then.",
            "{count} finished results are kept here until then.",
            run.outbox,
        )
        found.append(filled(words, {"count": run.outbox}))
    return " ".join(found)


def run_label(run: RunSnapshot, translations: Translations = ENGLISH) -> str:
    """How much the run's results are checked, in a word or two."""
    return translations.gettext("unaudited") if run.validation == "unaudited" else ""


def credit_today(snapshot: Snapshot, translations: Translations = ENGLISH) -> str:
    """Of all runs together."""
    return credit_number(sum(run.credit_today_micro for run in snapshot.runs), translations)


def credit_in_all(snapshot: Snapshot, translations: Translations = ENGLISH) -> str:
    """Of all runs together."""
    return credit_number(sum(run.credit_micro for run in snapshot.runs), translations)


def results_accepted(snapshot: Snapshot, translations: Translations = ENGLISH) -> str:
    """How many results were accepted, and how many not."""
    accepted = sum(run.updates_accepted for run in snapshot.runs)
    refused = sum(run.updates_refused for run in snapshot.runs)
    if not refused:
        return str(accepted)
    words = translations.gettext("{accepted}, {refused} refused")
    return filled(words, {"accepted": accepted, "refused": refused})


def run_figures(run: RunSnapshot, translations: Translations = ENGLISH) -> str:
    """What was given to a run and what came back."""
    words = translations.gettext("{tokens} tokens accepted in {results} results, {credit}. {disk} on this disk.")
    return filled(
        words,
        {
            "tokens": count_words(run.tokens_accepted, translations),
            "results": run.updates_accepted,
            "credit": credit_words(run.credit_micro, translations),
            "disk": bytes_words(run.disk_bytes, translations),
        },
    )


def isolation_line(snapshot: Snapshot, translations: Translations = ENGLISH) -> str:
    """How strongly training processes are held in on this computer."""
    held = isolation_words(snapshot.isolation, snapshot.isolation_missing, translations)
    return filled(translations.gettext("Isolation on this computer: {words}."), {"words": held})


def change_lines(run: RunSnapshot, translations: Translations = ENGLISH) -> tuple[str, ...]:
    """What is new about a run since it was consented to, one line for each field."""
    changed = run.changed[:CHANGES_MOST]
    lines = [change_words(plain(each.field), plain(each.before), plain(each.after), translations) for each in changed]
    left = len(run.changed) - len(changed)
    if left:
        words = translations.ngettext("and {count} more field", "and {count} more fields", left)
        lines.append(filled(words, {"count": left}))
    return tuple(lines)
