"""Receipts as rows of a table, and what they prove in a sentence. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from sparewatt.plain_json import Unreadable, decoded
from sparewatt.signing import Signed
from sparewatt.snapshot import RunSnapshot
from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.numbers import decimal_words
from sparewatt.wording.units import count_words, credit_words
from sparewatt.work.receipt import Receipt
from sparewatt_desktop.widgets.facts import Fact


@dataclass(frozen=True)
class ReceiptList:
    """The newest word about each assignment, newest first.

    Attributes:
        unreadable: how many of the receipts hold nothing that this version can read.
    """

    receipts: tuple[Receipt, ...]
    unreadable: int = 0


@dataclass(frozen=True)
class ReceiptRow:
    """One receipt as it is shown."""

    time: str
    run: str
    round: str
    tokens: str
    credit: str
    state: str


def newest_receipts(signed: Iterable[Signed]) -> ReceiptList:
    """What `signed` say, without checking who says so: that is done offline, by ``sparewatt receipts verify``."""
    newest: dict[str, Receipt] = {}
    unreadable = 0
    for each in signed:
        try:
            receipt = decoded(each.body, Receipt)
        except Unreadable:
            unreadable += 1
            continue
        known = newest.get(receipt.assignment_id)
        if known is None or receipt.sequence > known.sequence:
            newest[receipt.assignment_id] = receipt
    ordered = sorted(newest.values(), key=lambda receipt: (receipt.accepted_at_s, receipt.sequence), reverse=True)
    return ReceiptList(tuple(ordered), unreadable)


def receipt_row(
    receipt: Receipt,
    run_title: str,
    now_unix_s: int,
    translations: Translations = ENGLISH,
    zone: tzinfo | None = None,
) -> ReceiptRow:
    """`receipt` in words; `zone` is the computer's own where it is None."""
    return ReceiptRow(
        time=moment_words(receipt.accepted_at_s, now_unix_s, translations, zone),
        run=run_title,
        round=str(receipt.round),
        tokens=count_words(receipt.tokens, translations),
        credit=credit_number(receipt.credit_micro, translations),
        state=receipt_state_words(receipt, translations),
    )


def credit_number(credit_micro: int, translations: Translations = ENGLISH) -> str:
    """Credits under a heading that says so."""
    return decimal_words(credit_micro / 1e6, 4, translations, grouped=True)


def receipt_state_words(receipt: Receipt, translations: Translations = ENGLISH) -> str:
    """How far the credit of a receipt can be relied on."""
    gettext = translations.gettext
    match receipt.state:
        case "verified":
            return gettext("verified") if receipt.merged == "yes" else gettext("verified, came late")
        case "pending":
            return gettext("to be checked") if receipt.merged == "yes" else gettext("to be checked, came late")
        case "revoked":
            return gettext("taken back")


def proof_sentence(listed: ReceiptList, translations: Translations = ENGLISH) -> str:
    """What the states of the shown receipts mean, in one or two sentences."""
    ngettext, gettext = translations.ngettext, translations.gettext
    if not listed.receipts and not listed.unreadable:
        return gettext("No receipts yet. Each accepted result brings one, signed by the run's coordinator.")
    counts = {
        state: sum(receipt.state == state for receipt in listed.receipts)
        for state in ("verified", "pending", "revoked")
    }
    parts = []
    if counts["verified"]:
        words = ngettext("{count} is verified.", "{count} are verified.", counts["verified"])
        parts.append(filled(words, {"count": counts["verified"]}))
    if counts["pending"]:
        words = ngettext("{count} may still be checked.", "{count} may still be checked.", counts["pending"])
        parts.append(filled(words, {"count": counts["pending"]}))
    if counts["revoked"]:
        words = ngettext("{count} was taken back.", "{count} were taken back.", counts["revoked"])
        parts.append(filled(words, {"count": counts["revoked"]}))
    if listed.unreadable:
        words = ngettext(
            "{count} cannot be read by this version.", "{count} cannot be read by this version.", listed.unreadable
        )
        parts.append(filled(words, {"count": listed.unreadable}))
    head = filled(
        ngettext("Of the newest {count} receipt:", "Of the newest {count} receipts:", len(listed.receipts)),
        {"count": len(listed.receipts) + listed.unreadable},
    )
    return " ".join((head, *parts))


def credit_sums(runs: Iterable[RunSnapshot], translations: Translations = ENGLISH) -> tuple[str, str]:
    """Credit today and in all, of all joined runs."""
    known = tuple(runs)
    today, in_all = sum(run.credit_today_micro for run in known), sum(run.credit_micro for run in known)
    return credit_words(today, translations), credit_words(in_all, translations)


def export_hint(translations: Translations = ENGLISH) -> str:
    """How to keep the receipts and check them without us."""
    return translations.gettext(
        "Every receipt is signed. To keep them and check them yourself, in a terminal: "
        "sparewatt receipts list --json > receipts.json, then sparewatt receipts verify receipts.json"
    )


def moment_words(unix_s: int, now_unix_s: int, translations: Translations = ENGLISH, zone: tzinfo | None = None) -> str:
    """``today 14:05`` or ``2026-11-24 14:05``, in local time."""
    moment, now = (datetime.fromtimestamp(each, tz=UTC).astimezone(zone) for each in (unix_s, now_unix_s))
    clock = f"{moment:%H:%M}"
    if moment.date() == now.date():
        return filled(translations.gettext("today {clock}"), {"clock": clock})
    parts = {"year": f"{moment:%Y}", "month": f"{moment:%m}", "day": f"{moment:%d}", "clock": clock}
    return filled(translations.gettext("{year}-{month}-{day} {clock}"), parts)


def last_receipt_facts(
    receipts: Iterable[Receipt], now_unix_s: int, translations: Translations = ENGLISH, zone: tzinfo | None = None
) -> tuple[Fact, ...]:
    """Receipts as short lines: when, how much, and how sure it is."""
    words = translations.gettext("{tokens} tokens, {credit}, {state}")
    return tuple(
        Fact(
            moment_words(receipt.accepted_at_s, now_unix_s, translations, zone),
            filled(
                words,
                {
                    "tokens": count_words(receipt.tokens, translations),
                    "credit": credit_words(receipt.credit_micro, translations),
                    "state": receipt_state_words(receipt, translations),
                },
            ),
        )
        for receipt in receipts
    )
