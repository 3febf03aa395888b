"""What the training page says about a run and its plots. Pure."""

import math
from collections.abc import Sequence

from sparewatt.snapshot import EvaluationSnapshot, RunSnapshot
from sparewatt.wording.catalogue import ENGLISH, Parameters, Translations, filled
from sparewatt.wording.errors import error_words
from sparewatt.wording.numbers import significant_words
from sparewatt.wording.units import bytes_words, count_words, duration_words, loss_words
from sparewatt_desktop.widgets.facts import Fact

Points = Sequence[tuple[float, float]]


def about_rows(run: RunSnapshot, translations: Translations = ENGLISH) -> tuple[Fact, ...]:
    """For whom, what for, under which licence, and how results are checked."""
    gettext = translations.gettext
    rows = [Fact(gettext("Organiser"), run.organiser), Fact(gettext("Licence"), run.licence)]
    if run.purpose:
        rows.insert(0, Fact(gettext("Purpose"), run.purpose))
    rows.append(Fact(gettext("Checks"), validation_words(run.validation, translations)))
    rows.append(Fact(gettext("Connection"), connection_words(run, translations)))
    return tuple(rows)


def progress_rows(run: RunSnapshot, translations: Translations = ENGLISH) -> tuple[Fact, ...]:
    """How far the run is, and what of it came from here."""
    gettext = translations.gettext
    whole = filled(gettext("{count} tokens"), {"count": count_words(run.run_tokens, translations)})
    yours = filled(gettext("{count} tokens"), {"count": count_words(run.tokens_accepted, translations)})
    return (
        Fact(gettext("Version"), version_words(run, translations)),
        Fact(gettext("Whole run"), whole),
        Fact(gettext("From this computer"), yours, share_words(run, translations)),
        Fact(gettext("Held-out loss"), latest_loss_words(run, translations)),
        Fact(gettext("On this disk"), bytes_words(run.disk_bytes, translations)),
    )


def state_words(run: RunSnapshot, translations: Translations = ENGLISH) -> str:
    """The run's own state with the organiser's words, empty while it is simply open."""
    gettext = translations.gettext
    match run.state:
        case "open":
            state = ""
        case "stalled":
            state = gettext("The run is stalled: its coordinator cannot merge. Its organiser has to help.")
        case "closed":
            state = gettext("The run is closed and takes no more work.")
    words = filled(gettext("The organiser says: {words}"), {"words": run.words}) if run.words else ""
    return " ".join(part for part in (state, words) if part)


def validation_words(validation: str, translations: Translations = ENGLISH) -> str:
    """How results are checked."""
    if validation == "unaudited":
        return translations.gettext("Unaudited: only results of contributors with a trusted invite carry weight.")
    return validation


def connection_words(run: RunSnapshot, translations: Translations = ENGLISH) -> str:
    """How the coordinator is reached."""
    gettext = translations.gettext
    connection = run.connection
    if connection.state != "connected" and connection.error is not None:
        return error_words(connection.error.error_id, connection.error.parameters, translations)
    match connection.state:
        case "connected":
            words = gettext("Connected, encrypted.") if run.encrypted else gettext("Connected, not encrypted.")
        case "connecting" | "handshake":
            return gettext("Connecting.")
        case "disconnected":
            return gettext("Not connected.")
        case "refused":
            return gettext("The coordinator refuses this contributor.")
    traffic = {
        "up": bytes_words(connection.bytes_up, translations),
        "down": bytes_words(connection.bytes_down, translations),
    }
    return f"{words} {filled(gettext('{up} sent, {down} received.'), traffic)}"


def version_words(run: RunSnapshot, translations: Translations = ENGLISH) -> str:
    """Which version is here, and whether a newer one is known."""
    gettext = translations.gettext
    if run.version is None:
        return gettext("none here yet")
    if run.version_latest is not None and run.version_latest > run.version:
        words = gettext("{here} here, {latest} is the newest")
        return filled(words, {"here": run.version, "latest": run.version_latest})
    return filled(gettext("{here}, the newest"), {"here": run.version})


def share_words(run: RunSnapshot, translations: Translations = ENGLISH) -> str:
    """The share of the run's tokens that came from here."""
    if not run.run_tokens or not run.tokens_accepted:
        return ""
    share = 100 * min(1.0, run.tokens_accepted / run.run_tokens)
    percent = f"{share:.0f}" if share >= 10 else significant_words(share, 2, translations)
    return filled(translations.gettext("{percent} % of the run"), {"percent": percent})


def latest_loss_words(run: RunSnapshot, translations: Translations = ENGLISH) -> str:
    """The newest measurement."""
    newest = run.evaluations[-1].loss_micro if run.evaluations else None
    return loss_words(newest, run.loss_unit, translations)


def loss_summary(evaluations: Sequence[EvaluationSnapshot], unit: str, translations: Translations = ENGLISH) -> str:
    """The plot of held-out loss in one sentence, for those who cannot see it."""
    gettext = translations.gettext
    if not evaluations:
        return gettext("No version was measured yet.")
    first, last = evaluations[0], evaluations[-1]
    parameters: Parameters = {
        "first": loss_words(first.loss_micro, unit, translations),
        "last": loss_words(last.loss_micro, unit, translations),
        "from": first.version,
        "to": last.version,
    }
    if len(evaluations) == 1:
        return filled(gettext("Held-out loss of version {from} is {first}. Lower is better."), parameters)
    if last.loss_micro < first.loss_micro:
        words = gettext("Held-out loss fell from {first} at version {from} to {last} at version {to}. Lower is better.")
    elif last.loss_micro > first.loss_micro:
        words = gettext("Held-out loss rose from {first} at version {from} to {last} at version {to}. Lower is better.")
    else:
        words = gettext("Held-out loss stayed at {first} from version {from} to version {to}. Lower is better.")
    return filled(words, parameters)


def series_summary(points: Points, unit: str, translations: Translations = ENGLISH) -> str:
    """A plot over time in one sentence."""
    known = [(moment, value) for moment, value in points if math.isfinite(value)]
    if not known:
        return translations.gettext("Nothing was measured yet.")
    values = [value for _, value in known]
    parameters = {
        "now": number_words(values[-1], translations),
        "least": number_words(min(values), translations),
        "most": number_words(max(values), translations),
        "unit": unit,
        "duration": duration_words(known[-1][0] - known[0][0], translations),
    }
    words = translations.gettext("{now} {unit} now; between {least} and {most} over the last {duration}.")
    return filled(words, parameters)


def number_words(value: float, translations: Translations = ENGLISH) -> str:
    """Three digits, as one reads a plot."""
    if abs(value) >= 1000:
        return count_words(round(value), translations)
    return f"{value:.0f}" if abs(value) >= 100 else significant_words(value, 3, translations)


def series_title(series: str, translations: Translations = ENGLISH) -> str:
    """The name of one of the engine's series."""
    gettext = translations.gettext
    match series:
        case "power_watts":
            return gettext("Power")
        case "tokens_per_s":
            return gettext("Speed")
        case "loss":
            return gettext("Training loss")
        case _:
            return series


def series_unit(series: str, translations: Translations = ENGLISH) -> str:
    """The unit of its values."""
    match series:
        case "power_watts":
            return "W"
        case "tokens_per_s":
            return translations.gettext("tokens/s")
        case _:
            return translations.gettext("nats")
